// npm run torture [-- --hours 1] [--only kills,files] [--seed N] [--tries N] [--jobs N] [--short]: tries to make this package lose work,
// crash, hang or take one thing for another. Prints what was tried and what was lost, and ends with code 1 on any loss. Each loss is tried
// again by the command that is printed with it. --jobs processes attempt at once, by default one a core. --short is the form of a test: a
// fixed number of attempts from fixed seeds, about two minutes.

import { randomInt } from 'node:crypto'
import os from 'node:os'
import { parseArgs } from 'node:util'
import { supervise } from './torture/supervise.mjs'

const SEEDS_OF_A_JOB = 2 ** 24
const NAMES = ['kills', 'files', 'checkpoints', 'gguf', 'outputs', 'processes', 'terminate']

const { values } = parseArgs({
  options: {
    hours: { type: 'string', default: '1' },
    only: { type: 'string' },
    seed: { type: 'string' },
    tries: { type: 'string' },
    jobs: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
})
// glibc reserves 64 MiB of addresses for a thread that finds its heap taken, which the area gguf would count.
process.env.MALLOC_ARENA_MAX ??= '1'
const names = values.only?.split(',') ?? NAMES
for (const name of names) if (!NAMES.includes(name)) fail(`There is no area "${name}". Use some of: ${NAMES.join(', ')}.`)
const hours = positive('hours')
const tries = positive('tries')
const jobs = positive('jobs') ?? os.availableParallelism()
if (!Number.isInteger(jobs)) fail(`--jobs takes a whole number. Got ${values.jobs}.`)
const first = values.seed === undefined ? (values.short ? 1 : randomInt(2 ** 31)) : Number(values.seed)
if (!Number.isSafeInteger(first) || first < 0) fail(`--seed takes a whole number from 0 on. Got ${values.seed}.`)

const areas = await Promise.all(
  names.map(async (name) => {
    const module = new URL(`./torture/areas/${name}.mjs`, import.meta.url)
    return { module, ...(await import(module)) }
  }),
)
const shares = areas.reduce((sum, { share }) => sum + share, 0)
const table = []
const losses = []
console.log(`${values.short ? 'The short form' : tries ? `${tries} attempts each` : `${hours} hours`}, seed ${first}`)
const started = Date.now()
for (const area of areas) await torture(area)
summary()
process.exit(losses.length > 0 ? 1 : 0)

async function torture(area) {
  const rows = new Map()
  const tally = {}
  const start = Date.now()
  const counted = tries ?? (values.short ? area.short : undefined)
  const until = counted === undefined ? start + (hours * 3_600_000 * area.share) / shares : Number.MAX_SAFE_INTEGER
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
  const processes = seedsOf(counted).map(({ from, count }) => supervise(area.module, { from, count, until }, report))
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
function seedsOf(counted) {
  const among = Math.min(jobs, counted ?? jobs)
  const edge = (job) => (counted === undefined ? job * SEEDS_OF_A_JOB : Math.floor((counted * job) / among))
  return Array.from({ length: among }, (_, job) => ({ from: first + edge(job), count: edge(job + 1) - edge(job) }))
}

function summary() {
  const rows = [['area', 'what was tried', 'times', 'and held', 'lost'], ...table]
  const width = (column) => Math.max(...rows.map((row) => row[column].length))
  const lines = rows.map(([area, what, times, held, lost]) =>
    [area.padEnd(width(0)), what.padEnd(width(1)), times.padStart(width(2)), lost.padStart(width(4)), held].join('  '),
  )
  console.log(`\n${lines.join('\n')}\n`)
  console.log(
    `${losses.length === 0 ? 'Nothing was lost' : `${losses.length} losses`} in ${((Date.now() - started) / 60_000).toFixed(1)} minutes, seed ${first}`,
  )
}

function command(area, seed) {
  return `npm run torture -- --only ${area} --seed ${seed} --tries 1`
}

function count(n) {
  return n.toLocaleString('en')
}

function positive(option) {
  const value = values[option]
  if (value === undefined) return undefined
  if (!(Number(value) > 0)) fail(`--${option} takes a number above 0. Got ${value}.`)
  return Number(value)
}

function fail(message) {
  console.error(message)
  process.exit(2)
}
