// @ts-check
// The samples of the page: the index, texts from compressed chunks when they are looked at, and the address of each.

import { byId } from './dom.js'

/** @import { Detail, Index } from '../payload.ts' */

/** @type {Index} */
export const index = JSON.parse(byId('index').textContent ?? '')
export const MARKS = index.marks ?? ['✗', '✓', '!']
export const VERDICTS = index.verdicts ?? ['wrong', 'right', 'error']
export const count = index.column.length

/** @type {Map<number, Promise<Detail[]>>} Opened chunks. */
const opened = new Map()
/** A few stay open; the rest is opened again when needed. */
const MOST_OPEN = 40

/** @param {number} chunk @returns {Promise<Detail[]>} */
function open(chunk) {
  let promise = opened.get(chunk)
  if (!promise) {
    const bytes = Uint8Array.from(atob(byId(`chunk-${chunk}`).textContent ?? ''), (character) => character.charCodeAt(0))
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
    promise = new Response(stream).json()
    opened.set(chunk, promise)
    if (opened.size > MOST_OPEN) opened.delete(/** @type {number} */ (opened.keys().next().value))
  }
  return promise
}

/** @param {number} sample */
export const detailOf = async (sample) => (await open(Math.floor(sample / index.chunk)))[sample % index.chunk]

/** `#/problem/column/sample`, counted from 1. @param {number} sample */
export const addressOf = (sample) => `#/${index.problem[sample] + 1}/${index.column[sample] + 1}/${index.repeat[sample] + 1}`

/** @type {Map<string, number>} */
const byAddress = new Map(Array.from({ length: count }, (_, sample) => [addressOf(sample), sample]))

for (const [sample, name] of index.name.entries()) if (name && !byAddress.has(`#/${name}`)) byAddress.set(`#/${name}`, sample)

/** The sample that an address names. A link of promptfoo's view has a name in it. A shorter one names the first of its problem or column. @param {string} hash */
export function sampleAt(hash) {
  const [problem, column = '1', repeat = '1'] = hash.replace(/^#\//, '').split('/')
  return byAddress.get(hash) ?? byAddress.get(`#/${problem}/${column}/${repeat}`)
}

/** @type {number[][]} Samples by problem, in order. */
export const samplesOf = index.problems.map(() => [])
for (const [sample, problem] of index.problem.entries()) samplesOf[problem].push(sample)

/** In words, for titles and readers of screens. @param {number} sample */
export function nameOf(sample) {
  const tokens = index.tokens[sample] >= 0 ? `, ${index.tokens[sample]} tokens` : ''
  return `${index.columns[index.column[sample]]}, sample ${index.repeat[sample] + 1}: ${VERDICTS[index.verdict[sample]]}${tokens}`
}
