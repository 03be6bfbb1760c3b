// npm run torture: tries to make this package lose work, crash, hang or take one thing for another. See --help.

import { randomInt } from 'node:crypto'
import os from 'node:os'
import { runCommand, runMain, UsageError } from '../src/cli/arguments.ts'
import { supervise } from './torture/supervise.mjs'

const SEEDS_OF_A_JOB = 2 ** 24
const NAMES = ['kills', 'files', 'checkpoints', 'gguf', 'outputs', 'processes', 'terminate']

const USAGE = `npm run torture -- [options]

Tries to make this package lose work, crash, hang or take one thing for another. Prints what was tried and what was lost, and ends with code 1
on any loss. Each loss is tried again by the command that is printed with it.

      --hours <n>          hours in all (1)
      --only <names>       only these areas, such as kills,files
                           (${NAMES.join(', ')})
      --tries <n>          so many attempts of each area, instead of hours
      --seed <n>           seed of the first attempt; by default a random one
      --jobs <n>           processes that attempt at once; by default one a core
      --short              the form of a test: a fixed number of attempts from fixed seeds, about two minutes
  -h, --help               this text`

const OPTIONS = {
  hours: { type: 'string', default: '1' },
  only: { type: 'string' },
  seed: { type: 'string' },
  tries: { type: 'string' },
  jobs: { type: 'string' },
  short: { type: 'boolean', default: false },
}

const table = []
const losses = []

process.exit(
  await runMain('npm run torture', (args, print) =>
    runCommand({ name: 'npm run torture', usage: USAGE, options: OPTIONS, alone: true }, args, print, ({ values, positionals }) => {
      if (positionals.length > 0) throw new UsageError(`npm run torture takes options only. Got "${positionals[0]}". See --help.`)
      return run(settingsOf(values))
    }),
  ),
)

function settingsOf(values) {
  const names = values.only?.split(',') ?? NAMES
  for (const name of names) {
    if (!NAMES.includes(name)) throw new UsageError(`There is no area "${name}". Use some of: ${NAMES.join(', ')}.`)
  }
  const jobs = positive(values, 'jobs') ?? os.availableParallelism()
  if (!Number.isInteger(jobs)) throw new UsageError(`--jobs takes a whole number. Got ${values.jobs}.`)
  const first = values.seed === undefined ? (values.short ? 1 : randomInt(2 ** 31)) : Number(values.seed)
  if (!Number.isSafeInteger(first) || first < 0) throw new UsageError(`--seed takes a whole number from 0 on. Got ${values.seed}.`)
  return { names, hours: positive(values, 'hours'), tries: positive(values, 'tries'), short: values.short, jobs, first }
}

function positive(values, option) {
  const value = values[option]
  if (value === undefined) return undefined
  if (!(Number(value) > 0)) throw new UsageError(`--${option} takes a number above 0. Got ${value}.`)
  return Number(value)
}

/** Resolves to the exit code. */
async function run(settings) {
  const { names, hours, tries, short, first } = settings
  // glibc reserves 64 MiB of addresses for a thread that finds its heap taken, which the area gguf would count.
  process.env.MALLOC_ARENA_MAX ??= '1'
  const areas = await Promise.all(
    names.map(async (name) => {
      const module = new URL(`./torture/areas/${name}.mjs`, import.meta.url)
      return { module, ...(await import(module)) }
    }),
  )
  const shares = areas.reduce((sum, { share }) => sum + share, 0)
  console.log(`${short ? 'The short form' : tries ? `${tries} attempts each` : `${hours} hours`}, seed ${first}`)
  const started = Date.now()
  for (const area of areas) await torture(area, (hours * area.share) / shares, settings)
  summary((Date.now() - started) / 60_000, first)
  return losses.length > 0 ? 1 : 0
}

async function torture(area, ownHours, { hours, tries, short, jobs, first }) {
  const rows = new Map()
  const tally = {}
  const start = Date.now()
  const counted = tries ?? (short ? area.short : undefined)
  const until = counted === undefined ? start + ownHours * 3_600_000 : Number.MAX_SAFE_INTEGER
  const report = (attempt) => {
    const row = rows.get(attempt.what) ?? { tried: 0, outcomes: new Map(), lost: 0 }
    rows.set(attempt.what, row)
    row.tried++
    row.outcomes.set(attempt.outcome, (row.outcomes.get(attempt.outcome) ?? 0) + 1)
    for (const [what, count] of Object.entries(attempt.tally ?? {})) tally[what] = (tally[what] ?? 0) + count
    if (attempt.lost === undefined) return
    row.lost++
    losses.push(attempt)
    console.log(`\nLOST ${area.name}, ${attempt.what}: ${attempt.lost}\n  again: ${command(area.name, attempt.seed)}`)
  }
  const processes = seedsOf(counted, jobs, first).map(({ from, count }) => supervise(area.module, { from, count, until }, report))
  const notes = new Set((await Promise.all(processes)).flat())
  for (const [what, { tried, outcomes, lost }] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const how = [...outcomes].filter(([outcome]) => outcome !== 'lost').map(([outcome, n]) => `${outcome} ${count(n)}`)
    table.push([area.name, what, count(tried), how.join(', '), count(lost)])
  }
  const seconds = (Date.now() - start) / 1000
  const bars = Object.entries(area.bars).map(
    ([what, bar]) => `${count(tally[what] ?? 0)} ${what}${counted ? '' : ` (bar ${count(Math.round(bar * hours))})`}`,
  )
  console.log(`${area.name}: ${[...bars, ...notes].join(', ')} in ${seconds.toFixed(0)} s`)
}

/** The seeds of each process: a part of so many from the first on, or seeds without an end that no other process comes to. */
function seedsOf(counted, jobs, first) {
  const among = Math.min(jobs, counted ?? jobs)
  const edge = (job) => (counted === undefined ? job * SEEDS_OF_A_JOB : Math.floor((counted * job) / among))
  return Array.from({ length: among }, (_, job) => ({ from: first + edge(job), count: edge(job + 1) - edge(job) }))
}

function summary(minutes, first) {
  const rows = [['area', 'what was tried', 'times', 'and held', 'lost'], ...table]
  const width = (column) => Math.max(...rows.map((row) => row[column].length))
  const lines = rows.map(([area, what, times, held, lost]) =>
    [area.padEnd(width(0)), what.padEnd(width(1)), times.padStart(width(2)), lost.padStart(width(4)), held].join('  '),
  )
  console.log(`\n${lines.join('\n')}\n`)
  console.log(`${losses.length === 0 ? 'Nothing was lost' : `${losses.length} losses`} in ${minutes.toFixed(1)} minutes, seed ${first}`)
}

function command(area, seed) {
  return `npm run torture -- --only ${area} --seed ${seed} --tries 1`
}

function count(n) {
  return n.toLocaleString('en')
}
