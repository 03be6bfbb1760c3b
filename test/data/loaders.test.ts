/** Every loader, by name: what data says stays text. A new loader has to join the table. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import * as loaders from '../../src/data/loaders.ts'
import { type SetName, setNamed } from '../../src/data/sets.ts'
import { isLoaded, isTemplate } from '../../src/gate/verbatim.ts'
import { row as resultRow, saved } from '../report/synthetic.ts'
import { sharedPath } from '../shared.ts'

/** Harmless: it must never become 42. */
const marker = '{{ 6 * 7 }}{% set x = 42 %}{# 42 #}'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-loaders-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

interface Test {
  vars: object
}

/** A data folder with one row more, the first with the marker in every text but those of `keep`. */
function withMarker(name: SetName, keep: readonly string[] = []): void {
  const { file } = setNamed(name)
  const lines = readFileSync(sharedPath(`data/${file}`)!, 'utf8').trimEnd()
  const { id, problem, answer, subject, solution, trace } = JSON.parse(lines.split('\n', 1)[0])
  const texts = { id, problem, answer, subject, solution }
  const marked = Object.fromEntries(
    Object.entries(texts).flatMap(([key, text]) => (text === undefined ? [] : [[key, keep.includes(key) ? text : `${text} ${marker}`]])),
  )
  // A trace that is not well-formed is left out.
  const row = { ...marked, ...(trace && { trace: trace.replace('<Path>', `<Path>${marker}`) }) }
  const data = path.join(folder, name)
  mkdirSync(data, { recursive: true })
  writeFileSync(path.join(data, file), `${lines}\n${JSON.stringify(row)}\n`)
  vi.stubEnv('PR1_DATA', data)
}

const of = (name: SetName, load: loaders.Loader, keep?: string[]) => async () => {
  withMarker(name, keep)
  return { tests: await load({}), chosen: 'selection' in setNamed(name) }
}

/** What each export gives of a row with the marker. `chosen`: only rows that the package knows are taken, and that is none of them. */
const LOADERS: Record<string, () => Promise<{ tests: Test[]; chosen?: boolean }>> = {
  gsm8kTrain: of('gsm8k-train', loaders.gsm8kTrain),
  gsm8kTest: of('gsm8k-test', loaders.gsm8kTest),
  mathTrain: of('math-train', loaders.mathTrain),
  mathTest: of('math-test', loaders.mathTest),
  amc23: of('amc23', loaders.amc23),
  aime24: of('aime24', loaders.aime24),
  aime25: of('aime25', loaders.aime25),
  dapoTrain: of('dapo-train', loaders.dapoTrain),
  parallelGsm8k: of('parallel-gsm8k', loaders.parallelGsm8k),
  gsm8kWorked: of('gsm8k-train', loaders.gsm8kWorked, ['answer']), // what is no number is left out
  problems: of('aime26', () => loaders.problems({ set: 'aime26' })),
  problemTests: of('aime24', () => loaders.problemTests('aime24', { solution: true })),
  toTest: async () => {
    const texts = { id: marker, problem: marker, answer: marker, subject: marker, solution: marker, trace: marker }
    return { tests: [loaders.toTest(texts, 'aime24', true)] }
  },
  passedResponses: async () => {
    const file = path.join(folder, 'teacher.json')
    writeFileSync(file, saved([{ ...resultRow({ problem: 1, right: true, output: marker }), vars: { id: marker, problem: marker } }]))
    return { tests: await loaders.passedResponses({ results: file }) }
  },
}

describe('every loader', () => {
  it('is in the table', () => {
    const functions = Object.entries(loaders).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []))
    expect(Object.keys(LOADERS).sort()).toEqual(functions.sort())
  })

  describe.skipIf(!sharedPath('data/aime26.jsonl'))('hands on as text what data says', () => {
    it.each(Object.keys(LOADERS))('%s', async (name) => {
      vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      const { tests, chosen } = await LOADERS[name]()
      vi.restoreAllMocks()
      const values = tests.flatMap(({ vars }) => Object.values(vars))
      const altered = values.filter((value) => typeof value === 'string' && (isTemplate(value) || isLoaded(value) || value.endsWith('\n')))
      expect(altered).toEqual([])
      expect(values.some((value) => Array.isArray(value) && value.join().includes(marker))).toBe(!chosen)
    })
  })
})
