/** Parts with a name each in one sentence: "The center is (1, -2) and the radius is 4." */

import { nameOfPart } from '../reading/labelled-parts.ts'
import type { Expected } from './expected.ts'
import { isAnswer } from './formulas.ts'
import { lastSentence } from './sentences.ts'
import type { Statement } from './statement.ts'
import { statusBefore } from './status.ts'

const VALUE = String.raw`(?:\$|\\\()?\s?(\([^()$]{1,60}\)|[-−\d√π\\][^\s,;$]{0,40}?)\s?(?:\$|\\\))?(?=,|;|\s(?:and|with)\b|\.?\s*$)`
const PART = new RegExp(String.raw`\b([a-z]{4,15}?)(?:\sis\sat|\sis|\sat|\s?=|\sof|:)?\s${VALUE}`, 'gi')

/** "twice the radius is 4" */
const OF_IT = /\b(?:twice|thrice|half|double|triple|square(?: root)?|squared|sum|multiple|of|not|minus|plus|times)(?: (?:of|the|its))*\s$/i

/** Undefined: the reference has no such parts, or the last sentence does not give every one of them once. */
export function labelledInSentence(text: string, expected: Expected): Statement | undefined {
  if (expected.labels === undefined) return undefined
  const sentence = lastSentence(text.slice(text.lastIndexOf('\n') + 1))
    .slice(-400)
    .replace(/\bcent(?:re|er)(?:e?d)?\b/gi, 'center')
  const parts = new Map<string, string>()
  for (const { index, 0: whole, 1: name, 2: value } of sentence.matchAll(PART)) {
    const part = expected.labels.find((label) => nameOfPart(name) === label)
    if (part === undefined && whole.includes('=')) return undefined
    if (part === undefined) continue
    if (parts.has(part) || !isAnswer(value) || OF_IT.test(sentence.slice(0, index))) return undefined
    parts.set(part, value)
  }
  if (parts.size !== expected.labels.length) return undefined
  return {
    text: [...parts].map(([name, value]) => `${name} ${value}`).join(', '),
    status: statusBefore(sentence.slice(0, sentence.search(/[(\d]/))),
    where: 'parts in the last sentence',
  }
}
