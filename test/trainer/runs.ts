/** Runs of the small training file of fixtures/, in this process or in one that can be killed. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { listSteps, readStep } from '../../src/rollouts/reader.ts'
import { readTrainConfig } from '../../src/trainer/config/config-file.ts'
import type { Outcome, TrainOptions } from '../../src/trainer/run/options.ts'
import { train } from '../../src/trainer/train.ts'
import { once } from '../once.ts'

const here = path.dirname(fileURLToPath(import.meta.url))

export const fixture = (name: string): string => path.join(here, 'fixtures', name)

export const root = path.resolve(here, '../..')

export function newFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'pr1-train-test-'))
}

/** A run of all stages that nothing interrupted, with the suites as promptfoo resolved them and what it printed. Made once for all tests: change nothing in it. */
export async function wholeRun(): Promise<{ whole: string; plan: string }> {
  const folder = await once('train', async (home) => {
    const { text } = await run(path.join(home, 'whole'))
    writeFileSync(path.join(home, 'plan.txt'), text)
  })
  return { whole: path.join(folder, 'whole'), plan: readFileSync(path.join(folder, 'plan.txt'), 'utf8') }
}

/** A folder for a run that takes the suites as `from` resolved them: promptfoo takes seconds to start. */
export function folderWithSuites(from: string, below = ''): string {
  const folder = newFolder()
  cpSync(path.join(from, 'suites'), path.join(folder, below, 'suites'), { recursive: true })
  return folder
}

interface KeptRow {
  prompt: string
  test: { assert: { value: unknown }[] }
  vars: Record<string, unknown>
}

interface KeptProvider {
  /** Of ParallelThinkingProvider. */
  ours: boolean
  config: Record<string, unknown>
}

/** Changes the rows that a folder keeps of a suite, and its provider, as if the suite had said so. */
export function editSuite(folder: string, stage: string, edit: (rows: KeptRow[], provider: KeptProvider) => void): void {
  const file = path.join(folder, 'suites', `${stage}.jsonl`)
  const [first, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  const header = JSON.parse(first)
  const rows = lines.map((line) => JSON.parse(line))
  edit(rows, header.provider)
  const body = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  const sha256 = createHash('sha256').update(JSON.stringify(header.provider)).update(body).digest('hex')
  writeFileSync(file, `${JSON.stringify({ ...header, sha256 })}\n${body}`)
}

export interface RunOptions extends TrainOptions {
  file?: string
  sets?: string[]
  /** Stops it, as a signal would, after so many step lines. */
  stopAfter?: number
}

export interface RunResult {
  outcome: Outcome
  text: string
}

/** Runs the training file into `folder`, going on where it stands, with the suites that the folder holds. */
export async function run(folder: string, options: RunOptions = {}): Promise<RunResult> {
  const { file = 'train.yaml', sets, stopAfter, ...rest } = options
  const stop = new AbortController()
  let text = ''
  let steps = 0
  const output = {
    write(line: string) {
      text += line
      if (/^\S+ \d+\/\d+ {2}/.test(line) && ++steps === stopAfter) stop.abort()
    },
  }
  const config = readTrainConfig(fixture(file), { output: folder, sets })
  const outcome = await train(config, { resume: true, keptSuites: true, output, signal: stop.signal, ...rest })
  return { outcome, text }
}

/** metrics.jsonl without what depends on the clock, and on who computed. */
export function metrics(folder: string): Record<string, unknown>[] {
  const lines = readFileSync(path.join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const { seconds, tokensPerSecond, etaSeconds, cluster, ...rest } = JSON.parse(line)
    return rest
  })
}

/** Everything that a run computed: exported weights of its first stage and its last, newest training state, metrics, kept rollouts. */
export function results(folder: string, first = 'base'): Record<string, unknown> {
  const newest = states(folder).at(-1)!
  const bytes = (...name: string[]): string => readFileSync(path.join(folder, ...name)).toString('base64')
  return {
    metrics: metrics(folder),
    first: bytes(first, 'model.safetensors'),
    final: bytes('final', 'model.safetensors'),
    weights: bytes('checkpoints', newest, 'model.safetensors'),
    moments: bytes('checkpoints', newest, 'trainer', 'moments.safetensors'),
    state: newestState(folder),
    rollouts: listSteps(folder).map(({ file }) => [path.basename(file), readStep(file)]),
  }
}

/** Without what depends on the clock: the length of metrics.jsonl, and the checksum over it. */
function newestState(folder: string): Record<string, unknown> {
  const file = path.join(folder, 'checkpoints', states(folder).at(-1)!, 'trainer', 'state.json')
  const { metricsBytes, crc32, ...rest } = JSON.parse(readFileSync(file, 'utf8'))
  return rest
}

export function states(folder: string): string[] {
  const home = path.join(folder, 'checkpoints')
  return existsSync(home)
    ? readdirSync(home)
        .filter((name) => name.startsWith('step-'))
        .sort()
    : []
}

/** `pr1-train` as a process of its own, from the sources. */
export function spawnTrain(folder: string, args: string[] = [], file = 'train.yaml'): ChildProcess {
  const cli = ['--import', 'tsx', path.join(root, 'src/trainer/cli.ts'), '-c', fixture(file), '-o', folder]
  return spawn(process.execPath, [...cli, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
}
