/** The constant of an antiderivative or of a general solution, whatever its letter: x²/2 + C is x²/2 + c, and y = Ce^{3x} is y = Ke^{3x}. */

const NAME = String.raw`([CcKk](?:_\{?[01]\}?)?)`
const ADDED = new RegExp(String.raw`^(.{1,200}[^\\^_{(+*/=\s-])\s?\+\s?${NAME}\$?$`)
const ADDED_FIRST = new RegExp(String.raw`^${NAME}\s?\+\s?(.{1,200})$`)
const FACTOR = new RegExp(
  String.raw`^(y(?:\([a-z]\))?\s?=\s?)${NAME}\s?(?:\\cdot\s?|\*\s?|\\[,;]\s?)?((?:\\?e\s?\^|\\exp|x|\(|\\sqrt|\\sin|\\cos|t\^).{0,200})$`,
)

/** A text with its constant named C. Undefined: it has no such constant, or its letter stands elsewhere, too. */
function withPlainConstant(text: string): string | undefined {
  const plain = text.trim().replace(/^\$|\$$|\.$/g, '')
  const added = ADDED.exec(plain)
  if (added) return isFree(added[2], added[1]) ? `${added[1]}+C` : undefined
  const first = ADDED_FIRST.exec(plain)
  if (first) return isFree(first[1], first[2]) ? `${first[2]}+C` : undefined
  const factor = FACTOR.exec(plain)
  return factor && isFree(factor[2], factor[3]) ? `${factor[1]}C ${factor[3]}` : undefined
}

const isFree = (name: string, rest: string): boolean => !new RegExp(`(?<![a-zA-Z\\\\])${name[0]}(?![a-z])|C`).test(rest)

/** Both texts with their constants named alike. Undefined: they are no two expressions with a free constant, or it has one name in both. */
export function withSameConstant(text: string, reference: string): [string, string] | undefined {
  if (!/[CcKk]/.test(reference) || text.length > 300 || reference.length > 300) return undefined
  const meant = withPlainConstant(reference)
  const said = meant === undefined ? undefined : withPlainConstant(text)
  return said === undefined ? undefined : [said, meant!]
}
