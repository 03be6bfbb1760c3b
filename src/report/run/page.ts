/** Runs as one HTML file: curves over the steps, evaluations, and the samples that were kept. */

import { drawDocument, titleRow } from '../page/document.ts'
import { html, Markup } from '../page/html.ts'
import { keySign } from '../page/plot.ts'
import { sampleBrowser } from '../page/sample-browser.ts'
import { curveChart, evaluationChart } from './charts.ts'
import { evaluationsOf } from './evaluations.ts'
import { factsOf, overviewOf, remarksOf } from './overview.ts'
import { quantitiesOf, type Section } from './quantities.ts'
import type { Run } from './read.ts'
import { type Kept, type RunSamples, VERDICTS } from './samples.ts'

const SECTIONS: readonly [Section, title: string, about: string][] = [
  ['reward', 'Reward', 'Every metric stands beside the reward that is made of them.'],
  ['learning', 'Learning', 'Of a step that learnt in several updates the last one’s gradient is told, and means of all.'],
  [
    'thinking',
    'Thinking in parallel',
    'How responses are built, as training changes them. Position, blocks and paths are of the steps whose rollouts were kept.',
  ],
  ['speed', 'Speed', 'These follow from the clock. All other curves are the same for equal runs.'],
]

/** Weight of the exponential mean that the page opens with. */
const SMOOTHING = 0.6

/** Draws the page. It works from a file, without network, and forbids itself to load anything. */
export function drawRunPage({ runs, samples, remarks }: Kept): string {
  const title = runs.map(({ label }) => label).join(', ')
  const quantities = quantitiesOf(runs)
  const charts = SECTIONS.map(([id, name, about]) => ({
    id,
    name,
    about,
    drawn: quantities.filter(({ section }) => section === id).flatMap((quantity) => curveChart(runs, quantity) ?? []),
  })).filter(({ drawn }) => drawn.length > 0)
  const evaluations = evaluationsOf(runs)
  const drawn: [string, Markup][] = charts.map(({ id, name, about, drawn }) => [
    id,
    html`<h2 id="${id}">${name}</h2>
<p>${about}</p>
<div class="charts small">${drawn}</div>
${key(runs)}`,
  ])
  if (evaluations.length > 0) {
    const drawnOf = (wanted: boolean) =>
      evaluations.filter(({ behaviour }) => behaviour === wanted).map((series) => evaluationChart(runs, series))
    const section: [string, Markup] = [
      'evaluation',
      html`<h2 id="evaluation">Evaluation</h2>
<p>Held-out suites during the run. Lines over a point are 95 % intervals, clustered by problem.</p>
<div class="charts small">${drawnOf(false)}</div>
${drawnOf(true).length > 0 ? html`<details><summary>What the responses are like</summary><div class="charts small">${drawnOf(true)}</div></details>` : undefined}
${key(runs)}`,
    ]
    drawn.splice(charts[0]?.id === 'reward' ? 1 : 0, 0, section)
  }
  return drawDocument({
    title,
    sections: [...drawn.map(([id]) => id), ...(samples ? ['samples'] : [])],
    scripts: { curves: true, samples: samples !== undefined },
    header: header(title, runs, [...remarksOf(runs), ...remarks]),
    main: html`<p id="smoothing-control" class="smoothing-row screen" hidden><label for="smoothing">Smoothing <input id="smoothing" class="smoothing" type="range" min="0" max="0.98" step="0.02" value="${SMOOTHING}"> <output id="smoothing-value" for="smoothing"></output></label> <span class="hint">weight of what came before, an exponential mean of each stage</span></p>
${drawn.map(([, section]) => section)}
${samplesSection(samples)}`,
  })
}

function header(title: string, runs: readonly Run[], remarks: readonly string[]): Markup {
  const { headline, detail } = overviewOf(runs)
  const facts = runs.map(factsOf)
  return html`<header>
${titleRow(title)}
${runs.map(({ folder }) => html`<p class="hint">${folder}</p>`)}
<p class="verdict${runs.length > 1 ? ' several' : ''}">${headline}</p>
<p class="evidence">${detail}</p>
<div class="wide" tabindex="0" role="group" aria-label="Runs"><table class="cards">
<thead><tr><th>run</th>${facts[0].map(([name]) => html`<th class="figure">${name}</th>`)}</tr></thead>
<tbody>${runs.map((run, i) => html`<tr><th class="key">${new Markup(keySign(i))}${run.label}</th>${facts[i].map(([name, value]) => html`<td class="figure" data-name="${name}">${value}</td>`)}</tr>`)}</tbody>
</table></div>
${remarks.map((remark) => html`<p class="warn">${remark}</p>`)}
</header>`
}

/** One run needs no key. */
function key(runs: readonly Run[]): Markup | undefined {
  if (runs.length === 1) return undefined
  return html`<p class="key">${runs.map(({ label }, i) => html`<span>${new Markup(keySign(i))}${label}</span>`)}</p>`
}

function samplesSection(samples: RunSamples | undefined): Markup | undefined {
  if (!samples) return undefined
  const { omitted, index, steps } = samples
  return html`<h2 id="samples">Samples</h2>
<p>Rollouts of the steps that were kept. A group is the rollouts of one prompt at one step.</p>
${omitted > 0 ? html`<p class="warn">${omitted} of ${omitted + index.column.length} kept rollouts are left out here to keep the page small: the later groups of each step. (--samples sets the limit.)</p>` : undefined}
${sampleBrowser(samples, {
  step: steps,
  verdict: [
    'advantage',
    [
      ['1', VERDICTS[1]],
      ['0', VERDICTS[0]],
      ['2', VERDICTS[2]],
    ],
  ],
})}`
}
