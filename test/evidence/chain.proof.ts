/** The whole chain with the real commands: two arms, one seed, few steps; killed, interrupted and gone on with. */

import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
/** Rows of the training suites in the place of thousands, which promptfoo would take a minute to resolve. */
const ROWS = 48
const docs = path.join(root, 'docs', 'evidence.md')

let folder: string
let out: string

beforeAll(() => {
  // Beside the package, which the suite names by paths: a copy of the suite with fewer rows.
  mkdirSync(path.join(root, 'runs'), { recursive: true })
  folder = mkdtempSync(path.join(root, 'runs', 'evidence-proof-'))
  const suite = path.join(root, 'suites', 'countdown')
  const own = path.join(folder, 'suites', 'countdown')
  cpSync(suite, own, { recursive: true, filter: (file) => !file.includes('checkpoints') })
  for (const name of ['base', 'reading', 'cold-start.parallel-10', 'cold-start.sequential-10', 'rl.parallel-10', 'rl.sequential-10']) {
    const file = path.join(own, `${name}.yaml`)
    const text = readFileSync(file, 'utf8')
    const fewer = text.replace(/count: \d+/, `count: ${ROWS}`)
    expect(fewer).not.toBe(text)
    writeFileSync(file, fewer)
  }
  for (const name of readdirSync(own).filter((file) => file.endsWith('.yaml'))) {
    const file = path.join(own, name)
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('../../dist', path.join(root, 'dist')))
  }
  out = path.join(folder, 'out')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  text: string
}

/** Runs the program; `until` sees what it has said so far and may end it. */
function run(args: string[], until: (text: string, child: ChildProcess) => void = () => {}): Promise<Ended> {
  const table = path.join(folder, 'suites', 'countdown', 'evidence.yaml')
  const program = ['--import', 'tsx', path.join(root, 'scripts', 'evidence', 'main.ts'), '--table', table, '--out', out, ...args]
  const env = { ...process.env, PROMPTFOO_CONFIG_DIR: path.join(folder, 'promptfoo') }
  const child = spawn(process.execPath, program, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      text += data.toString()
      until(text, child)
    })
  }
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', (code, signal) => done({ code, signal, text }))
  })
}

const SIZE = ['--seeds', '1', '--arms', 'sequential,s1', '--steps', '4', '--problems', '3']
const ofPart = (id: string, name: string): string => path.join(out, 'seed-1', id, name)

/** When a part that is on its way has done a step. */
const stepOf = (id: string) => (): boolean => {
  const file = ofPart(id, 'run/metrics.jsonl')
  return existsSync(file) && statSync(file).size > 0
}

/** Sends a signal as soon as `when` holds, once. */
function ending(signal: NodeJS.Signals, when: () => boolean): (text: string, child: ChildProcess) => void {
  let watch: NodeJS.Timeout | undefined
  return (_, child) => {
    watch ??= setInterval(() => {
      if (!when()) return
      clearInterval(watch)
      child.kill(signal)
    }, 20)
  }
}

it('is killed, goes on, is interrupted, goes on, and decides every claim from what was measured', { timeout: 3_600_000 }, async () => {
  const page = readFileSync(docs, 'utf8')

  const killed = await run(SIZE, ending('SIGKILL', stepOf('cold-start-parallel')))
  expect(killed.signal, killed.text).toBe('SIGKILL')
  expect(existsSync(ofPart('base', 'done.json'))).toBe(true)
  expect(existsSync(ofPart('cold-start-parallel', 'done.json'))).toBe(false)
  const base = readFileSync(ofPart('base', 'done.json'), 'utf8')

  const interrupted = await run(SIZE, ending('SIGINT', stepOf('rl-s1')))
  expect(interrupted.text).toContain('Stopped. Go on with the same command')
  expect(interrupted.code, interrupted.text).toBe(130)
  expect(existsSync(ofPart('answers-sequential', 'results.json'))).toBe(true)
  expect(existsSync(ofPart('rl-s1', 'done.json'))).toBe(false)

  const finished = await run(SIZE)
  expect(finished.code, finished.text).toBe(0)
  expect(finished.text).toMatch(/seed 1, parallel RL, S1/)
  expect(finished.text).not.toMatch(/seed 1, base/)
  // What was done stays as it was made.
  expect(readFileSync(ofPart('base', 'done.json'), 'utf8')).toBe(base)

  const markdown = readFileSync(path.join(out, 'evidence.md'), 'utf8')
  const rows = markdown.split('\n').filter((line) => line.startsWith('| '))
  for (const title of ['sequential RL', 'parallel RL, S1, no curriculum', 'parallel RL, S1, no curriculum, decoded sequentially']) {
    const row = rows.find((line) => line.startsWith(`| ${title} | 1 |`))
    expect(row, title).toMatch(/^\| .* \| 1 \| \d+\.\d % \| \d+\.\d % \| \d+ \| \d+ \| \d+\.\d % \|/)
  }
  expect(markdown).toContain('This is a try-out at a small size, on 3 problems.')
  expect(rows.filter((line) => line.endsWith('| undecided at this size |')).length).toBeGreaterThan(3)
  expect(rows.some((line) => line.endsWith('| seen |'))).toBe(false)
  expect(rows.some((line) => line.endsWith('| not run |'))).toBe(true)
  expect(readFileSync(path.join(out, 'evidence.html'), 'utf8')).toContain('Content-Security-Policy')
  expect(readFileSync(docs, 'utf8')).toBe(page)

  // Nothing is left to do; other sizes do not mix with these.
  const again = await run([...SIZE, '--report'])
  expect(again.code, again.text).toBe(0)
  expect(readFileSync(path.join(out, 'evidence.md'), 'utf8')).toBe(markdown)
  const other = await run([...SIZE.slice(0, -4), '--steps', '5', '--problems', '3'])
  expect(other.code).toBe(1)
  expect(other.text).toMatch(/was made with another recipe.*--out/)
})
