/** Pages of a report in Chromium. */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'

/** A Chromium: named by CHROMIUM, of the system, or of Playwright. */
export const executable = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  chromium.executablePath(),
].find((file) => file && existsSync(file))
if (!executable)
  console.warn('skipped: the page is tried in Chromium, and there is none. apt-get install chromium, or set CHROMIUM=/path/to/it.')

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: executable, args: ['--no-sandbox'] })

/** Collects errors, warnings, and requests for anything but files. */
export function watch(page: Page, problems: string[]): void {
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && problems.push(message.text()))
  page.on('request', (request) => request.url().startsWith('file:') || problems.push(`asked for ${request.url()}`))
}

/** Widths and themes that a page is looked at in. */
export const SCREENS = [
  [1280, 'light'],
  [1280, 'dark'],
  [390, 'light'],
  [390, 'dark'],
] as const

/** What axe finds wrong on a fresh page at this address once `ready` is there, and how wide the page is. */
export async function look(browser: Browser, url: string, ready: string, [width, colorScheme]: (typeof SCREENS)[number]) {
  const fresh = await browser.newPage({ viewport: { width, height: 900 }, colorScheme, bypassCSP: true })
  await fresh.goto(url)
  await fresh.waitForSelector(ready)
  const scrolled: number = await fresh.evaluate('document.documentElement.scrollWidth')
  await fresh.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') })
  const violations: string[] = await fresh.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 200) + ' ' + failureSummary).join(' | ')))",
  )
  await fresh.close()
  return { scrolled, violations }
}
