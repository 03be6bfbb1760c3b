/** The browser of samples: its controls, and the samples that its scripts open (browser/main.js). */

import { html, jsonForScript, Markup } from './html.ts'
import type { Payload } from './payload.ts'

type Choices = readonly (readonly [value: string, name: string])[]

interface Filters {
  /** What the verdicts are called together, and the choices of them. */
  verdict: readonly [label: string, Choices]
  /** Steps of a run, where samples have one. */
  step?: Choices
}

export function sampleBrowser({ index, chunks }: Pick<Payload, 'index' | 'chunks'>, { verdict, step }: Filters): Markup {
  const select = (id: string, label: string, options: Choices = []): Markup =>
    html`<label for="${id}">${label}<select id="${id}"><option value="">all</option>${options.map(([value, name]) => html`<option value="${value}">${name}</option>`)}</select></label>`
  return html`<noscript><p class="warn">The sample browser needs JavaScript; everything above does not.</p></noscript>
<div id="browser" hidden>
<div class="filters">
${step && select('f-step', 'step', step)}
${select('f-column', step ? 'run' : 'column')}
${select('f-verdict', ...verdict)}
${select('f-thinking', 'thinking', [
  ['block', 'with a block'],
  ['none', 'without a block'],
  ['broken', 'broken structure'],
])}
${select('f-failed', 'failed assertion')}
<label for="f-text">text<input id="f-text" type="search" placeholder="in problem, response, reasons"></label>
<span id="count" class="hint" role="status"></span>
</div>
<p class="hint screen">The tab key goes from problem to problem, arrows from sample to sample. The address of a sample can be shared with the file.</p>
<div class="browser">
<div id="list" class="list"><ul id="problems" aria-label="Problems"></ul></div>
<article id="reader" class="detail" aria-label="Sample">
<div class="pager screen"><a id="previous">‹ previous</a><a id="next">next ›</a></div>
<div id="detail"></div>
</article>
</div>
</div>
<script type="application/json" id="index">${jsonForScript(index)}</script>
${chunks.map((chunk, i) => html`<script type="text/plain" id="chunk-${i}">${new Markup(chunk)}</script>`)}`
}
