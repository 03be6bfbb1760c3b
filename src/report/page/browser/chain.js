// @ts-check
// Responses on one axis of tokens: the lanes of one, and the samples of a problem below each other.

import { element, link } from './dom.js'
import { addressOf, index, MARKS, nameOf, samplesOf } from './samples.js'

/** @import { Part, ShownText } from '../payload.ts' */

/** Pixels of a lane. */
const LANE = 9

/** @typedef {{ from: number, tokens: number, lane: number, kind: string, title: string }} Segment */

/**
 * Where every part lies along the longest chain; undefined where a count is missing. `tags` are the tokens of a block's own tags, between its
 * paths and what follows.
 * @param {Part[]} tree @param {number} tags
 */
function segmentsOf(tree, tags) {
  /** @type {Segment[]} */
  const segments = []
  let at = 0
  for (const part of tree) {
    const outlines = 'text' in part ? [] : part.paths.flatMap(({ outline }) => outline ?? [])
    const texts = 'text' in part ? [part] : [...outlines, ...part.paths, ...(part.summary ? [part.summary] : [])]
    if (texts.some(({ tokens }) => tokens < 0)) return undefined
    if ('text' in part) {
      if (part.tokens > 0)
        segments.push({ from: at, tokens: part.tokens, lane: -1, kind: 'said chain', title: `text, ${part.tokens} tokens` })
      at += part.tokens
      continue
    }
    for (const [i, { tokens }] of outlines.entries()) {
      segments.push({ from: at, tokens, lane: -1, kind: 'chain', title: `outline ${i + 1}, ${tokens} tokens` })
      at += tokens
    }
    const longest = longestOf(part.paths)
    for (const [lane, path] of part.paths.entries()) {
      const kind = `${lane === longest ? 'chain' : 'aside'}${path.reaches ? ' reaches' : ''}`
      segments.push({ from: at, tokens: path.tokens, lane, kind, title: `path ${lane + 1}, ${path.tokens} tokens` })
    }
    at += Math.max(0, ...part.paths.map(({ tokens }) => tokens)) + tags
    if (part.summary) {
      segments.push({
        from: at,
        tokens: part.summary.tokens,
        lane: -1,
        kind: 'chain joined',
        title: `summary, ${part.summary.tokens} tokens`,
      })
      at += part.summary.tokens
    }
  }
  return segments.length > 0 ? { segments, end: at } : undefined
}

/** The path on the critical path: of the longest the first that comes to the answer, else the first. @param {ShownText[]} paths */
export function longestOf(paths) {
  const most = Math.max(...paths.map(({ tokens }) => tokens))
  const reached = paths.findIndex(({ tokens, reaches }) => tokens === most && reaches)
  return reached >= 0 ? reached : paths.findIndex(({ tokens }) => tokens === most)
}

/** The paths of a response as lanes, with the longest chain in full colour. @param {Part[]} tree @param {number} sample */
export function drawChain(tree, sample) {
  const bare = segmentsOf(tree, 0)
  const blocks = tree.filter((part) => 'paths' in part).length
  const found = bare && segmentsOf(tree, blocks > 0 ? Math.max(0, index.critical[sample] - bare.end) / blocks : 0)
  if (!found) return []
  const { segments, end } = found
  const lanes = Math.max(1, ...segments.map(({ lane }) => lane + 1))
  const width = Math.max(end, index.critical[sample])
  const box = element('div', 'lanes')
  box.style.height = `${lanes * LANE}px`
  for (const { from, tokens, lane, kind, title } of segments) {
    const segment = element('div', `segment ${kind}`)
    segment.style.left = `${(100 * from) / width}%`
    segment.style.width = `${(100 * tokens) / width}%`
    segment.style.top = `${lane < 0 ? ((lanes - 1) * LANE) / 2 : lane * LANE}px`
    segment.title = title
    box.append(segment)
  }
  box.setAttribute('role', 'img')
  box.setAttribute('aria-label', `Longest chain of ${index.critical[sample]} tokens; ${segments.map(({ title }) => title).join('; ')}`)
  const time = index.seconds[sample] >= 0 ? ` · ${index.seconds[sample].toFixed(2)} s` : ''
  const axis = element('div', 'axis', element('span', '', '0'), element('span', '', `${index.critical[sample]} tokens${time}`))
  return [element('figure', 'timeline', box, axis)]
}

/** Beyond so many samples the comparison is folded. */
const MANY = 16

/** The samples of the same problem: chain, all tokens and time on a common axis. @param {number} sample */
export function drawSiblings(sample) {
  const siblings = samplesOf[index.problem[sample]]
  const longest = Math.max(...siblings.map((one) => index.tokens[one]))
  if (siblings.length < 2 || longest <= 0) return []
  const rows = siblings.map((one) => {
    const mark = link(`mark v${index.verdict[one]}`, addressOf(one), MARKS[index.verdict[one]])
    mark.setAttribute('aria-label', nameOf(one))
    if (one === sample) mark.setAttribute('aria-current', 'page')
    const bar = element('div', 'length')
    const critical = Math.max(0, index.critical[one])
    for (const [name, tokens] of /** @type {[string, number][]} */ ([
      ['chain', critical],
      ['aside', Math.max(0, index.tokens[one] - critical)],
    ])) {
      const piece = element('span', name)
      piece.style.width = `${(100 * tokens) / longest}%`
      bar.append(piece)
    }
    const figure = (/** @type {number} */ value, digits = 0) => element('td', 'figure', value < 0 ? '–' : value.toFixed(digits))
    return element(
      'tr',
      one === sample ? 'current' : '',
      element('td', 'who', mark, ` ${index.columns[index.column[one]]}`),
      element('td', 'bars', bar),
      figure(index.critical[one]),
      figure(index.tokens[one]),
      figure(index.seconds[one], 2),
    )
  })
  const heads = ['sample', '', 'chain', 'tokens', 'seconds'].map((name) => element(name ? 'th' : 'td', '', name))
  const body = element('table', 'siblings', element('thead', '', element('tr', '', ...heads)), element('tbody', '', ...rows))
  const fold = element(
    'details',
    '',
    element('summary', '', element('h4', '', `All ${siblings.length} samples of this problem on one axis`)),
    body,
  )
  if (siblings.length <= MANY) fold.setAttribute('open', '')
  const key = element('p', 'hint', element('span', 'swatch chain'), ' longest chain ', element('span', 'swatch aside'), ' other paths')
  fold.append(key)
  return [fold]
}
