#!/usr/bin/env node
/** `pr1-data`: fetches, lists and compares the problem sets. */

import { runCommand, runMain, UsageError } from '../cli/arguments.ts'
import { Progress } from '../cli/progress.ts'
import { HubError } from '../hub/request.ts'
import { notice, plain } from '../plain.ts'
import { overlaps } from './contamination.ts'
import { loadProblems } from './load.ts'
import { writeManifest } from './manifest.ts'
import { DataError } from './problem.ts'
import { type ProblemSet, SETS, setNamed } from './sets.ts'

const USAGE = `pr1-data <command>

  list                            the problem sets: how many problems, licence, source, and whether fingerprints are here
  fetch [set …]                   brings sets (default: all of the hub's) into the cache, for use offline
  check <test set> [train set …]  test problems that occur in train sets (default: in all)
  fingerprints <set>              what a set holds, as the manifests in suites/ have it

  --fresh                         fetch: ask the hub again
  --strict                        a set that differs from its manifest is an error
  -h, --help                      this text
  --version                       version of the package

Environment: PR1_DATA (a folder with the sets), PR1_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.`

const OPTIONS = { fresh: { type: 'boolean' }, strict: { type: 'boolean' } } as const
const COMMANDS = ['list', 'fetch', 'check', 'fingerprints']

const print = (line: string) => process.stdout.write(`${plain(line)}\n`)

const dataCommand: Parameters<typeof runMain>[1] = (args, write) =>
  runCommand({ name: 'pr1-data', usage: USAGE, options: OPTIONS, commands: COMMANDS }, args, write, async ({ values, positionals }) => {
    const [command, ...names] = positionals
    if (command === 'list') list()
    else if (command === 'fetch') await fetchSets(names, values)
    else if (command === 'check') await check(names, values)
    else await fingerprints(names, values)
    return 0
  })

function list(): void {
  const head = ['set', 'problems', 'licence', 'compared', 'file', 'source']
  const lines = SETS.map((set: ProblemSet) => [
    set.name,
    String(set.problems),
    set.licence,
    // Whether there are fingerprints to compare a source with.
    set.manifest ? 'yes' : set.hub ? 'not seen' : 'no',
    set.file,
    set.hub ? `${set.hub.dataset} (${set.hub.config}, ${set.hub.split})` : 'data folder only',
  ])
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column].length)))
  for (const line of [head, ...lines])
    print(
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
}

async function fetchSets(names: string[], options: { fresh?: boolean; strict?: boolean }): Promise<void> {
  const sets = names.length > 0 ? names.map(setNamed) : SETS.filter((set) => 'hub' in set)
  // The folder is what the sets are fetched to do without.
  const { PR1_DATA: _, ...env } = process.env
  const failures: Error[] = []
  for (const set of sets) {
    const bar = new Progress({ label: set.name, unit: 'rows' })
    const told = { notify: (message: string) => bar.above(() => notice(message)), progress: bar.update.bind(bar) }
    try {
      const problems = await loadProblems(set.name, { ...options, ...told, env }).finally(() => bar.stop())
      print(`${set.name}: ${problems.length} problems`)
    } catch (error) {
      // One set may have moved. A hub that cannot be reached is the same for all.
      const unreachable = error instanceof HubError && error.status === undefined
      if (!(error instanceof DataError || error instanceof HubError) || unreachable || sets.length === 1) throw error
      failures.push(error)
      print(`${set.name}: not fetched. ${error.message}`)
    }
  }
  if (failures.length > 0) throw new DataError(`${failures.length} of ${sets.length} sets were not fetched. The lines above say why.`)
}

async function fingerprints(names: string[], options: { strict?: boolean }): Promise<void> {
  if (names.length !== 1) throw new UsageError(`pr1-data fingerprints takes one set. Got ${names.length}. List them with: pr1-data list`)
  const set = setNamed(names[0])
  process.stdout.write(writeManifest(set, await loadProblems(set.name, options)))
}

async function check([test, ...others]: string[], options: { strict?: boolean }): Promise<void> {
  if (test === undefined) throw new UsageError('pr1-data check needs a test set. Got none. List them with: pr1-data list')
  const { name } = setNamed(test)
  const trains = others.length > 0 ? others.map(setNamed) : SETS.filter((set) => set.name.endsWith('-train') && set.name !== name)
  const problems = await loadProblems(name, options)
  for (const train of trains) {
    const found = overlaps(problems, await loadProblems(train.name, options))
    const equal = found.filter(({ sameAnswer }) => sameAnswer).length
    print(`${found.length} of ${problems.length} problems of ${name} occur in ${train.name}, ${equal} of them with the same answer`)
    for (const overlap of found) {
      print(`  ${overlap.test.id}  ${overlap.train.id}  ${overlap.sameAnswer ? 'same answer' : 'another answer'}`)
    }
  }
}

process.exitCode = await runMain('pr1-data', dataCommand)
