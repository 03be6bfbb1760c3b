/**
 * Sentence BLEU by sacrebleu's definition (tokenizer 13a, up to 4-grams, smoothing "exp", effective order), in [0, 1].
 * Papineni et al. 2002; smoothing: Chen and Cherry 2014, method 3.
 */

const MAX_ORDER = 4

/** N-gram counts of one text, so that it can be compared to many. */
export interface NgramCounts {
  length: number
  /** counts[n − 1]: n-gram → count. */
  counts: ReadonlyMap<string, number>[]
}

/** Tokens of mteval-v13a: punctuation and symbols apart, but not inside numbers, and ' and - only after a digit. */
export function tokenize13a(text: string): string[] {
  let line = text.trimEnd().replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ')
  line = line.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>')
  line = ` ${line} `
    .replace(/[ !-&(-+/:-@[-`{-~]/g, ' $& ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])-/g, '$1 - ')
  return line.split(/\s+/).filter((token) => token !== '')
}

/** Counts the n-grams of a text; of very long ones only the first `limit` tokens. */
export function countNgrams(text: string, limit = 20_000): NgramCounts {
  const tokens = tokenize13a(text).slice(0, limit)
  const counts = Array.from({ length: MAX_ORDER }, (_, order) => {
    const map = new Map<string, number>()
    for (let i = 0; i + order < tokens.length; i++) {
      const gram = tokens.slice(i, i + order + 1).join(' ')
      map.set(gram, (map.get(gram) ?? 0) + 1)
    }
    return map
  })
  return { length: tokens.length, counts }
}

/** BLEU of a hypothesis against one reference. Not symmetric: the brevity penalty looks at the hypothesis. */
export function sentenceBleu(hypothesis: NgramCounts, reference: NgramCounts): number {
  let logSum = 0
  let order = 0
  let matched = false
  let smoothing = 1
  for (let n = 0; n < MAX_ORDER; n++) {
    const total = hypothesis.length - n
    if (total <= 0) break
    order = n + 1
    let correct = 0
    for (const [gram, count] of hypothesis.counts[n]) correct += Math.min(count, reference.counts[n].get(gram) ?? 0)
    if (correct > 0) matched = true
    else smoothing *= 2
    logSum += Math.log(correct > 0 ? correct / total : 1 / (smoothing * total))
  }
  if (!matched) return 0
  const brevity = hypothesis.length < reference.length ? Math.exp(1 - reference.length / hypothesis.length) : 1
  return Math.min(1, brevity * Math.exp(logSum / order))
}

/** Sum of BLEU over all ordered pairs and their number: both directions, so that the order of the texts does not matter. */
export function pairwiseBleu(texts: readonly string[]): { sum: number; pairs: number } {
  const counted = texts.map((text) => countNgrams(text))
  let sum = 0
  let pairs = 0
  for (let i = 0; i < counted.length; i++) {
    for (let j = 0; j < counted.length; j++) {
      if (i === j) continue
      sum += sentenceBleu(counted[i], counted[j])
      pairs++
    }
  }
  return { sum, pairs }
}
