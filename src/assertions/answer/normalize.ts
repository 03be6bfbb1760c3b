/** Unicode to the ASCII and LaTeX that the tokenizer knows. */

const INVISIBLE = /\p{Cf}|\p{Variation_Selector}/gu
const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ'
const SUPERSCRIPT_VALUES = '0123456789+-()ni'
const SUBSCRIPTS = '₀₁₂₃₄₅₆₇₈₉'
const VULGAR: Readonly<Record<string, string>> = {
  '½': '1/2',
  '⅓': '1/3',
  '⅔': '2/3',
  '¼': '1/4',
  '¾': '3/4',
  '⅕': '1/5',
  '⅖': '2/5',
  '⅗': '3/5',
  '⅘': '4/5',
  '⅙': '1/6',
  '⅚': '5/6',
  '⅛': '1/8',
  '⅜': '3/8',
  '⅝': '5/8',
  '⅞': '7/8',
}
const SIGNS: Readonly<Record<string, string>> = {
  '−': '-',
  '–': '-',
  '—': '-',
  '‐': '-',
  '‑': '-',
  '‒': '-',
  '×': '\\times ',
  '·': '\\cdot ',
  '⋅': '\\cdot ',
  '∙': '\\cdot ',
  '∗': '*',
  '÷': '/',
  '∕': '/',
  '⁄': '/',
  '√': '\\sqrt ',
  '∞': '\\infty ',
  '≤': '\\le ',
  '⩽': '\\le ',
  '≥': '\\ge ',
  '⩾': '\\ge ',
  '≠': '\\ne ',
  '≈': '\\approx ',
  '≡': '\\equiv ',
  '∪': '\\cup ',
  '∩': '\\cap ',
  '∖': '\\setminus ',
  '∅': '\\emptyset ',
  '∈': '\\in ',
  '±': '\\pm ',
  '∓': '\\mp ',
  '°': '^\\circ ',
  '⌊': '\\lfloor ',
  '⌋': '\\rfloor ',
  '⌈': '\\lceil ',
  '⌉': '\\rceil ',
  '⟨': '\\langle ',
  '⟩': '\\rangle ',
  ℝ: '\\mathbb{R}',
  '∣': '|',
  '′': "'",
  '’': "'",
  '。': '.',
  '，': ',',
  '、': ',',
  α: '\\alpha ',
  β: '\\beta ',
  γ: '\\gamma ',
  δ: '\\delta ',
  ε: '\\epsilon ',
  θ: '\\theta ',
  λ: '\\lambda ',
  μ: '\\mu ',
  π: '\\pi ',
  ρ: '\\rho ',
  σ: '\\sigma ',
  τ: '\\tau ',
  φ: '\\phi ',
  ω: '\\omega ',
}
const CHARACTER_RUN = /[^\u0000-\u007f]+/g

/** Normalises text: invisible characters go; superscripts are read before NFKC would turn x² into x2. */
export function normalizeUnicode(text: string): string {
  return text
    .replace(INVISIBLE, '')
    .replace(/√\s?(\d+(?:\.\d+)?)/g, '\\sqrt{$1}')
    .replace(CHARACTER_RUN, normalizeRun)
}

function normalizeRun(run: string): string {
  let out = ''
  const characters = [...run]
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i]
    if (SUPERSCRIPTS.includes(c) || SUBSCRIPTS.includes(c)) {
      const from = SUPERSCRIPTS.includes(c) ? SUPERSCRIPTS : SUBSCRIPTS
      let inner = ''
      for (; i < characters.length && from.includes(characters[i]); i++) inner += SUPERSCRIPT_VALUES[from.indexOf(characters[i])]
      i--
      out += `${from === SUPERSCRIPTS ? '^' : '_'}{${inner}}`
    } else if (Object.hasOwn(VULGAR, c)) out += `\\frac{${VULGAR[c].replace('/', '}{')}}`
    else if (Object.hasOwn(SIGNS, c)) out += SIGNS[c]
    else out += normalizeCharacter(c)
  }
  return out
}

function normalizeCharacter(c: string): string {
  const compatible = c.normalize('NFKC')
  if (compatible === c) return /\p{Nd}/u.test(c) ? String(digitValue(c.codePointAt(0)!)) : /\s/u.test(c) ? ' ' : c
  let out = ''
  for (const inner of compatible) out += Object.hasOwn(SIGNS, inner) ? SIGNS[inner] : inner
  return out
}

/** Decimal digits of a script stand in one run of ten. */
function digitValue(code: number): number {
  let value = 0
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value++
  return value
}

const MARKERS: readonly [string, string][] = [
  ['$$', '$$'],
  ['$', '$'],
  ['\\(', '\\)'],
  ['\\[', '\\]'],
  ['**', '**'],
  ['`', '`'],
]

/** Text without the math delimiters, emphasis and end marks around it. */
export function stripDelimiters(text: string): string {
  let out = text.trim()
  for (let round = 0; round < 8; round++) {
    const before = out
    for (const [open, close] of MARKERS) {
      if (out.length >= open.length + close.length && out.startsWith(open) && out.endsWith(close)) {
        const inner = out.slice(open.length, out.length - close.length)
        if (!inner.includes(open)) out = inner.trim()
      }
    }
    while (/[.,;:!]$/.test(out) && !/\\[,;:!]$/.test(out) && !/[\da-z\])}]!$/i.test(out)) out = out.slice(0, -1).trimEnd()
    if (out === before) break
  }
  return out
}
