// @ts-check
// Which samples pass the filters. Text is looked for in every chunk, in turns.

import { byId, field } from './dom.js'
import { count, detailOf, index } from './samples.js'

/** @import { Part } from '../payload.ts' */

/** Counts the searches, so that an older one gives up. */
let search = 0

/** @param {number} sample */
function passes(sample) {
  const column = field('f-column').value
  const verdict = field('f-verdict').value
  const thinking = field('f-thinking').value
  const failed = field('f-failed').value
  const step = index.step ? field('f-step').value : ''
  if (step !== '' && index.step?.[sample] !== Number(step)) return false
  if (column !== '' && index.column[sample] !== Number(column)) return false
  if (verdict !== '' && index.verdict[sample] !== Number(verdict)) return false
  if (thinking === 'block' && index.blocks[sample] === 0) return false
  if (thinking === 'none' && index.blocks[sample] > 0) return false
  if (thinking === 'broken' && index.broken[sample] === 0) return false
  return failed === '' || index.failed[sample].includes(Number(failed))
}

/** @param {Part} part */
const textsOf = (part) =>
  'text' in part
    ? [part.text]
    : [...part.paths.flatMap(({ text, outline }) => (outline ? [outline.text, text] : [text])), part.summary?.text ?? '']

/** @param {number} sample @param {string} words */
async function holds(sample, words) {
  if (index.problems[index.problem[sample]].toLowerCase().includes(words)) return true
  const { prompt, tree, grades } = await detailOf(sample)
  const texts = [prompt, ...tree.flatMap(textsOf), ...grades.map(({ reason }) => reason)]
  return texts.some((text) => text.toLowerCase().includes(words))
}

/** Samples that pass, or undefined where a later search has overtaken this one. */
export async function filtered() {
  const own = ++search
  const words = field('f-text').value.trim().toLowerCase()
  const candidates = Array.from({ length: count }, (_, sample) => sample).filter(passes)
  if (words === '') return candidates
  const found = []
  for (const [i, sample] of candidates.entries()) {
    if (i % 500 === 0) byId('count').textContent = `searching … ${i} of ${candidates.length}`
    if (await holds(sample, words)) found.push(sample)
    if (own !== search) return undefined
  }
  return found
}

/** @param {string} id @param {string[]} labels */
function fill(id, labels) {
  field(id).append(...labels.map((label, i) => new Option(label, String(i))))
}

/** Fills the choices and calls back when one changes. @param {() => void} changed */
export function watchFilters(changed) {
  fill('f-column', index.columns)
  fill('f-failed', index.metrics)
  const chosen = ['f-column', 'f-verdict', 'f-thinking', 'f-failed', ...(index.step ? ['f-step'] : [])]
  for (const id of chosen) field(id).addEventListener('change', changed)
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing
  field('f-text').addEventListener('input', () => {
    clearTimeout(typing)
    typing = setTimeout(changed, 250)
  })
}
