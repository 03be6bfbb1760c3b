/** The evidence as one HTML file, by the report's page builder. */

import * as Plot from '@observablehq/plot'
import type { CrossedEstimate } from '../../src/report/crossed.ts'
import { formatEstimate } from '../../src/report/format.ts'
import { drawDocument, figure, titleRow } from '../../src/report/page/document.ts'
import { html, Markup } from '../../src/report/page/html.ts'
import { color, draw, keySign, percent, SYMBOLS } from '../../src/report/page/plot.ts'
import { curveChart } from '../../src/report/run/charts.ts'
import { quantitiesOf } from '../../src/report/run/quantities.ts'
import type { Run, Step } from '../../src/report/run/read.ts'
import type { Told } from './markdown.ts'
import type { Measured, Trained } from './measured.ts'
import { type ArmRow, type Figures, figuresOf, measuredText, ORIGINS, remarksOf, verdictCounts } from './tables.ts'

/** What is drawn over the steps. */
const CURVES = ['kept.position', 'parallelRatio', 'reward', 'metrics.answer', 'responseTokens', 'criticalPathTokens', 'entropy']

export function drawEvidence(measured: Measured, told: Told): string {
  const figures = figuresOf(measured)
  const runs = measured.trained.flatMap((trained) => meanRun(trained) ?? [])
  return drawDocument({
    title: 'Evidence: Parallel-R1 on Countdown',
    sections: ['claims', 'arms', 'steps'],
    scripts: { curves: runs.length > 0 },
    header: html`<header>
${titleRow('Evidence: Parallel-R1 on Countdown')}
<p class="hint">${told.command} · ${told.where}</p>
<p class="verdict">${verdictCounts(figures.claims)}</p>
<p class="evidence">Brackets hold 95 % intervals over problems and seeds. Differences are paired by problem and seed.</p>
${remarksOf(measured).map((remark) => html`<p class="warn">${remark}</p>`)}
</header>`,
    main: html`${claimsSection(figures)}
${armsSection(figures)}
${stepsSection(runs)}`,
  })
}

function claimsSection({ claims }: Figures): Markup {
  return html`<h2 id="claims">Claims</h2>
<p>A claim that something is greater is seen where its whole interval is above 0, and not seen where all of it is below its margin. A claim that two are alike is seen where the whole interval is within the margin of 0, and not seen where all of it is outside. Anything else is undecided at this size.</p>
${ORIGINS.map(([by, heading]) => {
  const own = claims.filter(({ claim }) => claim.by === by)
  return html`<h3>${heading}</h3>
<div class="wide" tabindex="0" role="group" aria-label="${heading}"><table>
<thead><tr><th>claim</th><th>what is measured</th><th>published</th><th>here</th><th>margin</th><th>verdict</th></tr></thead>
<tbody>${own.map(
    (decided) =>
      html`<tr><th>${decided.claim.says}</th><td>${decided.claim.measure}</td><td>${decided.claim.published ?? ''}</td><td class="value${decided.verdict === 'seen' ? ' clear' : ''}">${measuredText(decided)}</td><td class="value">${100 * decided.claim.margin} points</td><td>${decided.verdict}</td></tr>`,
  )}</tbody>
</table></div>`
})}`
}

function armsSection({ heads, arms }: Figures): Markup {
  return html`<h2 id="arms">Arms</h2>
<div class="wide" tabindex="0" role="group" aria-label="Arms"><table>
<thead><tr><th>arm</th><th class="figure">seeds</th>${heads.map((head) => html`<th class="figure">${head}</th>`)}</tr></thead>
<tbody>${arms.map(({ title, seeds, cells }) => html`<tr><th>${title}</th><td class="figure">${seeds}</td>${cells.map((cell) => html`<td class="figure">${cell}</td>`)}</tr>`)}</tbody>
</table></div>
<div class="charts">${figure(accuracyForest(arms), html`Accuracy of each arm with its 95 % interval over problems and seeds. Without one where there is one seed.`)}</div>`
}

function accuracyForest(arms: readonly ArmRow[]): string | undefined {
  const dots = arms.flatMap(({ title, accuracy }) => (accuracy ? [{ label: title, ...accuracy }] : []))
  if (dots.length === 0) return undefined
  const bounded = dots.filter(({ low, high }) => Number.isFinite(low) && Number.isFinite(high))
  return draw(
    {
      height: 50 + 20 * dots.length,
      marginLeft: 250,
      marginRight: 24,
      x: { label: null, tickFormat: percent, grid: true, domain: [0, Math.min(1, 0.05 + Math.max(...dots.map(({ value, high }) => (Number.isFinite(high) ? high : value))))] },
      y: { label: null, domain: dots.map(({ label }) => label), tickSize: 0 },
      marks: [
        Plot.ruleX([0]),
        Plot.ruleY(bounded, { x1: 'low', x2: 'high', y: 'label', stroke: color(0), strokeWidth: 2 }),
        Plot.dot(dots, { x: 'value', y: 'label', fill: color(0), symbol: SYMBOLS[0], r: 4.5, title: (dot: CrossedEstimate & { label: string }) => `${dot.label}: ${formatEstimate(dot, 'share')}` }),
      ],
    },
    `Accuracy of the arms: ${dots.map((dot) => `${dot.label} ${formatEstimate(dot, 'share')}`).join('; ')}`,
  ) // biome-ignore format: axes and marks a line each
}

function stepsSection(runs: readonly Run[]): Markup {
  if (runs.length === 0) return html`<h2 id="steps">Over the steps</h2><p class="faint">No arm has trained yet.</p>`
  const known = quantitiesOf(runs)
  const charts = CURVES.flatMap((key) => {
    const quantity = known.find((one) => one.key === key)
    return quantity ? (curveChart(runs, quantity) ?? []) : []
  })
  return html`<h2 id="steps">Over the steps</h2>
<p>Means over the seeds that are done, for every step of RL. The relative position of a block is the tokens before it over all tokens of its response.</p>
<p class="key">${runs.map(({ label }, i) => html`<span>${new Markup(keySign(i))}${label}</span>`)}</p>
<p id="smoothing-control" class="smoothing-row screen" hidden><label for="smoothing">Smoothing <input id="smoothing" class="smoothing" type="range" min="0" max="0.98" step="0.02" value="0.6"> <output id="smoothing-value" for="smoothing"></output></label> <span class="hint">weight of what came before, an exponential mean of each stage</span></p>
<div class="charts small">${charts}</div>`
}

/** One run that has of every step the mean over the seeds; as long as the shortest. Undefined where no seed is done. */
export function meanRun({ arm, bySeed }: Trained): Run | undefined {
  const runs = [...bySeed.values()]
  if (runs.length === 0) return undefined
  const [first] = runs
  const length = Math.min(...runs.map(({ steps }) => steps.length))
  const steps = first.steps.slice(0, length).map((step, i): Step => {
    const keys = [...step.values.keys()]
    const mean = (key: string): number => {
      const known = runs.flatMap((run) => run.steps[i].values.get(key) ?? [])
      return known.reduce((sum, one) => sum + one, 0) / known.length
    }
    // Stages of one arm are one line: its name would break it.
    return { ...step, stage: 'rl', values: new Map(keys.map((key) => [key, mean(key)])) }
  })
  return { ...first, label: arm.title, steps }
}
