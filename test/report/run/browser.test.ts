import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { drawRunPage } from '../../../src/report/run/page.ts'
import { readRuns } from '../../../src/report/run/read.ts'
import { readKept } from '../../../src/report/run/samples.ts'
import { executable, launch, look, SCREENS, watch } from '../chromium.ts'
import { groups, grpoLine, keepStep, rollout, runFolder, usualLines } from './runs.ts'

const ATTACK = '<img src=x onerror="window.attacked = 1"></script><script>window.attacked = 2</script>'

/** The second run jumps between 0 and 1, which smoothing evens out. */
const jumping = Array.from({ length: 40 }, (_, i) => grpoLine(i + 1, { reward: i % 2 }))

describe.skipIf(!executable)('the page of runs in Chromium', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-page-'))
  const file = path.join(folder, 'run.html')
  let browser: Browser
  let page: Page
  const problems: string[] = []

  beforeAll(async () => {
    const [one, two] = [runFolder(usualLines(), 'one'), runFolder(jumping, 'two')]
    for (const step of [1, 20, 40]) {
      keepStep(one, { total: 10 + step, step }, [rollout(0, 0, { text: `plain ${ATTACK}`, problem: ATTACK }), ...groups(3).slice(1)])
      keepStep(two, { total: step, step }, groups(2))
    }
    writeFileSync(file, drawRunPage(readKept(readRuns([one, two]), 1000)))
    browser = await launch()
    page = await browser.newPage({ viewport: { width: 1200, height: 900 } })
    watch(page, problems)
    await page.goto(pathToFileURL(file).href)
  })

  afterEach(() => expect(problems).toEqual([]))

  afterAll(async () => {
    await browser.close()
    rmSync(folder, { recursive: true })
  })

  const smoothing = (weight: number) => page.locator('#smoothing').fill(String(weight))

  /** Values of the smooth line of run `run` in the first chart, which is the reward. */
  const smooth = async (run: number): Promise<number[]> => {
    const figure = page.locator('figure.curves').first()
    const [start, per] = (await figure.getAttribute('data-y'))!.split(' ').map(Number)
    const d = (await figure.locator('path.smooth').nth(run).getAttribute('d'))!
    return d
      .slice(1)
      .split('L')
      .map((point) => start + per * Number(point.split(',')[1]))
  }

  it('opens with what the reward did', async () => {
    expect(await page.locator('.verdict').innerText()).toContain('one: reward from 0.0625 to 0.963 in 40 steps of rl.')
    expect(await page.locator('#smoothing-value').innerText()).toBe('0.60')
  })

  it('smooths by an exponential mean with the weight that the reader chooses', async () => {
    await smoothing(0.9)
    let [mean, mass] = [0, 0]
    const wanted = jumping.map(({ reward }) => {
      mean = 0.9 * mean + 0.1 * (reward as number)
      mass = 0.9 * mass + 0.1
      return mean / mass
    })
    const found = await smooth(1)
    expect(found).toHaveLength(40)
    for (const [i, value] of found.entries()) expect(value).toBeCloseTo(wanted[i], 2)
    await smoothing(0)
    for (const [i, value] of (await smooth(1)).entries()) expect(value).toBeCloseTo(i % 2, 2)
    expect(await page.locator('path.smooth').first().isVisible()).toBe(false)
    await smoothing(0.6)
    expect(await page.locator('path.smooth').first().isVisible()).toBe(true)
  })

  it('says the figures of every run under the pointer, measured and smoothed', async () => {
    const chart = page.locator('figure.curves').first()
    const box = (await chart.locator('svg').boundingBox())!
    await page.mouse.move(box.x + box.width - 8, box.y + box.height / 2)
    expect(await chart.locator('output').innerText()).toMatch(/^step 50: one 1 \(smoothed 0\.96\d\), two 1 \(smoothed 0\.\d+\)$/)
    await page.mouse.move(5, 5)
    expect(await chart.locator('output').innerText()).toBe('')
  })

  const said = (selector: string) => expect.poll(() => page.locator(selector).first().innerText(), { timeout: 20_000 })

  it('opens the rollouts of a kept step, with their tree, reward and advantage', async () => {
    await said('#count').toBe('30 of 30 samples, 18 problems')
    await page.selectOption('#f-step', { label: '30: rl 20' })
    await said('#count').toBe('6 of 30 samples, 4 problems')
    await page.selectOption('#f-verdict', { label: 'above its group' })
    await said('#count').toBe('3 of 30 samples, 3 problems')
    await page.locator('#problems .mark').nth(1).click()
    await said('#detail h3').toMatch(/, one, sample 2 \+ above its group$/)
    const facts = (await page.locator('#detail .facts').first().innerText()).replace(/\n+/g, ' ')
    expect(facts).toContain('step rl 20 reward 1 advantage 1')
    expect(await page.locator('.block').count()).toBe(2)
    expect(await page.locator('.block').nth(1).locator('.path .head').allInnerTexts()).toEqual([
      'Path 1\n10 tokens',
      'Path 2\n11 tokens',
      'Path 3\n12 tokens',
    ])
    expect(await page.locator('#detail .grades').innerText()).toMatch(/answer\s+✓ passed\s+1[\s\S]*length\s+figure\s+0\.25/)
    await page.selectOption('#f-verdict', '')
    await page.selectOption('#f-step', '')
  })

  it('shows what a model wrote as text and runs none of it', async () => {
    await page.fill('#f-text', 'plain <img')
    await said('#count').toMatch(/^3 of 30/)
    await said('#detail').toContain(ATTACK)
    expect(await page.locator('img').count()).toBe(0)
    expect(await page.evaluate('window.attacked')).toBeUndefined()
    await page.fill('#f-text', '')
    await said('#count').toMatch(/^30 of 30/)
  })

  it('is legible without its script, and prints without its controls', async () => {
    const plain = await browser.newPage({ javaScriptEnabled: false })
    await plain.goto(pathToFileURL(file).href)
    expect(await plain.locator('path.raw').first().isVisible()).toBe(true)
    expect(await plain.locator('#smoothing-control').isVisible()).toBe(false)
    await plain.close()
    await page.emulateMedia({ media: 'print' })
    expect(await page.locator('#smoothing-control').isVisible()).toBe(false)
    await page.emulateMedia({ media: 'screen' })
  })

  it.each(SCREENS)('is accessible by the rules of axe and does not scroll sideways: %d pixels, %s', async (...screen) => {
    const { scrolled, violations } = await look(browser, `${pathToFileURL(file).href}#/1/2/1`, '.block', screen)
    expect(scrolled).toBeLessThanOrEqual(screen[0])
    expect(violations).toEqual([])
  })
})
