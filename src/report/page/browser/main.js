// @ts-check
// The sample browser of the page, as it runs in the reader's browser. The address says which sample is read.

import { drawDetail } from './detail.js'
import { byId } from './dom.js'
import { filtered, watchFilters } from './filter.js'
import { markCurrent, showList, watchList } from './list.js'
import { addressOf, detailOf, sampleAt } from './samples.js'

/** @type {number[]} Samples that pass the filters. */
let shown = []
let current = -1

/** @param {number} sample */
async function read(sample) {
  current = sample
  markCurrent(sample)
  neighbours()
  const detail = await detailOf(sample)
  if (current === sample) drawDetail(sample, detail)
}

/** Links to the samples before and after. */
function neighbours() {
  const at = shown.indexOf(current)
  for (const [id, neighbour] of /** @type {[string, number | undefined][]} */ ([
    ['previous', shown[at - 1]],
    ['next', at < 0 ? undefined : shown[at + 1]],
  ])) {
    if (neighbour === undefined) byId(id).removeAttribute('href')
    else byId(id).setAttribute('href', addressOf(neighbour))
  }
}

async function filter() {
  const found = await filtered()
  if (!found) return
  shown = found
  showList(shown)
  // What is read stays open while it passes the filters. Filtering makes no step of the history.
  if (shown.length > 0 && !shown.includes(current)) {
    if (current >= 0) history.replaceState(null, '', addressOf(shown[0]))
    await read(shown[0])
  } else {
    if (current >= 0) markCurrent(current)
    neighbours()
  }
}

/** Follows the address. What it names is shown whether it passes the filters or not. */
async function follow() {
  if (!location.hash.startsWith('#/')) return
  const sample = sampleAt(location.hash)
  if (sample === undefined) {
    byId('detail').replaceChildren(`This report has no sample at ${location.hash}. Choose one from the list.`)
    return
  }
  if (sample !== current) await read(sample)
  byId('reader').scrollIntoView({ block: 'start' })
  byId('detail').querySelector('h3')?.focus({ preventScroll: true })
}

watchFilters(filter)
watchList()
addEventListener('hashchange', follow)
byId('browser').hidden = false
const named = sampleAt(location.hash)
if (location.hash.startsWith('#/') && named !== undefined) current = named
filter().then(async () => {
  if (current >= 0 && named !== undefined && location.hash.startsWith('#/')) await read(named)
  await follow()
})
