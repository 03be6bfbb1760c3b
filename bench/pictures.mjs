// Pictures of the report's page for docs/images, from a results.json: node bench/pictures.mjs results.json [problem/column/sample]
// Needs Chromium (CHROMIUM names another than /usr/bin/chromium) and a built dist/.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const [results, address = '1/1/1'] = process.argv.slice(2)
if (!results) {
  console.error('bench/pictures.mjs needs a results file. Write one with: npx promptfoo eval -o results.json')
  process.exit(2)
}

/** Name, where in the page, pixels wide and high, theme. */
const PICTURES = [
  ['report-verdict', '', 1200, 760, 'light'],
  ['report-tokens', '#tokens', 1200, 560, 'light'],
  ['report-behaviour', '#behaviour', 1200, 860, 'light'],
  ['report-samples', `#/${address}`, 1200, 860, 'light'],
  ['report-dark', `#/${address}`, 1200, 860, 'dark'],
  ['report-narrow', `#/${address}`, 390, 860, 'light'],
]

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-pictures-'))
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
try {
  const file = path.join(folder, 'report.html')
  const { status } = spawnSync(process.execPath, [path.join(root, 'dist/report/cli.js'), path.resolve(results), '-o', file])
  if (status !== 0) throw new Error(`pr1-report ends with ${status}`)
  for (const [name, hash, width, height, colorScheme] of PICTURES) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme })
    await page.goto(`${pathToFileURL(file).href}${hash}`)
    await page.waitForSelector('#detail h3')
    await page.waitForTimeout(500)
    const picture = path.join(root, 'docs/images', `${name}.png`)
    const { length: size } = await page.screenshot({ path: picture })
    console.log(`${picture}: ${(size / 1024).toFixed(0)} kB`)
    await page.close()
  }
} finally {
  await browser.close()
  rmSync(folder, { recursive: true })
}
