/**
 * npm run evidence: trains the arms of the paper on Countdown, asks them the hard test, and decides its claims from what was measured
 * (docs/evidence.md). It takes hours, and goes on where it was stopped.
 */

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { runCommand, runMain, UsageError } from '../../src/cli/arguments.ts'
import { duration } from '../../src/cli/progress.ts'
import { readInt } from '../../src/config-keys.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { writeWhole } from '../../src/report/write.ts'
import { RunLock } from '../../src/trainer/states/run-lock.ts'
import { evaluate, Interrupted, type Running, root, train } from './commands.ts'
import { evidenceSection, type Told, withSection } from './markdown.ts'
import { type Measured, readMeasured } from './measured.ts'
import { drawEvidence } from './page.ts'
import { type Part, type Plan, planOf } from './parts.ts'
import { Records } from './records.ts'
import { describePlan, plannedTime, probesOf, ratesOf } from './schedule.ts'
import { readTable } from './table.ts'
import { figuresOf, verdictCounts } from './tables.ts'

const USAGE = `npm run evidence -- [options]

Trains the arms of the paper on Countdown, asks them the hard test, and decides the claims of the paper from the answers: docs/evidence.md.
It takes hours and goes on where it was stopped, with the same command.

      --arms <names>       only these arms, such as sequential,s1
      --seeds <n>          seeds 1 to n (3)
      --steps <n>          at most n steps a stage: a try-out, docs/evidence.md stays as it is
      --problems <n>       at most n problems are asked: a try-out as well
      --out <folder>       where runs, answers and the page go (runs/evidence)
      --table <file>       the table of arms (suites/countdown/evidence.yaml)
      --plan               measure a few steps of every arm (minutes), print the table of planned time and end
      --report             run nothing: write the page and the figures of what is done
  -h, --help               this text`

const OPTIONS = {
  arms: { type: 'string' },
  seeds: { type: 'string' },
  steps: { type: 'string' },
  problems: { type: 'string' },
  out: { type: 'string' },
  table: { type: 'string' },
  plan: { type: 'boolean' },
  report: { type: 'boolean' },
} as const

/** Below so many steps a stage the time is not measured before the run: that would take as long. */
const WORTH_PROBING = 20
/** Milliseconds between two step lines of a run. */
const QUIET = 20_000
const INTERRUPTED = 130

function evidence(args: readonly string[], print: (text: string) => void): Promise<number> {
  const program = { name: 'npm run evidence', usage: USAGE, options: OPTIONS, alone: true }
  return runCommand(program, args, print, async ({ values, positionals }) => {
    if (positionals.length > 0) throw new UsageError(`npm run evidence takes options only. Got "${positionals[0]}". See --help.`)
    const where = 'the options of npm run evidence'
    const given = { ...values }
    const seeds = readInt(given, 'seeds', 3, where, { min: 1, max: 100 })
    const steps = readInt(given, 'steps', undefined, where, { min: 1 })
    const problems = readInt(given, 'problems', undefined, where, { min: 2 })
    const home = path.resolve(values.out ?? path.join(root, 'runs', 'evidence'))
    const table = readTable(path.resolve(values.table ?? path.join(root, 'suites', 'countdown', 'evidence.yaml')))
    const sizes = { seeds: Array.from({ length: seeds }, (_, i) => i + 1), arms: values.arms?.split(','), steps, problems }
    const plan = planOf(table, sizes, home, root)
    const records = new Records(home)
    const command = ['npm run evidence', ...(args.length > 0 ? ['--', ...args.filter((arg) => arg !== '--report')] : [])].join(' ')
    if (values.report) return report(plan, records, command, print)
    const lock = await RunLock.take(home, 'npm run evidence')
    try {
      return await work(plan, records, {
        command,
        print,
        planOnly: values.plan === true,
        probing: steps === undefined || steps > WORTH_PROBING,
      })
    } finally {
      await lock.release()
    }
  })
}

interface Work {
  command: string
  print: (text: string) => void
  planOnly: boolean
  probing: boolean
}

async function work(plan: Plan, records: Records, { command, print, planOnly, probing }: Work): Promise<number> {
  const interrupt = new AbortController()
  const stop = () => {
    print('\nStopping: the part under way saves what it has\n')
    interrupt.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop)
  let spoke = 0
  const say = (line: string) => {
    if (Date.now() - spoke < QUIET) return
    spoke = Date.now()
    print(`  ${line}\n`)
  }
  const running: Running = { say, signal: interrupt.signal }
  try {
    // Done parts of other sizes or recipes are refused before anything runs.
    const open = plan.parts.filter((part) => records.done(part) === undefined)
    const probes = probing ? probesOf(plan) : []
    let rates = ratesOf(plan, probes, records)
    const unknown = new Set(open.flatMap((part) => (part.kind === 'train' ? part.rates : [])).filter((rate) => !rates.step.has(rate)))
    for (const probe of probes) {
      if (!probe.rates.some((rate) => unknown.has(rate)) || records.done(probe)) continue
      print(`Measuring the ${probe.title}\n`)
      await make(probe, plan, records, running)
    }
    rates = ratesOf(plan, probes, records)
    print(`\n${describePlan(plan, rates, records)}\n`)
    if (planOnly) return 0
    for (const [i, part] of open.entries()) {
      const { steps, seconds } = plannedTime(part, ratesOf(plan, probes, records))
      const what = [steps > 0 ? `${steps} steps` : undefined, seconds === undefined ? undefined : `about ${duration(seconds)}`].filter(
        Boolean,
      )
      print(
        `[${plan.parts.length - open.length + i + 1}/${plan.parts.length}] seed ${part.seed}, ${part.title}${what.length > 0 ? `: ${what.join(', ')}` : ''}\n`,
      )
      spoke = Date.now()
      await make(part, plan, records, running)
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    print(`Stopped. Go on with the same command: ${command}\n`)
    return INTERRUPTED
  }
  return report(plan, records, command, print)
}

/** Makes a part and records that it is done. */
async function make(part: Part, plan: Plan, records: Records, running: Running): Promise<void> {
  if (running.signal.aborted) throw new Interrupted()
  const began = performance.now()
  const folder = records.folder(part)
  await records.begin(part)
  let learnt = true
  if (part.kind === 'train') learnt = await train(part, folder, running)
  else {
    const checkpoint = path.join(records.home, part.needs!, 'run', 'final')
    await evaluate(part, folder, { evaluation: plan.table.evaluation, checkpoint, problems: plan.problems }, running)
  }
  const seconds = (performance.now() - began) / 1000
  await records.finish(part, {
    digest: part.digest,
    seconds,
    finished: new Date().toISOString(),
    learnt,
    suite: stateOf(path.dirname(plan.table.file)),
  })
}

/** Hash of the files of a suite that decide what is trained and asked. */
function stateOf(folder: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(folder).sort()) {
    if (/\.(ts|yaml|jsonl|j2)$/.test(name) && name !== 'evidence.yaml') hash.update(name).update(readFileSync(path.join(folder, name)))
  }
  return hash.digest('hex').slice(0, 16)
}

function report(plan: Plan, records: Records, command: string, print: (text: string) => void): number {
  const measured = readMeasured(plan, records)
  if (measured.done === 0) throw new ConfigError(`Nothing is done in ${records.home}. Run the same command without --report.`)
  const told = { command, where: whereOf(plan, records) }
  const section = evidenceSection(measured, told)
  print(`\n${verdictCounts(figuresOf(measured).claims)}\n`)
  print(writeWhole(path.join(records.home, 'evidence.html'), drawEvidence(measured, told)))
  print(writeWhole(path.join(records.home, 'evidence.md'), `${section}\n`))
  writeDocs(measured, section, plan, print)
  return 0
}

/** The page of the documentation takes figures of the whole size and of the shipped table only. */
function writeDocs({ small }: Measured, section: string, plan: Plan, print: (text: string) => void): void {
  const page = path.join(root, 'docs', 'evidence.md')
  const shipped = plan.table.file === path.join(root, 'suites', 'countdown', 'evidence.yaml')
  if (small || !shipped || !existsSync(page)) print('\ndocs/evidence.md stays as it is: this was a try-out.\n')
  else print(writeWhole(page, withSection(readFileSync(page, 'utf8'), section)))
}

function whereOf(plan: Plan, records: Records): Told['where'] {
  const days = plan.parts.flatMap((part) => records.done(part)?.finished.slice(0, 10) ?? []).sort()
  const [cpu] = os.cpus()
  return `${days.at(-1) ?? ''}, ${os.availableParallelism()} threads of ${cpu?.model.trim() || 'an unknown processor'}`
}

process.exit(await runMain('npm run evidence', evidence))
