import type { JsonObject } from '../../json.ts'

/** The error about a key of `tokenizer.json`. */
export type Fail = (key: string, expected: string, found: unknown, next?: string) => Error

/**
 * Scores of SentencePiece from a list of merges, which is all that a `tokenizer.json` keeps of them. llama.cpp merges the neighbours
 * that make the token of the highest score, so the order of the tokens in the list is what counts. Tokens whose merges stand among each
 * other had one score, and converters sorted them by the length of their left part.
 * @throws CheckpointError where scores cannot say what the list says
 */
export function scoresFromMerges(
  { merges: listed }: JsonObject,
  tokens: readonly string[],
  types: readonly number[],
  fail: Fail,
): Float32Array {
  const key = 'model.merges'
  if (!Array.isArray(listed) || listed.length === 0) throw fail(key, 'a list of merges', listed)
  const merges = (listed as (string | [string, string])[]).map((merge) => (typeof merge === 'string' ? merge.split(' ') : merge))
  const lastOf = new Map(merges.map(([left, right], i) => [left + right, i]))
  const scores = new Map<string, number>()
  let end = -1
  let tier = 0
  for (const [i, [left, right]] of merges.entries()) {
    if (i > end) tier--
    else if (!scores.has(left + right) || merges[i - 1].join('') !== left + right) {
      if (left.length > merges[i - 1][0].length) throw fail(key, 'all merges that make one token side by side', [left, right])
    }
    scores.set(left + right, tier)
    end = Math.max(end, lastOf.get(left + right)!)
  }
  const pairs = new Set(merges.map((pair) => pair.join(' ')))
  const normal = new Set(tokens.filter((_, id) => types[id] === 1))
  for (const token of normal) {
    for (let at = 1; at < token.length; at++) {
      const [left, right] = [token.slice(0, at), token.slice(at)]
      if (!normal.has(left) || !normal.has(right) || pairs.has(`${left} ${right}`)) continue
      throw fail(key, 'a merge for every two tokens that make a third, as SentencePiece has it', `none for ${left} and ${right}`)
    }
  }
  return Float32Array.from(tokens, (token) => scores.get(token) ?? (normal.has(token) ? tier - 1 : 0))
}
