/** What a formula holds for, behind it: "1 - 1/(n+1) for all n ≥ 1". */

const LETTER = String.raw`\$?\s?([a-zA-Z])`
const RANGE = String.raw`(?:\s?(?:>|<|≥|≤|>=|<=|\\(?:geq?|leq?|geqslant|leqslant|in)(?![a-z])|∈)\s?(?:-?\d{1,4}|(?:\\(?:mathbb|mathbf)\s?\{?\s?)?[A-Zℕℤℚℝℂ]\}?(?:_\{?[+\d>]{1,3}\}?|\^[+*])?|\\infty))?`
const BLANK = String.raw`(?:\s|\\[,;! ]|\\q?quad(?![a-z])|,)*`
/** "for all n ≥ 1", where nothing is left out. */
const FOR_ALL = new RegExp(
  String.raw`^(.*?)${BLANK}(?:\\(?:text|mbox|mathrm)\s?\{\s?,?\s?(?:valid )?for (?:all|every|each|any)(?: (?:real|positive|integers?|natural|numbers?)){0,3}\s?\}|,? for (?:all|every|each|any)(?: (?:real|positive|integers?|natural|numbers?)){0,3}\s|\\forall(?![a-z]))${BLANK}${LETTER}${RANGE}\$?[.\s]*$`,
  's',
)
/** "a_n = 2^n - 1, n ≥ 1" */
const FROM = new RegExp(
  String.raw`^([a-zA-Z]_\{?([a-z])\}?\s?=[^=<>,]{1,200}?)\s?,${BLANK}\2\s?(?:\\geq?(?![a-z])|≥|>=)\s?[0-2][.\s]*$`,
  's',
)
const LONGEST = 400

/** A formula without what it holds for, or that where it stands alone. Undefined: it does not say it. */
export function withoutDomain(text: string): string | undefined {
  if (text.length > LONGEST || !/for (?:all|every|each|any)|forall|,/.test(text)) return undefined
  const found = FOR_ALL.exec(text) ?? FROM.exec(text)
  if (!found) return undefined
  const head = found[1].trim()
  if (head === '') return text.replace(/^\W*\\(?:text|mbox|mathrm)\s?\{[^{}]*\}/, '').trim()
  return /[<>≤≥,;]|\\(?:[lg]eq?|neq?|text|begin|iff|q?quad)(?![a-z])/.test(head) ? undefined : head
}
