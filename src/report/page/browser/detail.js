// @ts-check
// One sample: the response as a tree, its length, and what the assertions said.

import { drawChain, drawSiblings, longestOf } from './chain.js'
import { byId, element, table } from './dom.js'
import { index, MARKS, VERDICTS } from './samples.js'

/** @import { Detail, Grade, Part, ShownPath, ShownText } from '../payload.ts' */

/** @param {number} sample @param {Detail} detail */
export function drawDetail(sample, detail) {
  const verdict = index.verdict[sample]
  const title = element(
    'h3',
    'name',
    `Problem ${index.problem[sample] + 1}, ${index.columns[index.column[sample]]}, sample ${index.repeat[sample] + 1} `,
    element('span', `badge v${verdict}`, `${MARKS[verdict]} ${VERDICTS[verdict]}`),
  )
  title.tabIndex = -1
  const children = [
    title,
    drawFacts(factsOf(sample, detail)),
    element('h4', '', 'Prompt'),
    element('div', 'said prompt', detail.prompt.trim()),
  ]
  if (detail.vars.length > 0) {
    const fold = element('details', '', element('summary', '', 'Variables of the test'), drawFacts(detail.vars))
    children.push(fold)
  }
  if (detail.error) children.push(element('h4', '', 'Error'), element('div', 'said failure', detail.error))
  children.push(element('h4', '', 'Response'), ...drawChain(detail.tree, sample), ...drawTree(detail.tree))
  if (detail.violations.length > 0) {
    const items = detail.violations.map((violation) => element('li', '', violation))
    children.push(element('h4', '', 'Broken rules of the tag grammar'), element('ul', '', ...items))
  }
  if (detail.grades.length > 0) {
    const grades = table(['metric', 'verdict', 'score', 'reason'], detail.grades.map(drawGrade))
    grades.className = 'grades'
    children.push(element('h4', '', 'Assertions'), grades)
  }
  children.push(...drawSiblings(sample))
  byId('detail').replaceChildren(...children)
}

/** @param {number} sample @param {Detail} detail @returns {[string, string][]} */
function factsOf(sample, { facts }) {
  /** @type {[string, string][]} */
  const told = []
  if (index.critical[sample] >= 0) told.push(['longest chain', `${index.critical[sample]} tokens`])
  if (index.tokens[sample] >= 0) told.push(['total', `${index.tokens[sample]} tokens`])
  if (index.seconds[sample] >= 0) told.push(['time, waiting included', `${index.seconds[sample].toFixed(2)} s`])
  return [...told, ...facts]
}

/** @param {[string, string][]} facts */
function drawFacts(facts) {
  return element('dl', 'facts', ...facts.map(([label, value]) => element('div', '', element('dt', '', label), element('dd', '', value))))
}

/** A metric that is a figure has no verdict of its own. @param {Grade} grade */
function drawGrade({ metric, pass, score, reason }) {
  const figure = pass && score !== null && score !== 0 && score !== 1
  return element(
    'tr',
    '',
    element('td', '', metric),
    element('td', figure ? 'faint' : `v${pass ? 1 : 0}`, figure ? 'figure' : pass ? '✓ passed' : '✗ failed'),
    element('td', 'figure', score === null ? '' : String(Math.round(score * 1000) / 1000)),
    element('td', '', reason),
  )
}

/** @param {Part[]} tree */
function drawTree(tree) {
  if (tree.length === 0) return [element('p', 'faint', 'The response is empty.')]
  const longest = Math.max(1, ...tree.flatMap((part) => ('text' in part ? [] : part.paths.map(({ tokens }) => tokens))))
  let blocks = 0
  return tree.map((part) => ('text' in part ? drawSaid(part) : drawBlock(part, ++blocks, longest)))
}

/** @param {ShownText} text */
function drawSaid({ text }) {
  return element('div', text.trim() === '' ? '' : 'said text', text.trim())
}

/** @param {{ paths: ShownPath[], summary?: ShownText }} block @param {number} number @param {number} axis Tokens that fill a bar. */
function drawBlock({ paths, summary }, number, axis) {
  // Where all are equally long, none is to be told apart.
  const critical = paths.every(({ tokens }) => tokens === paths[0].tokens) ? -1 : longestOf(paths)
  const boxes = paths.map((path, i) => {
    const badges = [
      ...(path.reaches ? [element('span', 'badge reached', 'reaches the answer')] : []),
      ...(i === critical ? [element('span', 'badge', 'longest')] : []),
      ...(path.ended ? [element('span', 'badge', 'ended: a sibling settled it')] : []),
    ]
    const names = `path${path.reaches ? ' reaches' : ''}${i === critical ? ' longest' : ''}`
    const box = drawText(path, `Path ${i + 1}`, names, axis, badges)
    if (path.outline) box.querySelector('.said')?.before(element('div', 'said outline', path.outline.text.trim()))
    return box
  })
  const row = element('div', 'paths', ...boxes)
  row.setAttribute('role', 'group')
  row.setAttribute('aria-label', `Paths of block ${number}`)
  row.tabIndex = 0
  const block = element('section', 'block', row)
  block.setAttribute('aria-label', `Block ${number}`)
  if (summary) block.append(drawText(summary, 'Summary', 'joined', axis, []))
  return block
}

/** @param {ShownText} shown @param {string} name @param {string} className @param {number} axis @param {HTMLElement[]} badges */
function drawText({ text, tokens }, name, className, axis, badges) {
  const head = element('div', 'head', element('span', '', name))
  const box = element('div', className, head)
  if (tokens >= 0) {
    head.append(element('span', 'count', `${tokens} tokens`))
    const bar = element('div', 'bar')
    bar.style.width = `${Math.min(100, (100 * tokens) / axis)}%`
    box.append(bar)
  }
  box.append(element('div', 'said', text.trim()))
  if (badges.length > 0) box.append(element('div', 'badges', ...badges))
  return box
}
