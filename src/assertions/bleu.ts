/**
 * Sentence BLEU by sacrebleu's definition (tokenizer 13a, up to 4-grams, smoothing "exp", effective order), in [0, 1].
 * Papineni et al. 2002; smoothing: Chen and Cherry 2014, method 3.
 */

import { Numbering, PairNumbering } from './ngrams.ts'

const MAX_ORDER = 4

/** Tokens of mteval-v13a: punctuation and symbols apart, but not inside numbers, and ' and - only after a digit. */
export function tokenize13a(text: string): string[] {
  let line = text.trimEnd().replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ')
  line = line.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>')
  line = ` ${line} `
    .replace(/[!-&(-+/:-@[-`{-~]/g, ' $& ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])-/g, '$1 - ')
  return line.split(/\s+/).filter((token) => token !== '')
}

/** BLEU of a hypothesis against one reference. Not symmetric: the brevity penalty looks at the hypothesis. */
export function sentenceBleu(hypothesis: string, reference: string): number {
  const { lengths, matches } = matchedNgrams([hypothesis, reference])
  return bleu(lengths[0], lengths[1], (order) => matches[order][1])
}

/** Sum of BLEU over all ordered pairs and their number: both directions, so that the order of the texts does not matter. */
export function pairwiseBleu(texts: readonly string[]): { sum: number; pairs: number } {
  const count = texts.length
  if (count < 2) return { sum: 0, pairs: 0 }
  const { lengths, matches } = matchedNgrams(texts)
  let sum = 0
  let pairs = 0
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      if (i === j) continue
      sum += bleu(lengths[i], lengths[j], (order) => matches[order][Math.min(i, j) * count + Math.max(i, j)])
      pairs++
    }
  }
  return { sum, pairs }
}

/** `matched(order)`: the (order + 1)-grams of the hypothesis that the reference has too, as often as both have them. */
function bleu(hypothesis: number, reference: number, matched: (order: number) => number): number {
  let logSum = 0
  let order = 0
  let any = false
  let smoothing = 1
  for (let n = 0; n < MAX_ORDER; n++) {
    const total = hypothesis - n
    if (total <= 0) break
    order = n + 1
    const correct = matched(n)
    if (correct > 0) any = true
    else smoothing *= 2
    logSum += Math.log(correct > 0 ? correct / total : 1 / (smoothing * total))
  }
  if (!any) return 0
  const brevity = hypothesis < reference ? Math.exp(1 - reference / hypothesis) : 1
  return Math.min(1, brevity * Math.exp(logSum / order))
}

/**
 * Tokens of each text, and for each order the n-grams that two texts have in common, at [lower · texts + higher]. Every n-gram is one
 * number and is looked at once, then once more for each pair of texts that have it: not once for every pair of texts.
 */
function matchedNgrams(texts: readonly string[]): { lengths: number[]; matches: Float64Array[] } {
  const vocabulary = new Numbering<string>()
  const tokens = texts.map((text) => Int32Array.from(tokenize13a(text), (token) => vocabulary.of(token)))
  const total = tokens.reduce((sum, { length }) => sum + length, 0)
  const matches: Float64Array[] = []
  let grams = tokens
  let distinct = vocabulary.size
  for (let n = 0; n < MAX_ORDER; n++) {
    if (n > 0) {
      const numbering = new PairNumbering(total)
      grams = grams.map((shorter, text) => {
        const longer = new Int32Array(Math.max(0, tokens[text].length - n))
        for (let i = 0; i < longer.length; i++) longer[i] = numbering.of(shorter[i], tokens[text][i + n])
        return longer
      })
      distinct = numbering.size
    }
    matches.push(inCommon(grams, distinct))
  }
  return { lengths: tokens.map(({ length }) => length), matches }
}

/** For each pair of texts how many n-grams they share, of equal ones the lesser count. */
function inCommon(grams: readonly Int32Array[], distinct: number): Float64Array {
  const texts = grams.length
  const shared = new Float64Array(texts * texts)
  // How often each n-gram (row) stands in each text (column).
  const counts = new Int32Array(distinct * texts)
  for (const [text, list] of grams.entries()) for (const gram of list) counts[gram * texts + text]++
  const having = new Int32Array(texts)
  for (let row = 0; row < counts.length; row += texts) {
    let found = 0
    for (let text = 0; text < texts; text++) {
      const count = counts[row + text]
      if (count === 0) continue
      for (let k = 0; k < found; k++) shared[having[k] * texts + text] += Math.min(counts[row + having[k]], count)
      having[found++] = text
    }
  }
  return shared
}
