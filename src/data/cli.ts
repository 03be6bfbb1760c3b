#!/usr/bin/env node
/** `pr1-data`: fetches, lists and compares the problem sets. */

import { parseArgs } from 'node:util'
import { ParallelR1Error } from '../engine/errors.ts'
import { overlaps } from './contamination.ts'
import { loadProblems } from './load.ts'
import { writeManifest } from './manifest.ts'
import { DataError } from './problem.ts'
import { HubError } from './request.ts'
import { type ProblemSet, SETS, setNamed } from './sets.ts'

const USAGE = `pr1-data <command>

  list                            the problem sets: how many problems, licence, source, and whether fingerprints are here
  fetch [set …]                   brings sets (default: all of the hub's) into the cache, for use offline
  check <test set> [train set …]  test problems that occur in train sets (default: in all)
  fingerprints <set>              what a set holds, as the manifests in suites/ have it

  --fresh                         fetch: ask the hub again
  --strict                        a set that differs from its manifest is an error
  -h, --help                      this text

Environment: PR1_DATA (a folder with the sets), PR1_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.`

const print = (line: string) => process.stdout.write(`${line}\n`)

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { fresh: { type: 'boolean' }, strict: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  })
  const [command, ...names] = positionals
  const { fresh, strict } = values
  if (!values.help && command === 'list' && names.length === 0) list()
  else if (!values.help && command === 'fetch') await fetchSets(names, { fresh, strict })
  else if (!values.help && command === 'check' && names.length > 0) await check(names, { strict })
  else if (!values.help && command === 'fingerprints' && names.length === 1) {
    const set = setNamed(names[0])
    process.stdout.write(writeManifest(set, await loadProblems(set.name, { strict })))
  } else {
    print(USAGE)
    return values.help ? 0 : 2
  }
  return 0
}

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
    try {
      print(`${set.name}: ${(await loadProblems(set.name, { ...options, env })).length} problems`)
    } catch (error) {
      // One set may have moved. A hub that cannot be reached is the same for all.
      const unreachable = error instanceof HubError && error.status === undefined
      if (!(error instanceof DataError) || unreachable || sets.length === 1) throw error
      failures.push(error)
      print(`${set.name}: not fetched. ${error.message}`)
    }
  }
  if (failures.length > 0) throw new DataError(`${failures.length} of ${sets.length} sets were not fetched. The lines above say why.`)
}

async function check([test, ...others]: string[], options: { strict?: boolean }): Promise<void> {
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

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const known = error instanceof ParallelR1Error || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')
    process.stderr.write(`pr1-data: ${known ? (error as Error).message : ((error as Error).stack ?? error)}\n`)
    process.exitCode = 1
  },
)
