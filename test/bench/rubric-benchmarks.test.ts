import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { isThere } from '../shared.ts'

const root = path.resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(path.join(tmpdir(), 'pr1-rubric-benchmarks-'))

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs', '--if-needed'], { cwd: root })
})

function file(name: string, content: string): string {
  const at = path.join(folder, name)
  writeFileSync(at, content)
  return at
}

const lines = (rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

function run(args: string[], env: NodeJS.ProcessEnv = process.env) {
  const { stdout, stderr } = spawnSync(process.execPath, ['bench/rubric-benchmarks.mjs', ...args], { cwd: root, encoding: 'utf8', env })
  const last = stdout.trimEnd().split('\n').at(-1)!
  return { stdout, stderr, results: last.startsWith('{') ? JSON.parse(last).results : undefined }
}

const counts = (figures: Record<string, { right: { count: number; of: number }; falsePositives: object; falseNegatives: object }>) =>
  Object.entries(figures).map(([name, { right, falsePositives, falseNegatives }]) =>
    [name, right, falsePositives, falseNegatives]
      .map((one) => (typeof one === 'string' ? one : Object.values(one).slice(0, 2).join('/')))
      .join(' '),
  )

/** Two right verdicts, a false positive and a false negative by labels that are wrong on purpose. */
const CASES = [
  { tier: 'core', kind: 'pair', gold: '1/2', pred: '0.5', expected: true },
  {
    tier: 'core',
    kind: 'output',
    gold: '42',
    pred_parts: [
      ['So it is 41. ', 2],
      ['The answer is 42.', 1],
    ],
    expected: true,
  },
  { tier: 'hard', kind: 'pair', gold: '7', pred: '7', expected: false },
  { tier: 'hard', kind: 'output', gold: '7', pred: 'The answer is 8.', expected: true },
]

describe('the benchmark of the rubric', () => {
  it('counts by column what is right, wrongly accepted and wrongly refused, and lists it', () => {
    const { stdout, results } = run([file('cases.jsonl', lines(CASES)), '--by', 'tier', '--wrong'])
    expect(counts(results[0].figures)).toEqual(['all 2/4 1/1 1/3', 'tier core 2/2 0/0 0/2', 'tier hard 0/2 1/1 1/1'])
    expect(stdout).toContain('| all | 4 | 50.0 % (15.0–85.0 %) | 1/1 (20.7–100.0 %) | 1/3 (6.1–79.2 %) |')
    expect(stdout).toMatch(/cases\.jsonl:3 \(hard\) false positive: "7" <- "7"\n.*equals the reference/)
    expect(stdout).toMatch(/cases\.jsonl:4 \(hard\) false negative: "7" <- "The answer is 8\."/)
    expect(results[0].slowest).toMatch(/^cases\.jsonl:\d$/)
  })

  it('reads JSON and CSV, columns of any name, labels of any word, and a part of the cases', () => {
    const json = file('cases.json', JSON.stringify({ rows: [{ truth: ['7', '8'], said: 'It is 8.', human: 'A', by: 'me' }] }))
    const mapped = ['--reference', 'truth', '--output', 'said', '--label', 'human', '--right', 'A']
    expect(counts(run([json, ...mapped, '--by', 'by']).results[0].figures)).toEqual(['all 1/1 0/0 0/1', 'by me 1/1 0/0 0/1'])
    const csv = file('cases.csv', 'question,reference,output,label,set\n"1+1, then?",2,"so\n\\boxed{2}",yes,a\n1?,1,2,no,a\n1?,1,2,yes,b\n')
    expect(counts(run([csv]).results[0].figures)).toEqual(['all 2/3 0/1 1/2'])
    expect(counts(run([csv, '--where', 'set!=b']).results[0].figures)).toEqual(['all 2/2 0/1 0/1'])
    const told = file('told.jsonl', lines([{ answer: '5', solution: '2+3=<<2+3=5>>5\n#### 6' }]))
    const bare = ['--output', 'solution', '--all-right', '--drop', '\\n####.*|<<[^>]*>>']
    expect(counts(run([told, ...bare]).results[0].figures)).toEqual(['all 1/1 0/0 0/1'])
    const near = file('near.jsonl', lines([{ reference: '3', output: '3.01', label: 1 }]))
    expect(counts(run([near, '--kind', 'pair', '--config', '{"tolerance":0.01}']).results[0].figures)).toEqual(['all 1/1 0/0 0/1'])
  })

  it.each<[string, string, string[], RegExp]>([
    ['a column that is missing', 'a.jsonl', [], /Case a\.jsonl:1 has no reference\. Got the keys output, label\. .*--reference KEY/],
    ['a label of another word', 'b.jsonl', [], /The label of b\.jsonl:1 is neither right nor wrong\. Got "maybe"\. .*--right VALUE/],
    ['what is no JSON', 'c.jsonl', [], /c\.jsonl does not read: .*JSON lines, JSON or CSV/],
    ['a condition that nothing meets', 'd.jsonl', ['--where', 'tier=none'], /No case of .* is left/],
    [
      'a Python that is not there',
      'd.jsonl',
      ['--python', 'no-such-python'],
      /no-such-python has no Math-Verify: .*ENOENT.*pip install math-verify/,
    ],
  ])('says what is wrong with %s', (_, name, args, message) => {
    file('a.jsonl', lines([{ output: '1', label: true }]))
    file('b.jsonl', lines([{ reference: '1', output: '1', label: 'maybe' }]))
    file('c.jsonl', 'reference: 1')
    file('d.jsonl', lines([{ reference: '1', output: '1', label: true }]))
    expect(run([path.join(folder, name), ...args]).stderr).toMatch(message)
  })
})

const python = ['python3', 'python'].find((name) => spawnSync(name, ['--version']).status === 0)

/** A stand-in of the library: what is compared is the text, and some texts never end or end the process. */
const STAND_IN = `
import os, time
LatexExtractionConfig = ExprExtractionConfig = StringExtractionConfig = type("Some", (), {})
def parse(text, kinds, parsing_timeout):
    if "for ever" in text: time.sleep(600)
    if "the end" in text: os._exit(1)
    if "an error" in text: raise ValueError(text)
    return [text.strip("$")]
def verify(gold, answer, timeout_seconds): return gold == answer
`

describe.runIf(isThere(python !== undefined, 'python3'))('Math-Verify beside it', () => {
  it('grades the same cases, and goes on after one that ends or never does', () => {
    const library = path.join(folder, 'library')
    mkdirSync(path.join(library, 'math_verify'), { recursive: true })
    writeFileSync(path.join(library, 'math_verify/__init__.py'), STAND_IN)
    for (const name of ['math_verify', 'latex2sympy2_extended', 'sympy']) {
      mkdirSync(path.join(library, `${name}-1.0.dist-info`))
      writeFileSync(path.join(library, `${name}-1.0.dist-info/METADATA`), `Metadata-Version: 2.1\nName: ${name}\nVersion: 1.0\n`)
    }
    const said = ['7', 'for ever', '0.5', 'the end', 'an error', '7']
    const cases = said.map((output, i) => ({
      reference: i === 2 ? '1/2' : '7',
      output,
      label: i !== 1 && i !== 3 && i !== 4,
      kind: 'pair',
    }))
    const { results, stdout } = run([file('peer.jsonl', lines(cases)), '--python', python!, '--seconds', '2', '--wrong'], {
      ...process.env,
      PYTHONPATH: library,
    })
    const { figures, failures, settings, onlyMathAnswer, onlyMathVerify } = results[0].mathVerify
    expect(counts({ all: figures.all })).toEqual(['all 5/6 0/3 1/3'])
    expect(failures).toEqual({ 'no verdict within 2 s': 1, 'the process ended': 1, ValueError: 1 })
    expect(settings).toMatch(/^math-verify 1\.0, .*sympy 1\.0; parse/)
    expect([onlyMathAnswer, onlyMathVerify]).toEqual([1, 0])
    expect(stdout).toContain('No verdict: the process ended, 1 times')
  })

  it('is missed in a Python that lacks it', () => {
    const cases = file('lacking.jsonl', lines([{ reference: '1', output: '1', label: true }]))
    const library = mkdtempSync(path.join(folder, 'lacking-'))
    writeFileSync(path.join(library, 'math_verify.py'), `raise ModuleNotFoundError("No module named 'math_verify'")`)
    const { stderr } = run([cases, '--python', python!], { ...process.env, PYTHONPATH: library })
    expect(stderr).toMatch(/has no Math-Verify: ModuleNotFoundError: No module named 'math_verify'\. .*pip install math-verify/)
  })
})
