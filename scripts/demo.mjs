// npm run demo: one response of the parallel model as a tree, then promptfoo compares the shipped sequential and parallel
// checkpoints on Countdown. This package's own engine runs them. Further arguments go to `promptfoo eval` (e.g. --filter-first-n 20).
// promptfoo's own words are kept back unless it fails: its progress bar (a line now and then where nobody looks), then one screen of ours.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const began = performance.now()

for (const [step, option] of [
  ['install.mjs', '--required'],
  ['build.mjs', '--if-needed'],
]) {
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts', step), option], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
const built = (file) => import(pathToFileURL(path.join(root, 'dist', file)).href)

await showResponse()
const results = path.join('runs', 'demo.json')
const status = await evaluate(path.join(root, results))
if (!existsSync(path.join(root, results))) process.exit(status || 1)
const { readResults } = await built('report/rows.js')
const { readExperiment } = await built('report/samples.js')
const { analyze } = await built('report/analysis.js')
const { describeBriefly, describeSources } = await built('report/brief.js')
const experiment = readExperiment([readResults(path.join(root, results))])
const seconds = Math.round((performance.now() - began) / 1000)
console.log(`
${describeBriefly(await analyze(experiment))}
${seconds} seconds. ${describeSources(experiment)}
Next:
  npx pr1-tree ${results}         a response as a tree
  npx pr1-report ${results}       a page with curves and every sample
  npx promptfoo view                  the same rows in promptfoo's browser view`)
if (experiment.failed.length > 0 || status !== 0) process.exitCode = 1

/** The first of eight hard problems that the parallel model gets right, as a tree. */
async function showResponse() {
  const { ParallelThinkingProvider, countdownAnswer } = await built('index.js')
  const { default: nunjucks } = await import('nunjucks')
  const { parse } = await import('yaml')
  const { partsOf } = await built('report/page/payload.js')
  const { drawTree } = await built('report/tree/draw.js')
  const suite = path.join(root, 'suites', 'countdown')
  const { providers } = parse(readFileSync(path.join(suite, 'promptfooconfig.yaml'), 'utf8'))
  const { config } = providers.find(({ label }) => label === 'parallel')
  const checkpoint = path.join(suite, 'checkpoints', 'parallel')
  const provider = new ParallelThinkingProvider({ config: { ...config, checkpoint, samples: 'off' } })
  const template = readFileSync(path.join(suite, 'prompt.j2'), 'utf8')
  const tests = readFileSync(path.join(suite, 'test.hard.jsonl'), 'utf8').split('\n').slice(0, 8)
  const responses = await Promise.all(
    tests.map(async (line) => {
      const { vars } = JSON.parse(line)
      const prompt = nunjucks.renderString(template, vars)
      const { output, error } = await provider.callApi(prompt)
      if (error) throw new Error(error)
      return { prompt, output, right: countdownAnswer(output, { vars }).pass }
    }),
  )
  await provider.cleanup()
  const { prompt, output } = responses.find(({ right }) => right) ?? responses[0]
  const screen = { width: Math.min(process.stdout.columns || 80, 100), color: process.stdout.isTTY === true && !process.env.NO_COLOR }
  console.log(`\n${prompt.trim()}\n\n${drawTree(partsOf(output), screen)}\n`)
  console.log('That was one response. Now promptfoo lets both models answer many such problems, in four ways.\n')
}

/** Runs promptfoo's command; resolves to its exit code. */
function evaluate(output) {
  rmSync(output, { force: true })
  mkdirSync(path.dirname(output), { recursive: true })
  const promptfooRoot = path.resolve(path.dirname(createRequire(import.meta.url).resolve('promptfoo')), '../..')
  const { bin } = JSON.parse(readFileSync(path.join(promptfooRoot, 'package.json'), 'utf8'))
  const config = path.join('suites', 'countdown', 'promptfooconfig.yaml')
  const args = [path.join(promptfooRoot, bin.promptfoo), 'eval', '-c', config, '-o', output, '--no-table', '--no-share']
  if (!process.stderr.isTTY) {
    args.push('-x', `file://${path.join(root, 'scripts', 'demo-progress.mjs')}:afterEach`)
    console.log('promptfoo is asking. A line tells how far it is, now and then.')
  }
  const env = {
    ...process.env,
    // Its logger can fail at the end of a run with many rows and spoil the exit code.
    PROMPTFOO_DISABLE_DEBUG_LOG: '1',
    PROMPTFOO_DISABLE_ERROR_LOG: '1',
    PROMPTFOO_DISABLE_TELEMETRY: '1',
    PROMPTFOO_DISABLE_UPDATE: '1',
    // Wrong answers are the result here, not a failure.
    PROMPTFOO_PASS_RATE_THRESHOLD: '0',
    NODE_NO_WARNINGS: '1',
  }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...args, ...process.argv.slice(2)], { cwd: root, env, stdio: ['inherit', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    child.on('close', (code) => {
      if (code !== 0) console.error(said)
      resolve(code ?? 1)
    })
  })
}
