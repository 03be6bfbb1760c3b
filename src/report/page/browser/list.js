// @ts-check
// The list of problems. Only the rows in sight are in the document. A problem is one tab stop, and arrows move inside.

import { byId, element, link } from './dom.js'
import { addressOf, count, index, MARKS, nameOf } from './samples.js'

/** Pixels of the title, of a line of marks, and between rows: as in style.css. */
const TITLE = 26
const LINE = 24
const GAP = 14
/** Rows drawn above and below what is in sight. */
const MARGIN = 6

/** @typedef {{ problem: number, samples: number[] }} Group */

/** @type {Group[]} Problems with a sample that passes. */
let groups = []
/** @type {Map<number, HTMLElement>} Drawn rows by their place. */
const drawn = new Map()
let current = -1
const height = TITLE + GAP + LINE * index.columns.length

/** @param {number[]} samples */
export function showList(samples) {
  /** @type {Map<number, number[]>} */
  const byProblem = new Map()
  for (const sample of samples) {
    const group = byProblem.get(index.problem[sample])
    if (group) group.push(sample)
    else byProblem.set(index.problem[sample], [sample])
  }
  groups = [...byProblem].map(([problem, own]) => ({ problem, samples: own }))
  byId('count').textContent = `${samples.length} of ${count} samples, ${groups.length} ${groups.length === 1 ? 'problem' : 'problems'}`
  for (const row of drawn.values()) row.remove()
  drawn.clear()
  byId('problems').style.height = `${groups.length * height}px`
  render()
}

/** Draws the rows in sight and drops the others; what has the focus stays. */
function render() {
  const list = byId('list')
  const first = Math.max(0, Math.floor(list.scrollTop / height) - MARGIN)
  const last = Math.min(groups.length - 1, Math.ceil((list.scrollTop + list.clientHeight) / height) + MARGIN)
  for (const [place, row] of drawn) {
    if ((place >= first && place <= last) || row.contains(document.activeElement)) continue
    row.remove()
    drawn.delete(place)
  }
  for (let place = first; place <= last; place++) {
    if (drawn.has(place)) continue
    const row = rowOf(place)
    // The order of the document is the order of the tab key.
    const after = [...drawn.keys()].filter((other) => other > place).sort((a, b) => a - b)[0]
    byId('problems').insertBefore(row, drawn.get(after) ?? null)
    drawn.set(place, row)
  }
}

/** @param {number} place */
function rowOf(place) {
  const { problem, samples } = groups[place]
  const lines = index.columns.map((label, column) => {
    const line = element('div', 'marks', element('span', 'label', label))
    line.append(...samples.filter((sample) => index.column[sample] === column).map(markOf))
    return line
  })
  const title = element('div', 'title', `${problem + 1}. ${index.problems[problem]}`)
  title.title = index.problems[problem]
  const row = element('li', 'problem', title, ...lines)
  row.style.top = `${place * height}px`
  row.setAttribute('aria-setsize', String(groups.length))
  row.setAttribute('aria-posinset', String(place + 1))
  row.dataset.place = String(place)
  const stop = row.querySelector('[aria-current]') ?? row.querySelector('a')
  stop?.setAttribute('tabindex', '0')
  return row
}

/** @param {number} sample */
function markOf(sample) {
  const verdict = index.verdict[sample]
  const mark = link(`mark v${verdict}`, addressOf(sample), MARKS[verdict])
  mark.dataset.sample = String(sample)
  mark.title = nameOf(sample)
  mark.setAttribute('aria-label', `problem ${index.problem[sample] + 1}, ${mark.title}`)
  mark.tabIndex = -1
  if (sample === current) mark.setAttribute('aria-current', 'page')
  return mark
}

/** Marks what is read, and scrolls to it where it is out of sight. @param {number} sample */
export function markCurrent(sample) {
  current = sample
  const place = groups.findIndex(({ problem }) => problem === index.problem[sample])
  if (place >= 0) reveal(place)
  for (const mark of byId('problems').querySelectorAll('a')) {
    if (mark.dataset.sample !== String(sample)) mark.removeAttribute('aria-current')
    else {
      mark.setAttribute('aria-current', 'page')
      stopAt(mark)
    }
  }
}

/** @param {number} place */
function reveal(place) {
  const list = byId('list')
  const top = place * height
  if (top < list.scrollTop || top + height > list.scrollTop + list.clientHeight) {
    list.scrollTop = Math.max(0, top - (list.clientHeight - height) / 2)
  }
  render()
}

/** The one mark of its problem that the tab key reaches. @param {HTMLAnchorElement} mark */
function stopAt(mark) {
  for (const other of mark.closest('li')?.querySelectorAll('a') ?? []) other.tabIndex = other === mark ? 0 : -1
}

/** @param {KeyboardEvent} event */
function move(event) {
  const mark = event.target instanceof Element ? event.target.closest('a') : null
  const row = mark?.closest('li')
  if (!mark || !row) return
  const line = [.../** @type {Element} */ (mark.parentElement).querySelectorAll('a')]
  const marks = [...row.querySelectorAll('a')]
  const at = marks.indexOf(mark)
  const place = Number(row.dataset.place)
  /** @type {HTMLAnchorElement | undefined} */
  let next
  if (event.key === 'ArrowRight') next = marks[at + 1]
  else if (event.key === 'ArrowLeft') next = marks[at - 1]
  else if (event.key === 'Home') next = line[0]
  else if (event.key === 'End') next = line.at(-1)
  else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    const by = event.key === 'ArrowDown' ? 1 : -1
    const lines = [...row.querySelectorAll('.marks')].map((one) => [...one.querySelectorAll('a')]).filter((one) => one.length > 0)
    const own = lines.findIndex((one) => one.includes(mark))
    const column = lines[own].indexOf(mark)
    let target = lines[own + by]
    if (!target && groups[place + by]) {
      reveal(place + by)
      const other = [...(drawn.get(place + by)?.querySelectorAll('.marks') ?? [])].map((one) => [...one.querySelectorAll('a')])
      target = other.filter((one) => one.length > 0).at(by > 0 ? 0 : -1) ?? []
    }
    next = target?.[Math.min(column, target.length - 1)]
  } else return
  event.preventDefault()
  if (!next) return
  stopAt(next)
  next.focus()
}

export function watchList() {
  byId('list').addEventListener('scroll', render, { passive: true })
  addEventListener('resize', render)
  byId('problems').addEventListener('keydown', move)
}
