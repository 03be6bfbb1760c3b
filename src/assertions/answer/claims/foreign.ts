/** Answer lines and choices of other languages, said in English: "答案为［０，３）", "La respuesta es (1, 2)", "故选 B". */

const NEGATION = String.raw`(不是|不为|并非|ではありません|nicht|no es|n['’]est pas|ne (?=\d)|не |non è|não é)?`
const MARK = String.raw`[*_\s]{0,4}[:：]?[*_\s]{0,4}`
const MARKERS = [
  // Chinese and Japanese
  new RegExp(
    String.raw`[【\[]?(?:最终|正确|最后的?)?(?:的)?答案?[】\]]?\s?(?:应该|应)?(?:就)?${NEGATION}(?:是|为|選|选|等于|は|:|：)?${MARK}(?=[\s$\\(（\[［{｛①-⑳A-J\dａ-ｚＡ-Ｊ０-９a-z+\-−－√π])`,
    'g',
  ),
  new RegExp(
    String.raw`\b(?:(?:die|la|l['’]|a|il|het|el)\s?)?(?:(?:endg(?:ü|ue)ltige|richtige|korrekte)\s)?(?:antwort|l(?:ö|oe)sung|respuesta|r(?:é|e)ponse|resposta|risposta|antwoord)\b(?: finale?| definitiva| corre(?:c|t)?ta| correcte)?\s?(?:lautet|ist|est|es|è|é|is|:)?\s?${NEGATION}${MARK}`,
    'gi',
  ),
  new RegExp(String.raw`(?<!\p{L})Ответ${MARK}(?:—|–|-(?=\s))?\s?`, 'gu'),
]
const RIGHT_OPTION = /选项\s?[(（]?([A-J])[)）]?\s?(?:是)?正确/g
const CHOICE = /(?:故|应|應|因此|所以)?(?:选择?|選)\s?[:：]?\s?[(（]?([A-JＡ-Ｊ])[)）]?\s?(?:选项|項)?\s?(?=[.。．,，;；!！\s]|$)/g
/** 不是15，而是14 */
const RATHER = /不是[^，,。\n]{1,40}[，,]\s?而是/g
/** 15，而不是25 */
const NOT_ANOTHER = /[，,]\s?(?:而|并)?(?:不是|并非|非)(?![常])[^，,。；;\n]{1,40}(?=[。；;\n.]|$)/g
const WIDE = /[０-９ａ-ｚＡ-Ｚ＝＋－．]/g
/** Fractions in German: "ein Sechstel", "drei Viertel". */
const PARTS: Readonly<Record<string, number>> = {
  Drittel: 3,
  Viertel: 4,
  Fünftel: 5,
  Sechstel: 6,
  Siebtel: 7,
  Achtel: 8,
  Neuntel: 9,
  Zehntel: 10,
  Zwölftel: 12,
  Zwanzigstel: 20,
  Hundertstel: 100,
}
const FEW = ['ein', 'zwei', 'drei', 'vier', 'fünf', 'sechs', 'sieben', 'acht', 'neun', 'zehn', 'elf']
const FRACTION = new RegExp(
  String.raw`(?<!\p{L})(${FEW.join('|')}|\d{1,3}) (${Object.keys(PARTS).join('|')})(?!\p{L}| von | [a-z]+ \d)`,
  'gu',
)
/** How much at the end is searched for them. */
const SPOKEN = 400

/** A text with the German fractions of its end in figures. */
export function fractionsInFigures(text: string): string {
  const from = Math.max(0, text.length - SPOKEN)
  if (text.indexOf('tel', from) < 0) return text
  return (
    text.slice(0, from) +
    text
      .slice(from)
      .replace(FRACTION, (_, count: string, part: string) => `${/\d/.test(count) ? count : FEW.indexOf(count) + 1}/${PARTS[part]}`)
  )
}

/** What ends a sentence behind the value. */
const CLOSING = /\s?(?:です|である|である。|입니다)[。.．]?\s*$/
const MAYBE = /[^\u0000-\u007f]|[Aa]ntwo|ANTW|[Ll]oesung|[Rr]espuesta|[Rr]eponse|[Rr]esposta|[Rr]isposta/

/** A text with its answer lines in English. Undefined: it has none of another language. */
export function inEnglish(text: string): string | undefined {
  if (!MAYBE.test(text)) return undefined
  const plain = text
    .replace(RATHER, '是')
    .replace(NOT_ANOTHER, '')
    .replace(WIDE, (sign) => (sign === '－' ? '-' : sign.normalize('NFKC')))
  const said = MARKERS.reduce(
    (out, marker) => out.replace(marker, (_, denied?: string) => (typeof denied === 'string' ? '\nThe answer is not ' : '\nAnswer: ')),
    plain,
  )
  const chosen = said
    .replace(RIGHT_OPTION, '\nAnswer: $1\n')
    .replace(CHOICE, (_, letter: string) => `\nAnswer: ${letter.normalize('NFKC')}`)
  return chosen === text ? undefined : chosen.replace(CLOSING, '')
}
