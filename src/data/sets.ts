/** The problem sets: where each comes from and under which licence. `suites/problems/README.md` has the same table for readers. */

import { nearestName } from '../nearest-name.ts'
import { DataError, excerpt } from './problem.ts'
import { type ReadRow, readAnswers, readDapo, readGsm8k, readIntegers, readMath, readOlympiadBench } from './rows.ts'

/** A split of a data set on the Hugging Face hub. */
export interface HubSource {
  dataset: string
  config: string
  split: string
}

export interface ProblemSet {
  name: string
  title: string
  /** Of the data set on the hub, as an SPDX id where there is one. */
  licence: string
  /** How many there are. */
  problems: number
  /** Its name in a data folder. */
  file: string
  /** Ids are `prefix-0`, `prefix-1`, … in the order of the manifest, unless source or manifest have others. */
  prefix: string
  /** Fingerprints of the expected problems, relative to the suites folder. Absent: this package's makers have not seen the set. */
  manifest?: string
  /** Of the source of which this is a selection, rows outside the manifest are left out. */
  selection?: boolean
  /** The set of which this is a part: the problems keep its ids, which the manifest names. */
  partOf?: string
  hub?: HubSource
  /** Reads a row of the hub. */
  read?: ReadRow
}

/** The data set names none that we have checked. */
const UNKNOWN = 'not checked'
const MATHARENA = 'CC-BY-NC-SA-4.0'
const split = (dataset: string, config: string, name: string): HubSource => ({ dataset, config, split: name })
const MATH = 'DigitalLearningGmbH/MATH-lighteval'

export const SETS = [
  {
    name: 'gsm8k-train',
    title: 'GSM8K, train',
    licence: 'MIT',
    problems: 7473,
    file: 'gsm8k_train.jsonl',
    prefix: 'gsm8k-train',
    manifest: 'gsm8k/train.sums',
    hub: split('openai/gsm8k', 'main', 'train'),
    read: readGsm8k,
  },
  {
    name: 'gsm8k-test',
    title: 'GSM8K, test',
    licence: 'MIT',
    problems: 1319,
    file: 'gsm8k_test.jsonl',
    prefix: 'gsm8k-test',
    manifest: 'gsm8k/test.sums',
    hub: split('openai/gsm8k', 'main', 'test'),
    read: readGsm8k,
  },
  {
    name: 'math-train',
    title: 'MATH, train',
    licence: 'MIT',
    problems: 7498,
    file: 'math_train.jsonl',
    prefix: 'math-train',
    manifest: 'math/train.sums',
    selection: true,
    hub: split(MATH, 'default', 'train'),
    read: readMath,
  },
  {
    name: 'math-test',
    title: 'MATH, test',
    licence: 'MIT',
    problems: 5000,
    file: 'math_test.jsonl',
    prefix: 'math-test',
    manifest: 'math/test.sums',
    hub: split(MATH, 'default', 'test'),
    read: readMath,
  },
  {
    name: 'math500',
    title: 'MATH-500',
    licence: 'MIT',
    problems: 500,
    // A data folder has the whole test set.
    file: 'math_test.jsonl',
    prefix: 'math500',
    manifest: 'problems/math500.sums',
    selection: true,
    partOf: 'math-test',
    hub: split('HuggingFaceH4/MATH-500', 'default', 'test'),
    read: readMath,
  },
  {
    name: 'amc23',
    title: 'AMC 2023',
    licence: UNKNOWN,
    problems: 40,
    file: 'amc23.jsonl',
    prefix: 'amc23',
    manifest: 'amc23/test.sums',
    hub: split('math-ai/amc23', 'default', 'test'),
    read: readIntegers,
  },
  {
    name: 'aime24',
    title: 'AIME 2024',
    licence: UNKNOWN,
    problems: 30,
    file: 'aime24.jsonl',
    prefix: 'aime24',
    manifest: 'aime24/test.sums',
    hub: split('HuggingFaceH4/aime_2024', 'default', 'train'),
    read: readIntegers,
  },
  {
    name: 'aime25',
    title: 'AIME 2025',
    licence: UNKNOWN,
    problems: 30,
    file: 'aime25.jsonl',
    prefix: 'aime25',
    manifest: 'aime25/test.sums',
    hub: split('math-ai/aime25', 'default', 'test'),
    read: readIntegers,
  },
  {
    name: 'aime26',
    title: 'AIME 2026',
    licence: MATHARENA,
    problems: 30,
    file: 'aime26.jsonl',
    prefix: 'aime26',
    manifest: 'problems/aime26.sums',
    hub: split('MathArena/aime_2026', 'default', 'train'),
    read: readIntegers,
  },
  {
    name: 'hmmt25-feb',
    title: 'HMMT February 2025',
    licence: MATHARENA,
    problems: 30,
    file: 'hmmt25_feb.jsonl',
    prefix: 'hmmt25_feb',
    manifest: 'problems/hmmt25-feb.sums',
    hub: split('MathArena/hmmt_feb_2025', 'default', 'train'),
    read: readAnswers,
  },
  {
    name: 'hmmt25-nov',
    title: 'HMMT November 2025',
    licence: MATHARENA,
    problems: 30,
    file: 'hmmt25_nov.jsonl',
    prefix: 'hmmt25_nov',
    manifest: 'problems/hmmt25-nov.sums',
    hub: split('MathArena/hmmt_nov_2025', 'default', 'train'),
    read: readAnswers,
  },
  {
    name: 'hmmt26-feb',
    title: 'HMMT February 2026',
    licence: MATHARENA,
    problems: 33,
    file: 'hmmt26_feb.jsonl',
    prefix: 'hmmt26_feb',
    hub: split('MathArena/hmmt_feb_2026', 'default', 'train'),
    read: readAnswers,
  },
  {
    name: 'brumo25',
    title: 'BRUMO 2025',
    licence: MATHARENA,
    problems: 30,
    file: 'brumo25.jsonl',
    prefix: 'brumo25',
    hub: split('MathArena/brumo_2025', 'default', 'train'),
    read: readAnswers,
  },
  {
    name: 'cmimc25',
    title: 'CMIMC 2025',
    licence: MATHARENA,
    problems: 40,
    file: 'cmimc25.jsonl',
    prefix: 'cmimc25',
    hub: split('MathArena/cmimc_2025', 'default', 'train'),
    read: readAnswers,
  },
  {
    name: 'smt25',
    title: 'SMT 2025',
    licence: MATHARENA,
    problems: 53,
    file: 'smt25.jsonl',
    prefix: 'smt25',
    hub: split('MathArena/smt_2025', 'default', 'train'),
    read: readAnswers,
  },
  {
    name: 'minerva',
    title: 'Minerva, OCWCourses',
    licence: UNKNOWN,
    problems: 272,
    file: 'minerva.jsonl',
    prefix: 'minerva',
    manifest: 'problems/minerva.sums',
    hub: split('math-ai/minervamath', 'default', 'test'),
    read: readAnswers,
  },
  {
    name: 'olympiadbench',
    title: 'OlympiadBench, open-ended mathematics in English without pictures',
    licence: 'Apache-2.0',
    problems: 674,
    file: 'olympiadbench.jsonl',
    prefix: 'olympiadbench',
    manifest: 'problems/olympiadbench.sums',
    hub: split('Hothan/OlympiadBench', 'OE_TO_maths_en_COMP', 'train'),
    read: readOlympiadBench,
  },
  {
    name: 'dapo-train',
    title: 'DAPO-Math-17k, selected',
    licence: UNKNOWN,
    problems: 16037,
    file: 'dapo17k_train.jsonl',
    prefix: 'dapo',
    manifest: 'dapo/train.sums',
    selection: true,
    hub: split('open-r1/DAPO-Math-17k-Processed', 'all', 'train'),
    read: readDapo,
  },
  {
    name: 'parallel-gsm8k',
    title: 'Parallel-GSM8K, a sample',
    licence: UNKNOWN,
    problems: 341,
    file: 'parallel_gsm8k_sample.jsonl',
    prefix: 'pgsm8k',
  },
] as const satisfies readonly ProblemSet[]

export type SetName = (typeof SETS)[number]['name']

/** The set of that name; throws DataError naming the nearest one. Ids of the hub lead to their set. */
export function setNamed(name: unknown): ProblemSet & { name: SetName } {
  const found = SETS.find((set) => set.name === name)
  if (found) return found
  const near = typeof name === 'string' ? nearestSet(name) : undefined
  const names = SETS.map((set) => set.name)
  throw new DataError(
    `There is no problem set ${excerpt(name)}. ${near ? `Did you mean "${near}"?` : `There are: ${names.join(', ')}.`} "pr1-data list" says what they are.`,
  )
}

/** By its name, its id on the hub or that id without the owner. */
function nearestSet(name: string): SetName | undefined {
  const spellings = new Map<string, SetName>()
  for (const set of SETS) {
    if (!('hub' in set)) continue
    const { dataset } = set.hub
    // Several splits of a data set: the last one, its test split, is meant.
    spellings.set(dataset, set.name).set(dataset.slice(dataset.indexOf('/') + 1), set.name)
  }
  for (const set of SETS) spellings.set(set.name, set.name)
  const nearest = nearestName(name, [...spellings.keys()])
  return nearest === undefined ? undefined : spellings.get(nearest)
}
