/** The commands that do the work, run as a user would: pr1-train and promptfoo eval. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { ParallelR1Error } from '../../src/engine/errors.ts'
import { runPromptfoo } from '../../src/installed-promptfoo.ts'
import { fields, readResults } from '../../src/report/rows.ts'
import { holderOf } from '../../src/trainer/states/run-lock.ts'
import { asPattern } from '../../src/trainer/suite/suite.ts'
import type { EvaluationPart, TrainPart } from './parts.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '')

/** A command that failed. The last lines of what it said are part of the message. */
class CommandError extends ParallelR1Error {
  override name = 'CommandError'
}

/** A signal ended the work. What is done is kept. */
export class Interrupted extends Error {}

/** A run ends with it where no update changed the weights in some stage (docs/train.md). */
const LEARNT_NOTHING = 3
/** Characters of a log that an error quotes. */
const QUOTED = 2000

export interface Running {
  /** Lines of the command that are worth a look. */
  say(line: string): void
  signal: AbortSignal
}

/** The training file of a part as it is written. */
export function trainingFile({ train, title }: TrainPart, home: string): string {
  return `# ${title}: written by npm run evidence\n${stringify({ output: path.join(home, 'run'), ...train })}`
}

/** Trains a part, or goes on where it was stopped. Resolves to whether every stage learnt. */
export async function train(part: TrainPart, folder: string, running: Running): Promise<boolean> {
  const file = path.join(folder, 'train.yaml')
  for (const [suite, content] of part.suites) {
    mkdirSync(path.dirname(suite), { recursive: true })
    writeFileSync(suite, content)
  }
  writeFileSync(file, trainingFile(part, folder))
  await waitForOrphan(path.join(folder, 'run'), running)
  const { code, log } = await pr1Train(['-c', file, '--resume'], path.join(folder, 'train.log'), running)
  if (running.signal.aborted) throw new Interrupted()
  const learnt = code !== LEARNT_NOTHING
  // A model that learnt nothing is a result of its arm; what a run that stopped on the way left is none.
  if (code === 0 || (!learnt && existsSync(path.join(folder, 'run', 'final', 'config.json')))) return learnt
  throw new CommandError(
    `pr1-train of part "${part.id}" ended with code ${code}. Its whole log is ${path.join(folder, 'train.log')}. It ended with:\n${log.slice(-QUOTED).trim()}`,
  )
}

/** A trainer whose parent was killed goes on alone. What it does is the part under way, so it is waited for. */
async function waitForOrphan(run: string, { say, signal }: Running): Promise<void> {
  for (let told = false; existsSync(run); told = true) {
    const holder = await holderOf(run)
    if (!holder) return
    if (!told) say(`pr1-train still works in ${run} (process ${holder.pid} on ${holder.host}): waiting for its end`)
    await sleep(500, undefined, { signal }).catch(() => {
      throw new Interrupted()
    })
  }
}

async function pr1Train(args: readonly string[], logFile: string, { say, signal }: Running): Promise<{ code: number | null; log: string }> {
  const command = path.join(root, 'dist', 'trainer', 'cli.js')
  // A group of its own: a Ctrl-C at the terminal reaches it once, through us, and a second one would not let it save.
  const child = spawn(process.execPath, [command, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await logged(child, logFile, say)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function logged(child: ChildProcess, logFile: string, say: (line: string) => void): Promise<{ code: number | null; log: string }> {
  const file = createWriteStream(logFile, { flags: 'a' })
  let log = ''
  let rest = ''
  const collect = (data: Buffer) => {
    file.write(data)
    log = (log + data.toString()).slice(-10 * QUOTED)
    const lines = (rest + data.toString()).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (/^\S+ \d+\/\d+ {2}/.test(line)) say(line)
  }
  child.stdout!.on('data', collect)
  child.stderr!.on('data', collect)
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail)
    child.once('close', done)
  })
  await new Promise((closed) => file.end(closed))
  return { code, log }
}

export interface Asked {
  /** The promptfoo config. */
  evaluation: string
  checkpoint: string
  /** At most so many problems. */
  problems?: number
}

/** Asks a checkpoint the evaluation. The answers are in results.json of `folder`, whole or not at all. */
export async function evaluate(part: EvaluationPart, folder: string, asked: Asked, { signal }: Running): Promise<void> {
  const results = path.join(folder, 'results.json')
  rmSync(results, { force: true })
  const labels = part.columns.map(asPattern)
  const args = ['eval', '-c', asked.evaluation, '-o', results, '--no-table', '--no-share', '--no-progress-bar']
  args.push('--filter-providers', `^(${labels.join('|')})$`)
  if (asked.problems !== undefined) args.push('--filter-first-n', String(asked.problems))
  const env = {
    [part.variable]: asked.checkpoint,
    // Decoding is the config's: nothing of the shell's decides a figure.
    PR1_DECODING: '',
    // Its logger can fail at the end of a run with many rows and spoil the exit code.
    PROMPTFOO_DISABLE_DEBUG_LOG: '1',
    PROMPTFOO_DISABLE_ERROR_LOG: '1',
    // Wrong answers are the result here, not a failure.
    PROMPTFOO_PASS_RATE_THRESHOLD: '0',
    NODE_NO_WARNINGS: '1',
  }
  const { code, log } = await runPromptfoo(args, { near: path.join(root, 'package.json'), cwd: root, env, signal }).catch((error) => {
    throw signal.aborted ? new Interrupted() : error
  })
  if (signal.aborted) throw new Interrupted()
  const failed = (why: string) => new CommandError(`promptfoo eval of part "${part.id}" ${why}. It said:\n${log.slice(-QUOTED).trim()}`)
  if (code !== 0) throw failed(`ended with code ${code}`)
  if (!existsSync(results)) throw failed('wrote no results')
  const { rows } = readResults(results)
  const broken = rows.find(({ error, response }) => error && fields(response).output === undefined)
  if (broken) throw failed(`has rows without an answer (${String(broken.error).slice(0, 200)})`)
  const labelled = new Set(rows.map(({ provider }) => String(fields(provider).label)))
  const missing = part.columns.find((label) => !labelled.has(label))
  if (missing !== undefined) {
    throw failed(`answered nothing as "${missing}", which the table of arms names. There are: ${[...labelled].join('; ')}`)
  }
}
