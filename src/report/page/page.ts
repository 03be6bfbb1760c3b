/** The report on an evaluation as one HTML file: charts and tables drawn here, samples opened in the browser. */

import type { Analysis } from '../analysis.ts'
import type { BudgetDifference, Comparison } from '../comparison.ts'
import { formatP, formatValue, isTooNarrow, tooNarrow } from '../format.ts'
import type { Estimate } from '../intervals.ts'
import { describeExclusions } from '../left-out.ts'
import { describeCopies } from '../problems.ts'
import type { Fields } from '../rows.ts'
import type { AtK, Behaviour, Summary } from '../statistics.ts'
import { verdict } from '../verdict.ts'
import { accuracyChart, curveTop, majorityChart, passChart, problemCharts, tokensChart } from './charts.ts'
import { drawDocument, estimate, figure, titleRow } from './document.ts'
import { html, Markup } from './html.ts'
import { DEFAULT_SAMPLES, packSamples } from './payload.ts'
import { keySign } from './plot.ts'
import { sampleBrowser } from './sample-browser.ts'

interface PageOptions {
  /** Samples of the browser at most; further repeats are left out and counted. */
  samples?: number
}

/** Draws the page. It works from a file, without network, and forbids itself to load anything. */
export function drawPage(analysis: Analysis, { samples = DEFAULT_SAMPLES }: PageOptions = {}): string {
  const { experiment, summaries, comparisons } = analysis
  const title = experiment.results.map(({ description }) => description).find(Boolean) ?? 'Evaluation'
  return drawDocument({
    title,
    sections: ['accuracy', 'comparison', 'tokens', 'behaviour', 'samples'],
    scripts: { samples: true },
    header: header(title, analysis),
    main: html`${accuracySection(analysis)}
${comparisons.length > 0 ? comparisonSection(analysis) : html`<h2 id="comparison">Comparison</h2><p class="faint">There is one column with samples: nothing to compare.</p>`}
${tokensSection(analysis)}
${behaviourSection(analysis, summaries)}
${samplesSection(analysis, samples)}`,
  })
}

/** Config keys that say what a column is. Others may hold secrets. */
const TOLD = [
  'checkpoint',
  'mode',
  'attention',
  'paths',
  'maxBlocks',
  'maxTokens',
  'pathTokens',
  'criticalPathTokens',
  'temperature',
  'topK',
  'topP',
  'seed',
]

function header(title: string, analysis: Analysis): Markup {
  const { experiment, summaries } = analysis
  const { headline, detail } = verdict(analysis)
  const results = experiment.results.map(({ evalId, timestamp, promptfooVersion, durationMs, maxConcurrency, source }) =>
    [
      source,
      evalId,
      timestamp?.slice(0, 16).replace('T', ' '),
      durationMs === undefined
        ? undefined
        : `${(durationMs / 1000).toFixed(0)} s${maxConcurrency === undefined ? '' : ` at concurrency ${maxConcurrency}`}`,
      promptfooVersion && `promptfoo ${promptfooVersion}`,
    ].filter(Boolean),
  )
  const known = summaries.map(({ problems }) => problems)
  const copies = describeCopies(experiment)
  const uneven = summaries.filter(({ k, mostSamples }) => k !== mostSamples)
  return html`<header>
${titleRow(title)}
${results.map((facts) => html`<p class="hint">${facts.join(' · ')}</p>`)}
<p class="verdict">${headline}</p>
<p class="evidence">${detail}</p>
${summaryTable(summaries)}
${copies && html`<p class="warn">${copies}</p>`}
${describeExclusions(experiment).map((line) => html`<p class="warn">${line}</p>`)}
${new Set(known).size > 1 ? html`<p class="warn">The columns do not have the same problems; only the comparison below is on common ones.</p>` : undefined}
${uneven.length > 0 ? html`<p class="warn">Not every problem has the same number of samples: pass@k and maj@k use the fewest.</p>` : undefined}
</header>`
}

/** One row a column. On a narrow screen every row is a card, and cells say what they are. */
function summaryTable(summaries: readonly Summary[]): Markup {
  const measured = (summary: Summary, name: string) => {
    const found = summary.behaviour.find((one) => one.name === name)
    return found && formatValue(found.estimate.value, found.unit)
  }
  const last = (summary: Summary, at: readonly AtK[]) => (summary.k > 1 ? at.at(-1) : undefined)
  const cells: [string, (summary: Summary) => Markup | string | undefined][] = [
    ['problems × samples', ({ problems, k, mostSamples }) => `${problems} × ${k === mostSamples ? k : `${k} to ${mostSamples}`}`],
    ['right', ({ mean }) => estimate(mean, 'share')],
    ['pass@k', (summary) => last(summary, summary.passAt) && estimate(last(summary, summary.passAt), 'share')],
    ['maj@k', (summary) => last(summary, summary.majAt) && estimate(last(summary, summary.majAt), 'share')],
    ['with a block', (summary) => measured(summary, 'parallel ratio')],
    ['longest chain', (summary) => measured(summary, 'critical path')],
    ['tokens', (summary) => measured(summary, 'total tokens')],
  ]
  const shown = cells.filter(([, of]) => summaries.some((summary) => of(summary) !== undefined))
  return html`<div class="wide" tabindex="0" role="group" aria-label="Columns"><table class="cards">
<thead><tr><th>column</th>${shown.map(([name]) => html`<th class="figure">${name}</th>`)}</tr></thead>
<tbody>${summaries.map(
    (summary, i) =>
      html`<tr><th class="key">${new Markup(keySign(i))}${summary.column.label}</th>${shown.map(([name, of]) => html`<td class="figure" data-name="${name}">${of(summary) ?? '–'}</td>`)}</tr>`,
  )}</tbody>
</table></div>
<details><summary>Configuration of the columns</summary><dl class="config">${summaries.map(
    ({ column }) => html`<div><dt>${column.label}</dt><dd>${configText(column.config)}</dd></div>`,
  )}</dl></details>`
}

function configText(config: Fields): string {
  const told = TOLD.filter((key) => ['string', 'number', 'boolean'].includes(typeof config[key]))
  return told.map((key) => `${key} ${String(config[key]).slice(0, 80)}`).join(', ')
}

function key(summaries: readonly Summary[]): Markup {
  return html`<p class="key">${summaries.map(({ column }, i) => html`<span>${new Markup(keySign(i))}${column.label}</span>`)}</p>`
}

function accuracySection({ summaries, experiment }: Analysis): Markup {
  const ks = [...new Set(summaries.flatMap(({ passAt }) => passAt.map(({ k }) => k)))].filter((k) => k > 1).sort((a, b) => a - b)
  const at = (estimates: readonly AtK[], k: number) => estimates.find((one) => one.k === k)
  const rule = experiment.metric === undefined ? "promptfoo's verdict on the row" : `the metric “${experiment.metric}” (1 is right)`
  const rows: [string, (summary: Summary) => Estimate | undefined][] = [
    ['mean@k', ({ mean }) => mean],
    ...ks.map((k): [string, (summary: Summary) => Estimate | undefined] => [`pass@${k}`, ({ passAt }) => at(passAt, k)]),
    ...ks.map((k): [string, (summary: Summary) => Estimate | undefined] => [`pass^${k}`, ({ passHatAt }) => at(passHatAt, k)]),
    ...ks.map((k): [string, (summary: Summary) => Estimate | undefined] => [`maj@${k}`, ({ majAt }) => at(majAt, k)]),
    ...ks
      .slice(-1)
      .map((k): [string, (summary: Summary) => Estimate | undefined] => [`best@${k}, bootstrap`, ({ bestAt }) => at(bestAt, k)]),
  ]
  const known = rows.filter(([, of]) => summaries.some((summary) => of(summary)))
  return html`<h2 id="accuracy">Accuracy</h2>
<p>A response is right by ${rule}. In brackets 95 % intervals, clustered by problem (Wilson's with the effective number of samples).</p>
<div class="charts">
${figure(accuracyChart(summaries), html`mean@k: mean over problems of the share of right samples. maj@k: the most frequent answer is right. pass@k: at least one of k samples is right.`)}
${figure(passChart(summaries), html`pass@k, unbiased, with 95 % bands.`)}
${figure(majorityChart(summaries), html`maj@k: exact expectation over all choices of k of the samples, ties broken evenly.`)}
</div>
${key(summaries)}
<div class="wide" tabindex="0" role="group" aria-label="Table"><table>
<thead><tr><td></td>${summaries.map(({ column }) => html`<th>${column.label}</th>`)}</tr></thead>
<tbody>${known.map(([name, of]) => html`<tr><th>${name}</th>${summaries.map((summary) => html`<td class="value">${estimate(of(summary), 'share')}</td>`)}</tr>`)}</tbody>
</table></div>
${ks.length > 0 ? html`<p class="hint">best@k by bootstrap is what published pass@16 numbers of Parallel-R1 are: samples drawn with putting back, biased low (1 right of 16 counts 0.64). For comparison only.</p>` : undefined}`
}

function comparisonSection({ comparisons, seed }: Analysis): Markup {
  const mcnemar = comparisons.some((comparison) => comparison.mcnemar)
  return html`<h2 id="comparison">Comparison on the same problems</h2>
<p>Differences in percentage points with 95 % intervals: paired bootstrap over problems, 10,000 resamples, seed ${seed}. ${comparisons.length > 1 ? `p is corrected for the ${comparisons.length} comparisons of a metric after Holm; at budgets it is not corrected.` : ''}</p>
<div class="wide" tabindex="0" role="group" aria-label="Table"><table>
<thead><tr><th>difference</th><th>problems</th><th>metric</th><th>difference</th><th>p</th></tr></thead>
<tbody>${comparisons.flatMap((comparison) =>
    comparison.accuracy.map(
      (difference, i) =>
        html`<tr><td>${i === 0 ? pair(comparison) : ''}</td><td>${i === 0 ? comparison.problems : ''}</td><td>${difference.name}</td><td class="value${difference.corrected < 0.05 ? ' clear' : ''}">${estimate(difference, 'points')}</td><td class="value">${formatP(difference.corrected)}</td></tr>`,
    ),
  )}</tbody>
</table></div>
${comparisons
  .filter(({ accuracy }) => accuracy.some(isTooNarrow))
  .map((comparison) => html`<p class="hint">${pair(comparison)}: ${tooNarrow(comparison.problems)}</p>`)}
${
  mcnemar
    ? html`<p>One sample a problem, McNemar's exact test: ${comparisons.flatMap(({ a, b, mcnemar: test }) => (test ? [`${a.label} alone right ${test.onlyA}, ${b.label} alone right ${test.onlyB}, ${formatP(test.p)}`] : [])).join('; ')}.</p>`
    : undefined
}`
}

const pair = ({ a, b }: Comparison): string => `${a.label} − ${b.label}`

function tokensSection(analysis: Analysis): Markup {
  const { curves, summaries, comparisons } = analysis
  const top = curveTop(analysis)
  const total = tokensChart(curves.totalTokens, summaries, 'total tokens', top)
  const critical = tokensChart(curves.criticalTokens, summaries, 'tokens on the critical path', top)
  const budgets = comparisons.flatMap((comparison) => [
    ...comparison.atTotalTokens.map((difference) => budgetRow(comparison, 'total tokens', difference)),
    ...comparison.atCriticalPath.map((difference) => budgetRow(comparison, 'critical path', difference)),
  ])
  if (total === undefined && critical === undefined) {
    return html`<h2 id="tokens">Accuracy against tokens</h2><p class="faint">The responses do not report their tokens.</p>`
  }
  return html`<h2 id="tokens">Accuracy against tokens</h2>
<p>The share of samples that are right and had ended within so many tokens: what a hard limit would leave standing. First every token counts, then only those of the longest chain (of a block its longest path).</p>
<div class="charts">
${figure(total, html`Equal total tokens: equal work.`)}
${figure(critical, html`Equal critical path: equal waiting, given enough parallel units.`)}
</div>
${key(summaries)}
${
  budgets.length > 0
    ? html`<details><summary>Differences at quartiles of the lengths of both</summary><div class="wide" tabindex="0" role="group" aria-label="Table"><table>
<thead><tr><th>difference</th><th>within</th><td></td><td></td><th>difference</th><th>p</th></tr></thead>
<tbody>${budgets}</tbody></table></div></details>`
    : undefined
}`
}

function budgetRow(comparison: Comparison, what: string, difference: BudgetDifference): Markup {
  return html`<tr><td>${pair(comparison)}</td><td class="value">${difference.budget} ${what}</td><td class="value">${formatValue(difference.shareA, 'share')}</td><td class="value">${formatValue(difference.shareB, 'share')}</td><td class="value${difference.p < 0.05 ? ' clear' : ''}">${estimate(difference, 'points')}</td><td class="value">${formatP(difference.p)}</td></tr>`
}

function behaviourSection(analysis: Analysis, summaries: readonly Summary[]): Markup {
  const table = (select: (summary: Summary) => readonly Behaviour[], title: string): Markup | undefined => {
    const names = new Map(summaries.flatMap((summary) => select(summary).map((one) => [one.name, one] as const)))
    if (names.size === 0) return undefined
    return html`<div class="wide" tabindex="0" role="group" aria-label="Table"><table>
<thead><tr><th>${title}</th>${summaries.map(({ column }) => html`<th>${column.label}</th>`)}</tr></thead>
<tbody>${[...names].map(
      ([name, { meaning }]) =>
        html`<tr><th title="${meaning}">${name}</th>${summaries.map((summary) => {
          const found = select(summary).find((one) => one.name === name)
          return html`<td class="value">${estimate(found?.estimate, found?.unit ?? 'share')}</td>`
        })}</tr>`,
    )}</tbody>
</table></div>`
  }
  const meanings = new Map(summaries.flatMap(({ behaviour }) => behaviour.map(({ name, meaning }) => [name, meaning] as const)))
  const charts = problemCharts(analysis)
  return html`<h2 id="behaviour">Behaviour</h2>
${table(({ behaviour }) => behaviour, 'measured')}
<details><summary>What is counted</summary><ul>${[...meanings].map(([name, meaning]) => html`<li><b>${name}</b>: ${meaning}</li>`)}</ul></details>
${table(({ scores }) => scores, 'metrics of the suite')}
${
  charts.length > 0
    ? html`<h3>Over problems</h3>
<p>Common problems in the order of the share of right samples of all columns together, in groups of equal size.</p>
<div class="charts small">${charts.map(({ label, svg }) => figure(svg, html`${label}`))}</div>
${key(summaries)}`
    : undefined
}`
}

function samplesSection({ experiment }: Analysis, limit: number): Markup {
  const payload = packSamples(experiment, limit)
  const { omitted, index } = payload
  return html`<h2 id="samples">Samples</h2>
${omitted > 0 ? html`<p class="warn">${omitted} of ${omitted + index.column.length} samples are left out here to keep the page small: the later repeats. Statistics count all. (--samples sets the limit.)</p>` : undefined}
${sampleBrowser(payload, {
  verdict: [
    'answer',
    [
      ['1', 'right'],
      ['0', 'wrong'],
      ['2', 'error'],
    ],
  ],
})}`
}
