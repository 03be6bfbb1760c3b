import type { JsonObject } from '../checkpoint/files.ts'

/** The error about a key of `tokenizer.json`. */
export type Fail = (key: string, expected: string, found: unknown, next?: string) => Error

/**
 * Scores of SentencePiece from a list of merges, which is all that a `tokenizer.json` keeps of them. llama.cpp merges the neighbours
 * that make the token of the highest score, so the order of the tokens in the list is what counts.
 * @throws CheckpointError where scores cannot say what the list says
 */
export function scoresFromMerges({ merges }: JsonObject, tokens: readonly string[], types: readonly number[], fail: Fail): Float32Array {
  const key = 'model.merges'
  if (!Array.isArray(merges) || merges.length === 0) throw fail(key, 'a list of merges', merges)
  const rank = new Map<string, number>()
  const pairs = new Set<string>()
  let last = ''
  for (const merge of merges as (string | string[])[]) {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : merge
    const made = left + right
    if (made !== last && rank.has(made)) throw fail(key, 'all merges that make one token side by side', merge)
    if (made !== last) rank.set(made, rank.size)
    last = made
    pairs.add(`${left} ${right}`)
  }
  const normal = new Set(tokens.filter((_, id) => types[id] === 1))
  for (const token of normal) {
    for (let at = 1; at < token.length; at++) {
      const [left, right] = [token.slice(0, at), token.slice(at)]
      if (!normal.has(left) || !normal.has(right) || pairs.has(`${left} ${right}`)) continue
      throw fail(key, 'a merge for every two tokens that make a third, as SentencePiece has it', `none for ${left} and ${right}`)
    }
  }
  return Float32Array.from(tokens, (token) => -(rank.get(token) ?? (normal.has(token) ? rank.size : 0)))
}
