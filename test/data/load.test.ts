import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LoadOptions, loadProblems } from '../../src/data/load.ts'
import { align, readManifest, writeManifest } from '../../src/data/manifest.ts'
import { fingerprint, type Problem, parseProblems } from '../../src/data/problem.ts'
import { plainInteger } from '../../src/data/rows.ts'
import { SETS, type SetName, setNamed } from '../../src/data/sets.ts'
import { sharedPath } from '../shared.ts'
import { type FakeHub, startHub } from './fake-hub.ts'

/** Large sets, compared quickly: the first difference is shown. */
function expectSame(actual: readonly Problem[], expected: readonly Problem[]): void {
  const different = expected.findIndex((problem, i) => JSON.stringify(problem) !== JSON.stringify(actual[i]))
  if (different >= 0) expect(actual[different]).toEqual(expected[different])
  expect(actual).toHaveLength(expected.length)
}

/** Keys in one order, so that JSON can be compared. */
const ordered = ({ id, problem, answer, level, subject, solution, trace }: Problem): Problem => ({
  id,
  problem,
  answer,
  level,
  subject,
  solution,
  trace,
})

const data = sharedPath('data/math_test.jsonl') && path.dirname(sharedPath('data/math_test.jsonl')!)
const fromFile = (name: string): Problem[] => {
  const file = path.join(data!, setNamed(name).file)
  const problems = parseProblems(readFileSync(file, 'utf8'), file)
  if (name !== 'math500') return problems
  const byId = new Map(problems.map((problem) => [problem.id, problem]))
  const ids = readFileSync(path.join(data!, 'math500.ids'), 'utf8').trim().split('\n')
  return ids.map((id) => byId.get(id)!)
}

let folder: string
let notices: string[]
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-data-'))
  notices = []
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const options = (env: NodeJS.ProcessEnv, more: LoadOptions = {}): LoadOptions => ({
  env: { PR1_CACHE: path.join(folder, 'cache'), ...env },
  sleep: async () => {},
  notify: (message) => notices.push(message),
  ...more,
})

/** A row as the hub has it, made from a problem of the data folder. */
function hubRow(name: SetName, { id, problem, answer, level, subject, solution }: Problem, index: number): unknown {
  if (name.startsWith('gsm8k')) return { question: problem, answer: solution }
  if (name === 'math500') {
    return { problem, solution, answer, subject, level, unique_id: `test/${subject?.toLowerCase()}/${index}.json` }
  }
  if (name.startsWith('math')) return { problem, level: level === undefined ? 'Level ?' : `Level ${level}`, type: subject, solution }
  if (name === 'amc23') return { id: index, question: problem, answer: `${answer}.0`, url: 'https://example.org' }
  if (name === 'aime24') return { id: 60 + index, problem, solution: 'Add.', answer: answer.padStart(3, '0'), year: '2024' }
  if (name === 'aime25') return { problem, answer, id: String(index) }
  if (name === 'aime26') return { problem_idx: index + 1, problem, answer: Number(answer) }
  if (name.startsWith('hmmt')) return { problem_idx: index + 1, problem, answer, problem_type: ['Algebra', 'Number Theory'] }
  if (name === 'minerva') return { question: problem, answer }
  if (name === 'olympiadbench')
    return { id: 1600 + index, question: problem, final_answer: [answer], unit: null, is_multiple_answer: false }
  return {
    prompt: problem,
    solution: answer,
    source_prompt: [{ content: `Solve: ${problem}`, role: 'user' }],
    reward_model: { ground_truth: answer, style: 'rule-lighteval/MATH_v2' },
    extra_info: { index: id.replace('dapo-', '') },
  }
}

describe.skipIf(!data)('the problem sets', () => {
  it.each(SETS.filter((set) => 'manifest' in set).map(({ name }) => name))('%s is what its manifest says', async (name) => {
    const problems = await loadProblems(name, options({ PR1_DATA: data }))
    expectSame(problems, fromFile(name))
    expect(notices).toEqual([])
    expect(problems).toHaveLength(setNamed(name).problems)
    expect(writeManifest(setNamed(name), problems).trimEnd().split('\n').slice(1).join()).toBe(readManifest(setNamed(name))!.join())
  })
})

describe.skipIf(!data)('the hub', () => {
  let hub: FakeHub
  beforeEach(async () => {
    hub = await startHub()
  })
  afterEach(() => hub.close())

  const fill = (name: SetName, rows: unknown[]) => {
    const { dataset, config, split } = setNamed(name).hub!
    hub.splits.set(`${dataset} ${config} ${split}`, rows)
  }
  const load = (name: SetName, more?: LoadOptions) => loadProblems(name, options({ HF_ENDPOINT: hub.endpoint }, more))

  const EVERY = ['gsm8k-test', 'math-test', 'math500', 'amc23', 'aime24', 'aime25', 'aime26', 'hmmt25-feb', 'hmmt25-nov'] as const
  it.each([...EVERY, 'minerva', 'olympiadbench'] as const)('gives the same %s as the folder, in whatever order', async (name) => {
    const problems = fromFile(name)
    fill(name, problems.map((problem, i) => hubRow(name, problem, i)).reverse())
    const loaded = await load(name)
    const worked = name.startsWith('gsm8k') || name.startsWith('math')
    const expected = worked ? problems : problems.map(({ id, problem, answer }) => ({ id, problem, answer }))
    expectSame(loaded.map(ordered), expected.map(ordered))
    expect(notices.filter((message) => !message.startsWith('fetching'))).toEqual([])
  })

  it('gives the same selection of DAPO, with its ids, and leaves out what does not belong to it', async () => {
    const problems = fromFile('dapo-train')
    const others = [{ prompt: 'A problem that was cut sho', solution: '3', extra_info: null }, hubRow('dapo-train', problems[5], 0)]
    fill('dapo-train', [...others, ...problems.map((problem, i) => hubRow('dapo-train', problem, i))])
    expectSame((await load('dapo-train', { strict: true })).map(ordered), problems.map(ordered))
    expect(notices).toEqual(['fetching 16039 rows of open-r1/DAPO-Math-17k-Processed (train)'])
  })

  it('keeps the ids of MATH in its part MATH-500, whatever else the source holds', async () => {
    const rows = fromFile('math500').map((problem, i) => hubRow('math500', problem, i))
    fill('math500', [hubRow('math500', fromFile('math-train')[0], 500), ...rows])
    expect((await load('math500', { strict: true })).slice(0, 2).map(({ id }) => id)).toEqual(['math-test-4914', 'math-test-2611'])
  })

  it('leaves out training problems of MATH that have no answer', async () => {
    const problems = fromFile('math-train')
    const rows = problems.map((problem, i) => hubRow('math-train', problem, i))
    rows.splice(5341, 0, { problem: 'Draw a square.', level: 'Level 1', type: 'Geometry', solution: 'There it is.' })
    fill('math-train', rows)
    expectSame((await load('math-train', { strict: true })).map(ordered), problems.map(ordered))
  })

  it('is reported when it has changed, and an error with strict', async () => {
    const problems = fromFile('aime24')
    const rows = problems.map((problem, i) => hubRow('aime24', problem, i)) as { answer: string; problem: string }[]
    rows[4].answer = '999'
    rows[7].problem += '  \n'
    rows.splice(12, 1)
    fill('aime24', rows)
    const loaded = await load('aime24')
    expect(notices).toEqual([
      'AIME 2024 from HuggingFaceH4/aime_2024 is not what it was: 2 of 30 problems are missing or altered (aime24-4, aime24-12), 1 are not expected. Figures are not comparable with those of the set as it was.',
    ])
    expect(loaded.map(({ id }) => id)).toEqual([
      ...problems.map(({ id }) => id).filter((id) => id !== 'aime24-4' && id !== 'aime24-12'),
      `aime24-x-${fingerprint({ problem: problems[4].problem, answer: '999' })}`,
    ])
    await expect(load('aime24', { strict: true })).rejects.toThrow(/2 of 30 problems.*Leave out "strict"/)
  })

  it('is refused when it holds another set, or other columns', async () => {
    fill(
      'aime25',
      fromFile('aime24').map((problem, i) => hubRow('aime25', problem, i)),
    )
    await expect(load('aime25')).rejects.toThrow(/30 of 30 problems are missing.*This is another data set/)
    fill('amc23', [{ Frage: 'Was ist 1 + 1?', Antwort: '2' }])
    await expect(load('amc23')).rejects.toThrow(/no text in column problem or question. Got the columns \["Frage","Antwort"\]/)
  })
})

describe('a set that has not been seen here', () => {
  let hub: FakeHub
  const { dataset, config, split } = setNamed('brumo25').hub!
  const fill = (count: number) =>
    hub.splits.set(
      `${dataset} ${config} ${split}`,
      Array.from({ length: count }, (_, i) => ({ problem_idx: i + 1, problem: `Compute $1,${100 + i}$.`, answer: `1,${100 + i}` })),
    )
  const load = (more?: LoadOptions) => loadProblems('brumo25', options({ HF_ENDPOINT: hub.endpoint }, more))
  beforeEach(async () => {
    hub = await startHub()
  })
  afterEach(() => hub.close())

  it('is taken in the order of its source, which is said, and not with strict', async () => {
    fill(30)
    const problems = await load()
    expect(problems.map(({ id }) => id)).toEqual(Array.from({ length: 30 }, (_, i) => `brumo25-${i}`))
    // Perhaps two numbers: the answer stays as it is.
    expect(problems[5].answer).toBe('1,105')
    expect(notices).toEqual(['This package has no fingerprints of BRUMO 2025 to compare MathArena/brumo_2025 with: it is taken as it is'])
    await expect(load({ strict: true })).rejects.toThrow(/no fingerprints of BRUMO 2025.*Leave out "strict"/)
  })

  it('has to have the number of problems that it should', async () => {
    fill(28)
    await load()
    expect(notices.at(-1)).toMatch(/2 of 30 problems are missing or altered \(brumo25-28, brumo25-29\)/)
    fill(31)
    await load({ fresh: true })
    expect(notices.at(-1)).toMatch(/1 are not expected/)
    fill(12)
    await expect(load({ fresh: true })).rejects.toThrow(/18 of 30 problems are missing.*another data set/)
  })
})

describe('a data folder', () => {
  const write = (name: string, ...rows: unknown[]) => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(path.join(folder, name), rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'))
  }
  const load = (name: SetName) => loadProblems(name, options({ PR1_DATA: folder }))

  it('must have the file, and is never replaced by the hub', async () => {
    await expect(load('aime24')).rejects.toThrow(/PR1_DATA has no aime24.jsonl \(AIME 2024\).*unset PR1_DATA/)
    expect(readdirSync(folder)).toEqual([])
    await expect(loadProblems('parallel-gsm8k', options({}))).rejects.toThrow(
      /comes from a data folder only. Put parallel_gsm8k_sample.jsonl into one/,
    )
  })

  it.each<[string, unknown[], RegExp]>([
    ['no rows', ['', ' '], /holds no problems/],
    ['a line that is cut', ['{"id": "a", "prob'], /line 1 of .*aime24.jsonl is not JSON/],
    ['a list', [[1]], /line 1 of .* must be an object/],
    ['a missing answer', [{ id: 'a', problem: 'b' }], /"answer" in line 1 of .* must be text that is not empty. Got undefined/],
    ['a fraction for an answer', [{ id: 'a', problem: 'b', answer: 3.5 }], /"answer" in line 1 .* Got 3.5/],
    [
      'an id twice',
      [
        { id: 'a', problem: 'b', answer: '3' },
        { id: 'a', problem: 'c', answer: '4' },
      ],
      /line 2 of .* repeats the id "a"/,
    ],
    ['a level in words', [{ id: 'a', problem: 'b', answer: '3', level: 'five' }], /"level" in line 1 .* must be a number. Got "five"/],
    ['another set', [{ id: 'a', problem: 'b', answer: '3' }], /30 of 30 problems are missing/],
  ])('with %s is an error that names the place', async (_, rows, message) => {
    write('aime24.jsonl', ...rows)
    await expect(load('aime24')).rejects.toThrow(message)
  })
})

describe('fingerprints', () => {
  const set = { name: 'toy', title: 'Toy', licence: 'MIT', problems: 3, file: 'toy.jsonl', prefix: 'toy' }
  const problem = (id: string, text: string, answer = '1') => ({ id, problem: text, answer })

  it('look past white space and nothing else', () => {
    const print = fingerprint(problem('a', 'Find  $x$.\n', ' 1'))
    expect(fingerprint(problem('b', ' Find $x$.', '1 '))).toBe(print)
    expect(fingerprint(problem('a', 'Find $X$.', '1'))).not.toBe(print)
    expect(fingerprint(problem('a', 'Find $x$.', '2'))).not.toBe(print)
    expect(print).toMatch(/^[\w-]{8}$/)
  })

  it('keep ids where numbers are missing, and tell twins apart', () => {
    const problems = [problem('toy-0', 'a'), problem('toy-3', 'b'), problem('toy-4', 'b\n')]
    const manifest = writeManifest(set, problems).trimEnd().split('\n').slice(1)
    expect(manifest).toEqual([fingerprint(problems[0]), '-', '-', fingerprint(problems[1]), fingerprint(problems[1])])
    const [aligned, difference] = align(
      problems.map(({ problem, answer }) => ({ problem, answer })),
      manifest,
      set,
    )
    expect(aligned).toEqual(problems)
    expect(difference).toEqual({ expected: 3, missing: [], unexpected: 0 })
  })
})

describe('names and numbers', () => {
  it('suggest the nearest set', () => {
    expect(() => setNamed('math_test')).toThrow(/no problem set "math_test". Did you mean "math-test"?/)
    expect(() => setNamed('zebra')).toThrow(/There are: gsm8k-train, .*pr1-data list/)
  })

  it.each([
    ['MATH-500', 'math500'],
    ['AIME 2026', 'aime26'],
    ['MathArena/hmmt_feb_2025', 'hmmt25-feb'],
    ['hmmt_feb_2026', 'hmmt26-feb'],
    ['smt_2025', 'smt25'],
    ['OlympiadBench', 'olympiadbench'],
    ['openai/gsm8k', 'gsm8k-test'],
    ['minervamath', 'minerva'],
  ])('lead from %s to %s', (name, set) => {
    expect(() => setNamed(name)).toThrow(`Did you mean "${set}"?`)
  })

  it('are refused where OlympiadBench has no list of answers', () => {
    const { read } = setNamed('olympiadbench')
    expect(read!({ question: 'Find all.', final_answer: ['$1$', '$2$'] })).toEqual({ problem: 'Find all.', answer: '$1$,$2$' })
    for (const final_answer of [undefined, null, [], '3', [3]]) {
      expect(() => read!({ question: 'Find all.', final_answer })).toThrow(/"final_answer" of OlympiadBench must be a list of texts/)
    }
  })

  it.each([
    ['025', '25'],
    ['000', '0'],
    ['27.0', '27'],
    ['-1', '-1'],
    ['-0', '0'],
    ['2,125', '2125'],
    [' 7 ', '7'],
    ['0.5', '0.5'],
    ['12345678901234567890123', '12345678901234567890123'],
    ['1,00', '1,00'],
    ['\\frac{1}{2}', '\\frac{1}{2}'],
  ])('read %s as %s', (written, plain) => {
    expect(plainInteger(written)).toBe(plain)
  })
})
