/**
 * Charts as SVG text, drawn by Observable Plot into a document without a browser. Colours are CSS variables of the page, so one
 * drawing serves light, dark and print; columns differ in dash and symbol as well as in colour.
 */

import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { escapeHtml } from './html.ts'

/** Columns that have a colour of their own; further ones share them. */
const COLORS = 8

export const SYMBOLS = ['circle', 'square', 'triangle', 'diamond2', 'star', 'cross', 'wye', 'times'] as const
export const DASHES = ['none', '6 3', '2 3', '8 3 2 3', '12 3', '4 2', '1 3', '10 2 2 2'] as const

export const color = (index: number): string => `var(--series-${index % COLORS})`

const WIDTH = 640

type Svg = ReturnType<typeof Plot.plot>

/** `label` is what the chart is to those who do not see it; a chart without one is an ornament. `add` may put more into it. */
export function draw(options: Plot.PlotOptions, label: string, add: (svg: Svg) => void = () => {}): string {
  const { document } = parseHTML('<html><body></body></html>')
  const svg = Plot.plot({ width: WIDTH, ...options, document: document as unknown as Plot.PlotOptions['document'] })
  // Names of marks on elements that have no role are not read.
  for (const mark of svg.querySelectorAll('g[aria-label]')) mark.removeAttribute('aria-label')
  // Its own style element repeats what the page says, under a random class name.
  svg.querySelector('style')?.remove()
  add(svg)
  // linkedom leaves & and < in attributes as they are.
  const role = label === '' ? 'aria-hidden="true"' : `role="img" aria-label="${escapeHtml(label)}"`
  return `<svg ${role}${svg.outerHTML.slice('<svg'.length)}`
}

/** The sign of a column in every chart: a short line with its symbol. */
export function keySign(series: number): string {
  return draw(
    {
      width: 44,
      height: 14,
      margin: 0,
      axis: null,
      x: { domain: [0, 1] },
      y: { domain: [0, 1] },
      marks: [
        Plot.line(
          [
            [0.05, 0.5],
            [0.95, 0.5],
          ],
          { stroke: color(series), strokeWidth: 2, strokeDasharray: DASHES[series % DASHES.length] },
        ),
        Plot.dot([[0.5, 0.5]], { fill: color(series), symbol: SYMBOLS[series % SYMBOLS.length], r: 4 }),
      ],
    },
    '',
  )
}

export function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`
}
