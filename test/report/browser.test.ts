import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { analyze } from '../../src/report/analysis.ts'
import { reportLink } from '../../src/report/link.ts'
import { drawPage } from '../../src/report/page/page.ts'
import { readExperiment } from '../../src/report/samples.ts'
import { executable, launch, look, SCREENS, watch } from './chromium.ts'
import { results, row } from './synthetic.ts'

const ATTACK = '<img src=x onerror="window.attacked = 1"></script><script>window.attacked = 2</script>'

/** As the provider writes it. */
const linkOf = (problem: number, repeat: number) =>
  reportLink({ evaluationId: 'eval-x', label: 'alpha', seed: 2 * problem + repeat, env: {} })!

/** 60 problems x 2 samples x 2 columns: the second column thinks in parallel. */
const rows = Array.from({ length: 60 }, (_, problem) =>
  [0, 1].flatMap((repeat) => [
    row({
      problem,
      column: 0,
      right: problem < 20,
      answer: String(problem),
      output: `plain ${ATTACK} number ${problem}`,
      metadata: { totalTokens: 100, criticalPathTokens: 100, report: linkOf(problem, repeat) },
    }),
    row({
      problem,
      column: 1,
      right: repeat === 0,
      answer: String(repeat),
      output: `text before<Parallel><Path>${ATTACK}</Path><Path>second path, so ${repeat}</Path></Parallel>\n<Summary>joined ${problem}</Summary>the end`,
      metadata: {
        totalTokens: 160,
        criticalPathTokens: 60,
        tree: { blocks: [{ start: 2, paths: [{ tokens: 30 }, { tokens: 60 }], summary: { tokens: 15 } }] },
      },
    }),
  ]),
).flat()
rows.push(row({ problem: 59, column: 1, error: 'the engine failed' }))

describe.skipIf(!executable)('the page in Chromium', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-page-'))
  const file = path.join(folder, 'report.html')
  let browser: Browser
  let page: Page
  const problems: string[] = []

  beforeAll(async () => {
    writeFileSync(file, drawPage(await analyze(readExperiment([results(rows)]))))
    browser = await launch()
    page = await browser.newPage({ viewport: { width: 1200, height: 900 } })
    watch(page, problems)
    await page.goto(pathToFileURL(file).href)
    await page.waitForSelector('#detail h3')
  })

  afterEach(() => expect(problems).toEqual([]))

  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })

  /** Texts are unpacked after the click: what is drawn is waited for. */
  const said = (selector: string) => expect.poll(() => page.locator(selector).first().innerText(), { timeout: 20_000 })

  it('opens with the verdict and draws only the problems in sight', async () => {
    expect(await page.locator('.verdict').innerText()).toMatch(/^Beta .* alpha, along \d+ % of the chain\.$/)
    await said('#count').toBe('241 of 241 samples, 60 problems')
    expect(await page.locator('#problems .problem').count()).toBeLessThan(25)
    await page.locator('#list').evaluate((list) => list.scrollTo(0, list.scrollHeight))
    await said('#problems .problem:last-child .title').toBe('60. What is 59?')
    expect(await page.locator('#problems .problem').count()).toBeLessThan(25)
    await page.locator('#list').evaluate((list) => list.scrollTo(0, 0))
    await said('#problems .problem:first-child .title').toBe('1. What is 0?')
  })

  it('draws the tree: paths side by side, the longest marked, summary, tokens, verdicts', async () => {
    await page.selectOption('#f-column', { label: 'beta' })
    await page.waitForSelector('.block')
    const boxes = await page.locator('.path').evaluateAll((paths) => paths.map((node) => node.getBoundingClientRect().toJSON()))
    expect(boxes).toHaveLength(2)
    expect(boxes[0].top).toBe(boxes[1].top)
    expect(boxes[0].right).toBeLessThanOrEqual(boxes[1].left)
    expect(await page.locator('.path .head').allInnerTexts()).toEqual(['Path 1\n30 tokens', 'Path 2\n60 tokens'])
    expect(await page.locator('.path.longest .badges').allInnerTexts()).toEqual(['reaches the answer\nlongest'])
    const bars = await page.locator('.path .bar').evaluateAll((nodes) => nodes.map((node) => node.getBoundingClientRect().width))
    expect(bars[1] / bars[0]).toBeCloseTo(2, 1)
    expect(await page.locator('.block > .joined').innerText()).toContain('15 tokens')
    expect(await page.locator('.block > .joined .said').innerText()).toBe('joined 0')
    expect(await page.locator('#detail .grades').innerText()).toMatch(/answer\s+✓ passed\s+1\s+it is right/)
    await page.selectOption('#f-column', '')
  })

  it('shows what a model wrote as text and runs none of it', async () => {
    expect(await page.locator('#detail').innerText()).toContain(ATTACK)
    expect(await page.locator('img').count()).toBe(0)
    expect(await page.evaluate('window.attacked')).toBeUndefined()
  })

  it('filters by answer, thinking, failed assertion and text', async () => {
    await page.selectOption('#f-verdict', { label: 'right' })
    await said('#count').toBe('100 of 241 samples, 60 problems')
    await page.selectOption('#f-thinking', { label: 'without a block' })
    await said('#count').toBe('40 of 241 samples, 20 problems')
    await page.selectOption('#f-thinking', '')
    await page.selectOption('#f-verdict', { label: 'error' })
    await said('#count').toBe('1 of 241 samples, 1 problem')
    await said('#detail').toContain('the engine failed')
    await page.selectOption('#f-verdict', '')
    await page.selectOption('#f-failed', { label: 'answer' })
    await said('#count').toBe('140 of 241 samples, 60 problems')
    await page.selectOption('#f-failed', '')
    await page.fill('#f-text', 'JOINED 17')
    await said('#count').toMatch(/^2 of/)
    await said('.block > .joined .said').toBe('joined 17')
    await page.fill('#f-text', 'nowhere to be found')
    await said('#count').toMatch(/^0 of/)
    expect(await page.locator('#problems .problem').count()).toBe(0)
    await page.fill('#f-text', '')
    await said('#count').toMatch(/^241 of/)
  })

  it('gives every sample an address that can be opened, shared and gone back from', async () => {
    await page.goto(`${pathToFileURL(file).href}#/21/2/2`)
    await page.reload()
    await said('#detail h3').toMatch(/^Problem 21, beta, sample 2/)
    await said('[aria-current] ').toBe('✗')
    await page.click('#next')
    await said('#detail h3').toMatch(/^Problem 22, alpha, sample 1/)
    expect(new URL(page.url()).hash).toBe('#/22/1/1')
    await page.goBack()
    await said('#detail h3').toMatch(/^Problem 21, beta, sample 2/)
    expect(await page.locator('#problems [aria-current]').count()).toBe(1)
    // A link of promptfoo's view.
    await page.evaluate(`location.hash = '${new URL(linkOf(6, 1)).hash}'`)
    await said('#detail h3').toContain('Problem 7, alpha, sample 2')
    await page.evaluate("location.hash = '#/99/1/1'")
    await said('#detail').toContain('no sample at #/99/1/1')
    await page.goto(`${pathToFileURL(file).href}#/1/1/1`)
    await said('#detail h3').toMatch(/^Problem 1, alpha, sample 1/)
  })

  it('marks the paths that come to the answer', async () => {
    await page.evaluate("location.hash = '#/60/2/2'")
    await said('#detail h3').toMatch(/^Problem 60, beta, sample 2/)
    expect(await page.locator('.path.reaches').count()).toBe(1)
    expect(await page.locator('.path.reaches .badges').innerText()).toContain('reaches the answer')
  })

  it('is worked with the keyboard: a tab stop a problem, arrows inside, across what is not yet drawn', async () => {
    await page.evaluate("location.hash = '#/1/1/1'")
    await said('#detail h3').toMatch(/^Problem 1, alpha, sample 1/)
    const focused = () => page.evaluate('document.activeElement.getAttribute("aria-label")')
    await page.locator('#problems a[tabindex="0"]').first().focus()
    expect(await focused()).toMatch(/^problem 1, alpha, sample 1/)
    await page.keyboard.press('ArrowRight')
    expect(await focused()).toMatch(/^problem 1, alpha, sample 2/)
    await page.keyboard.press('ArrowDown')
    expect(await focused()).toMatch(/^problem 1, beta, sample 2/)
    await page.keyboard.press('Tab')
    expect(await focused()).toMatch(/^problem 2,/)
    for (let i = 0; i < 40; i++) await page.keyboard.press('ArrowDown')
    expect(await focused()).toMatch(/^problem 22,/)
    await page.keyboard.press('Enter')
    await said('#detail h3').toMatch(/^Problem 22,/)
    await page.locator('.skip').focus()
    expect(await page.locator('.skip').evaluate((node) => node.getBoundingClientRect().left)).toBeGreaterThanOrEqual(0)
  })

  it('is legible in light, dark and print: text against its background at 4.5 to 1 or more', async () => {
    /** Contrast ratios (WCAG 2) of the colours that text and lines use. */
    const contrasts = (): Promise<Record<string, number>> =>
      page.evaluate(`(() => {
        const probe = document.body.appendChild(document.createElement('i'))
        const luminance = (name) => {
          probe.style.color = 'var(' + name + ')'
          const [r, g, b] = getComputedStyle(probe).color.match(/\\d+/g).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
          return 0.2126 * r + 0.7152 * g + 0.0722 * b
        }
        const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
        const names = ['--ink', '--faint', '--right', '--wrong', '--error', ...Array.from({ length: 8 }, (_, i) => '--series-' + i)]
        const on = (ground, of) => of.map((name) => [name + ' on ' + ground, ratio(luminance(name), luminance(ground))])
        return Object.fromEntries([...on('--paper', names), ...on('--panel', names.slice(0, 5)), ...on('--reached', ['--ink', '--faint', '--right'])])
      })()`)
    const backgrounds: string[] = []
    for (const [media, colorScheme] of [
      ['screen', 'light'],
      ['screen', 'dark'],
      ['print', 'dark'],
    ] as const) {
      await page.emulateMedia({ media, colorScheme })
      const low = Object.entries(await contrasts()).filter(([, ratio]) => !(ratio >= 4.5))
      expect(low, `${media} ${colorScheme}`).toEqual([])
      backgrounds.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
    }
    expect(backgrounds).toEqual(['rgb(255, 255, 255)', 'rgb(20, 23, 27)', 'rgb(255, 255, 255)'])
    expect(await page.locator('.filters').isVisible()).toBe(false)
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' })
  })

  it('has a theme of its own, kept when the page is opened again', async () => {
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    await page.click('#theme')
    expect(await ground()).toBe('rgb(20, 23, 27)')
    await page.reload()
    expect(await ground()).toBe('rgb(20, 23, 27)')
    await page.click('#theme')
    expect(await ground()).toBe('rgb(255, 255, 255)')
  })

  it.each(SCREENS)('is accessible by the rules of axe and does not scroll sideways: %d pixels, %s', async (...screen) => {
    const { scrolled, violations } = await look(browser, `${pathToFileURL(file).href}#/3/2/1`, '.block', screen)
    expect(scrolled).toBeLessThanOrEqual(screen[0])
    expect(violations).toEqual([])
  })
})
