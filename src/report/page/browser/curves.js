// @ts-check
// Curves over steps: smoothing, and the figures under the pointer. The page draws what was measured. Its axes are straight in what they show (the
// value or its logarithm), so means of pixels are means of that.

import { byId, field } from './dom.js'

/** @typedef {{ x: number, y: number }} Pixel */

const SVG = 'http://www.w3.org/2000/svg'
const figures = [...document.querySelectorAll('figure.curves')]
/** Of the runs, where there are several: as the key has them. */
const names = [...(document.querySelector('p.key')?.children ?? [])].map((one) => one.textContent)

/** @param {Element} path @returns {Pixel[]} */
const pixelsOf = (path) =>
  (path.getAttribute('d') ?? '')
    .slice(1)
    .split('L')
    .map((pair) => pair.split(',').map(Number))
    .map(([x, y]) => ({ x, y }))

/**
 * Exponential moving average, corrected for its start (Kingma & Ba 2015, section 3): the first mean is the first value.
 * @param {Pixel[]} pixels @param {number} weight Of what came before, 0 to below 1.
 */
function smoothed(pixels, weight) {
  let mean = 0
  let mass = 0
  return pixels.map(({ x, y }) => {
    mean = weight * mean + (1 - weight) * y
    mass = weight * mass + (1 - weight)
    return { x, y: mean / mass }
  })
}

/** The smooth line of every measured one. @type {Map<Element, SVGPathElement>} */
const lines = new Map()
for (const raw of figures.flatMap((figure) => [...figure.querySelectorAll('path.raw')])) {
  const line = document.createElementNS(SVG, 'path')
  line.setAttribute('class', 'smooth')
  line.setAttribute('stroke', raw.getAttribute('stroke') ?? '')
  if (raw.hasAttribute('stroke-dasharray')) line.setAttribute('stroke-dasharray', raw.getAttribute('stroke-dasharray') ?? '')
  raw.after(line)
  lines.set(raw, line)
}

function smooth() {
  const weight = Number(field('smoothing').value)
  byId('smoothing-value').textContent = weight.toFixed(2)
  document.body.classList.toggle('smoothed', weight > 0)
  for (const [raw, line] of lines) {
    const points = smoothed(pixelsOf(raw), weight)
    line.setAttribute('d', `M${points.map(({ x, y }) => `${x.toFixed(2)},${y.toFixed(2)}`).join('L')}`)
  }
}

/** What a pixel of the picture says: axes are kept as `start per-pixel`. @param {Element} figure @param {'x' | 'y'} axis @param {number} pixel */
function valueAt(figure, axis, pixel) {
  const [start, per] = (figure.getAttribute(`data-${axis}`) ?? '0 0').split(' ').map(Number)
  const value = start + per * pixel
  return axis === 'y' && figure.hasAttribute('data-log') ? 10 ** value : value
}

/** @param {number} value @param {boolean} share */
const shown = (value, share) => (share ? `${(100 * value).toFixed(1)} %` : String(Number(value.toPrecision(3))))

/** Says what each line is at the step under the pointer. @param {Element} figure @param {PointerEvent} event */
function read(figure, event) {
  const svg = /** @type {SVGSVGElement} */ (figure.querySelector('svg'))
  const { left, width } = svg.getBoundingClientRect()
  const at = ((event.clientX - left) / width) * svg.viewBox.baseVal.width
  const share = figure.hasAttribute('data-share')
  /** @type {string[]} */
  const told = []
  let nearest = Number.POSITIVE_INFINITY
  let step = 0
  /** The nearest point of each run: its curves follow each other. @type {Map<number, { far: number, raw: Pixel, mean: Pixel }>} */
  const found = new Map()
  for (const [raw, line] of lines) {
    if (!figure.contains(raw)) continue
    const run = Number(raw.getAttribute('data-run'))
    const means = pixelsOf(line)
    for (const [i, pixel] of pixelsOf(raw).entries()) {
      const far = Math.abs(pixel.x - at)
      const known = found.get(run)
      if (!known || far < known.far) found.set(run, { far, raw: pixel, mean: means[i] })
      if (far < nearest) {
        nearest = far
        step = Math.round(valueAt(figure, 'x', pixel.x))
      }
    }
  }
  for (const [run, { raw, mean }] of found) {
    const [value, average] = [raw, mean].map(({ y }) => shown(valueAt(figure, 'y', y), share))
    told.push(`${names[run] === undefined ? '' : `${names[run]} `}${value}${average === value ? '' : ` (smoothed ${average})`}`)
  }
  const out = figure.querySelector('output')
  if (out && told.length > 0) out.textContent = `step ${step}: ${told.join(', ')}`
}

field('smoothing').addEventListener('input', smooth)
for (const figure of figures) {
  figure.querySelector('svg')?.addEventListener('pointermove', (event) => read(figure, event))
  figure.querySelector('svg')?.addEventListener('pointerleave', () => {
    const out = figure.querySelector('output')
    if (out) out.textContent = ''
  })
}
byId('smoothing-control').hidden = false
smooth()
