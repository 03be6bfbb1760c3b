/** Derivations of several rows, as in aligned: the last row states their result. */

const LAST =
  /\\begin\{(aligned|align\*?|split|gather(?:ed|\*)?|eqnarray\*?|equation\*?|multline\*?|alignat\*?)\}((?:(?!\\(?:begin|end)\{)[\s\S]){1,3000})\\end\{\1\}(?:[\s.]|\\\]|\$\$){0,8}$/
/** A letter with its index: a row that gives its value may stand beside others of a solution. */
const LETTER = /^\s?[a-zA-Z](?:_\{?\w{1,3}\}?)?\s?$/

/** What the rows at the end of a text state. Undefined: none stand there. */
export function resultOfRows(text: string): string | undefined {
  if (!/\\end\{/.test(text.slice(-60))) return undefined
  const found = LAST.exec(text.slice(-3200))
  return found ? lastOf(found[2]) : undefined
}

function lastOf(inner: string): string {
  const rows = inner
    .replace(/\\(?:tag|label)\{[^{}]{0,40}\}|\\(?:nonumber|notag)\b/g, ' ')
    .split(/\\\\(?:\[[^\]\n]{1,12}\])?/)
    .map((row) => row.trim())
    .filter((row) => row.replace(/[&.\s]/g, '') !== '')
  const plain = (row: string): string =>
    row
      .replaceAll('\\&', '\u0000')
      .replaceAll('&', ' ')
      .replaceAll('\u0000', '\\&')
      .replace(/^\s*\\(?:Rightarrow|Longrightarrow|implies|iff|Leftrightarrow|therefore)(?![a-z])(?:\s|\\q?quad(?![a-z]))*/, '')
      .trim()
  const sides = rows.map((row) => plain(row).split('=')[0])
  // x = 1, y = 2: a solution in two rows.
  if (rows.length > 1 && sides.every((side) => LETTER.test(side)) && new Set(sides.map((side) => side.trim())).size === rows.length)
    return rows.map(plain).join(', ')
  const last = plain(rows.at(-1) ?? inner)
  // "&= 5": it goes on with what stands above.
  return last.replace(/^(?:=|\\equiv(?![a-z]))\s*/, '').replace(/[.,]$/, '')
}
