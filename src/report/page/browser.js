// @ts-check
// The sample browser of the page, as it runs in the reader's browser: filters over the index, texts from compressed chunks when they
// are looked at. Whatever a model wrote is set as text, never as markup.

/** @import { Detail, Index, Part, ShownText } from './payload.ts' */

;(() => {
  const PAGE = 20
  const MARKS = ['✗', '✓', '!']
  const VERDICTS = ['wrong', 'right', 'error']

  /** @param {string} id */
  const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id))
  /** @param {string} id */
  const field = (id) => /** @type {HTMLInputElement | HTMLSelectElement} */ (byId(id))

  /** @type {Index} */
  const index = JSON.parse(byId('index').textContent ?? '')
  const count = index.column.length
  /** @type {Map<number, Promise<Detail[]>>} Opened chunks. */
  const opened = new Map()
  /** @type {number[]} Samples that pass the filters. */
  let shown = []
  let page = 0
  let current = -1
  /** Counts the searches, so that an older one gives up. */
  let search = 0

  /**
   * @param {string} tag
   * @param {string} className
   * @param {...(Node | string)} children
   */
  function element(tag, className, ...children) {
    const node = document.createElement(tag)
    if (className) node.className = className
    node.append(...children)
    return node
  }

  /** @param {number} chunk @returns {Promise<Detail[]>} */
  function open(chunk) {
    let promise = opened.get(chunk)
    if (!promise) {
      const bytes = Uint8Array.from(atob(byId(`chunk-${chunk}`).textContent ?? ''), (character) => character.charCodeAt(0))
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
      promise = new Response(stream).json()
      opened.set(chunk, promise)
      // A few stay open; the rest is opened again when needed.
      if (opened.size > 40) opened.delete(/** @type {number} */ (opened.keys().next().value))
    }
    return promise
  }

  /** @param {number} sample */
  const detailOf = async (sample) => (await open(Math.floor(sample / index.chunk)))[sample % index.chunk]

  /** @param {number} sample */
  function passes(sample) {
    const column = field('f-column').value
    const verdict = field('f-verdict').value
    const thinking = field('f-thinking').value
    const failed = field('f-failed').value
    if (column !== '' && index.column[sample] !== Number(column)) return false
    if (verdict !== '' && index.verdict[sample] !== Number(verdict)) return false
    if (thinking === 'block' && index.blocks[sample] === 0) return false
    if (thinking === 'none' && index.blocks[sample] > 0) return false
    if (thinking === 'broken' && index.broken[sample] === 0) return false
    return failed === '' || index.failed[sample].includes(Number(failed))
  }

  /** @param {Part} part */
  const textsOf = (part) => ('text' in part ? [part.text] : [...part.paths.map(({ text }) => text), part.summary?.text ?? ''])

  /** @param {number} sample @param {string} words */
  async function holds(sample, words) {
    if (index.problems[index.problem[sample]].toLowerCase().includes(words)) return true
    const { prompt, tree, grades } = await detailOf(sample)
    const texts = [prompt, ...tree.flatMap(textsOf), ...grades.map(({ reason }) => reason)]
    return texts.some((text) => text.toLowerCase().includes(words))
  }

  async function filter() {
    const own = ++search
    const words = field('f-text').value.trim().toLowerCase()
    const candidates = Array.from({ length: count }, (_, sample) => sample).filter(passes)
    /** @type {number[]} */
    let found = candidates
    if (words !== '') {
      found = []
      for (const [i, sample] of candidates.entries()) {
        if (i % 500 === 0) byId('count').textContent = `searching … ${i} of ${candidates.length}`
        if (await holds(sample, words)) found.push(sample)
        if (own !== search) return
      }
    }
    if (own !== search) return
    shown = found
    page = 0
    list()
    // What is read stays open while it passes the filters.
    if (shown.length > 0 && !shown.includes(current)) await select(shown[0])
    else neighbours()
  }

  /** Problems with a sample that passes, in order. */
  function problems() {
    /** @type {Map<number, number[]>} */
    const groups = new Map()
    for (const sample of shown) {
      const problem = index.problem[sample]
      const group = groups.get(problem)
      if (group) group.push(sample)
      else groups.set(problem, [sample])
    }
    return [...groups]
  }

  function list() {
    const groups = problems()
    const pages = Math.max(1, Math.ceil(groups.length / PAGE))
    page = Math.min(page, pages - 1)
    byId('count').textContent = `${shown.length} of ${count} samples, ${groups.length} problems`
    byId('page').textContent = `${page + 1} / ${pages}`
    field('previous-page').disabled = page === 0
    field('next-page').disabled = page === pages - 1
    byId('problems').replaceChildren(
      ...groups.slice(page * PAGE, (page + 1) * PAGE).map(([problem, samples]) => {
        const rows = index.columns.flatMap((label, column) => {
          const own = samples.filter((sample) => index.column[sample] === column)
          if (own.length === 0) return []
          const row = element('div', 'marks', element('span', '', label))
          row.append(...own.map(markOf))
          return [row]
        })
        return element('div', 'problem', element('div', 'title', `${problem + 1}. ${index.problems[problem]}`), ...rows)
      }),
    )
  }

  /** @param {number} sample */
  function markOf(sample) {
    const verdict = index.verdict[sample]
    const button = element('button', `v${verdict}`, MARKS[verdict])
    button.dataset.sample = String(sample)
    button.title = `sample ${index.repeat[sample] + 1}: ${VERDICTS[verdict]}${index.tokens[sample] >= 0 ? `, ${index.tokens[sample]} tokens` : ''}`
    button.setAttribute('aria-label', button.title)
    button.setAttribute('aria-current', String(sample === current))
    return button
  }

  /** @param {number} sample */
  async function select(sample) {
    current = sample
    for (const button of byId('problems').querySelectorAll('button')) {
      button.setAttribute('aria-current', String(button.dataset.sample === String(sample)))
    }
    neighbours()
    const detail = await detailOf(sample)
    if (current === sample) draw(sample, detail)
  }

  function neighbours() {
    const at = shown.indexOf(current)
    field('previous').disabled = at <= 0
    field('next').disabled = at < 0 || at === shown.length - 1
  }

  /** @param {number} by */
  async function step(by) {
    const at = shown.indexOf(current) + by
    if (at < 0 || at >= shown.length) return
    const target = problems().findIndex(([problem]) => problem === index.problem[shown[at]])
    if (Math.floor(target / PAGE) !== page) {
      page = Math.floor(target / PAGE)
      list()
    }
    await select(shown[at])
  }

  /** @param {number} sample @param {Detail} detail */
  function draw(sample, detail) {
    const verdict = index.verdict[sample]
    const title = element(
      'h3',
      '',
      `Problem ${index.problem[sample] + 1}, ${index.columns[index.column[sample]]}, sample ${index.repeat[sample] + 1}: `,
      element('span', `v${verdict}`, `${MARKS[verdict]} ${VERDICTS[verdict]}`),
    )
    /** @type {[string, string][]} */
    const facts = []
    if (index.tokens[sample] >= 0) facts.push(['total tokens', String(index.tokens[sample])])
    if (index.critical[sample] >= 0) facts.push(['critical path', `${index.critical[sample]} tokens`])
    const children = [
      title,
      element('div', 'facts', ...[...facts, ...detail.facts].map(([label, value]) => element('span', '', `${label}: ${value}`))),
      element('h3', '', 'Prompt'),
      element('div', 'said text', detail.prompt),
      element('div', 'facts', ...detail.vars.map(([name, value]) => element('span', '', `${name} = ${value}`))),
    ]
    if (detail.error) children.push(element('h3', 'v2', 'Error'), element('div', 'said text', detail.error))
    children.push(element('h3', '', 'Response'), ...detail.tree.map(drawPart))
    if (detail.tree.length === 0) children.push(element('p', 'faint', 'empty'))
    if (detail.violations.length > 0) {
      const items = detail.violations.map((violation) => element('li', '', violation))
      children.push(element('h3', '', 'Broken rules of the tag grammar'), element('ul', '', ...items))
    }
    if (detail.grades.length > 0) {
      const rows = detail.grades.map(({ metric, pass, score, reason }) =>
        element(
          'tr',
          '',
          element('td', '', metric),
          element('td', `v${pass ? 1 : 0}`, pass ? '✓ passed' : '✗ failed'),
          element('td', '', score === null ? '' : String(Math.round(score * 1000) / 1000)),
          element('td', '', reason),
        ),
      )
      const head = element('tr', '', ...['metric', 'verdict', 'score', 'reason'].map((name) => element('th', '', name)))
      children.push(element('h3', '', 'Assertions'), element('table', '', element('thead', '', head), element('tbody', '', ...rows)))
    }
    byId('detail').replaceChildren(...children)
  }

  /** @param {Part} part */
  function drawPart(part) {
    if ('text' in part) return element('div', 'said text', part.text)
    const longest = Math.max(1, ...part.paths.map(({ tokens }) => tokens))
    const equal = part.paths.every(({ tokens }) => tokens === longest)
    const paths = part.paths.map((path, i) => {
      const critical = !equal && path.tokens === longest
      return drawText(path, `path ${i + 1}${critical ? ', the longest' : ''}`, critical ? 'path longest' : 'path', longest)
    })
    const block = element('div', 'block', element('div', 'paths', ...paths))
    if (part.summary) block.append(drawText(part.summary, 'summary', 'summary', Math.max(longest, part.summary.tokens)))
    return block
  }

  /** @param {ShownText} shown @param {string} name @param {string} className @param {number} longest */
  function drawText({ text, tokens }, name, className, longest) {
    const head = element('div', 'head', element('span', '', name))
    const box = element('div', className, head)
    if (tokens >= 0) {
      head.append(element('span', '', `${tokens} tokens`))
      const bar = element('div', 'bar')
      bar.style.width = `${(100 * tokens) / longest}%`
      box.append(bar)
    }
    box.append(element('div', 'said', text))
    return box
  }

  /** @param {string} id @param {[string, string][]} options */
  function fill(id, options) {
    field(id).append(
      ...options.map(([value, label]) => {
        const option = element('option', '', label)
        option.setAttribute('value', value)
        return option
      }),
    )
  }

  fill(
    'f-column',
    index.columns.map((label, i) => [String(i), label]),
  )
  fill(
    'f-failed',
    index.metrics.map((metric, i) => [String(i), metric]),
  )
  for (const id of ['f-column', 'f-verdict', 'f-thinking', 'f-failed']) field(id).addEventListener('change', filter)
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing
  field('f-text').addEventListener('input', () => {
    clearTimeout(typing)
    typing = setTimeout(filter, 250)
  })
  byId('problems').addEventListener('click', ({ target }) => {
    const button = target instanceof Element ? target.closest('button') : null
    if (button) select(Number(button.dataset.sample))
  })
  byId('previous-page').addEventListener('click', () => {
    page--
    list()
  })
  byId('next-page').addEventListener('click', () => {
    page++
    list()
  })
  byId('previous').addEventListener('click', () => step(-1))
  byId('next').addEventListener('click', () => step(1))
  byId('browser').hidden = false
  filter()
})()
