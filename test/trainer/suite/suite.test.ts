import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { ParallelR1Error } from '../../../src/engine/errors.ts'
import type { SuiteAssertion } from '../../../src/grading/references.ts'
import { Scorer } from '../../../src/trainer/grading/scoring.ts'
import { checkEntry, loadSuite, type Suite } from '../../../src/trainer/suite/suite.ts'
import { inProofs } from '../../proofs.ts'
import { fixture, newFolder, run } from '../runs.ts'

describe('a run whose files are wrong', () => {
  it('says so before promptfoo is asked', async () => {
    let text = ''
    const output = {
      write(line: string) {
        text += line
      },
    }
    const asked = { output, resume: false, keptSuites: false }
    const folder = newFolder()
    const model = `model={ checkpoint: ${path.join(folder, 'no-model')} }`
    await expect(run(folder, { ...asked, sets: [model] })).rejects.toThrow(/No checkpoint at .*no-model: .* found no such file or folder/)
    await expect(run(folder, { ...asked, sets: ['stages.rl.provider=paralel'] })).rejects.toThrow(/Did you mean "parallel"\?$/)
    expect(text).toContain('Engine: ')
    expect(text).not.toContain('Resolving')
  })
})

describe('a suite, resolved by promptfoo', () => {
  it('gives the rows of one provider in the order of the file, and keeps them', async () => {
    const cache = path.join(newFolder(), 'suites', 'rl.jsonl')
    const suite = await loadSuite(fixture('rl.yaml'), { provider: 'parallel', tests: true, cache })
    expect(suite.provider).toMatchObject({ label: 'parallel', ours: true, config: { paths: 3, maxTokens: 24 } })
    expect(suite.provider.config).not.toHaveProperty('basePath')
    const source = readFileSync(fixture('sums.jsonl'), 'utf8').trimEnd().split('\n')
    expect(suite.rows.map((row) => row.vars)).toEqual(source.map((line) => JSON.parse(line).vars))
    expect(suite.rows[1].prompt).toBe(`${suite.rows[1].vars.question}=?`)
    expect(suite.rows[0].test.assert?.map((a) => a.metric)).toEqual(['digits', 'blocks'])

    // Taken from the cache: a file that is not there could not be resolved.
    const again = await loadSuite('/nowhere/rl.yaml', { tests: true, cache, reuse: true })
    expect(again.rows).toEqual(suite.rows)
    const written = readFileSync(cache, 'utf8')
    for (const [damaged, why] of [
      [written.replace('digits', 'digitz'), /checksum is another/],
      [written.replace('"maxTokens":24', '"maxTokens":25'), /checksum is another/],
      [written.slice(0, -30), /line 25 is no JSON/],
      [written.slice(30), /line 1 is no JSON/],
      [written.slice(0, written.lastIndexOf('{"prompt"')), /it has 23 rows, not 24/],
      [`[]\n${written}`, /line 1 is no JSON object/],
      [`{}\n${written}`, /it has no header/],
      ['null\n', /line 1 is no JSON object/],
      ['', /it has no header/],
      [`${written}${'['.repeat(501)}${']'.repeat(501)}\n`, /line 26 is no JSON \(lists and objects nested more than 500 deep/],
    ] as const) {
      writeFileSync(cache, damaged)
      const reading = loadSuite('/nowhere/rl.yaml', { tests: true, cache, reuse: true })
      await expect(reading, String(why)).rejects.toThrow(ParallelR1Error)
      await expect(reading, String(why)).rejects.toThrow(new RegExp(`rl\\.jsonl is not what this run wrote: .*(${why.source})`))
    }
  })

  it('names the row that does not render and the file that is not there', async () => {
    await expect(loadSuite(fixture('broken.yaml'), { tests: false })).rejects.toThrow(/24 rows.*filter not found: nofilter/s)
    await expect(loadSuite(fixture('none.yaml'), { tests: true })).rejects.toThrow(/no promptfoo config/)
  })

  it('finds a wrong label without promptfoo, where the file says all labels', async () => {
    const suite = path.join(newFolder(), 'suite.yaml')
    const withProviders = (providers: string) => writeFileSync(suite, `prompts: [a]\nproviders: ${providers}\ntests: file://none.jsonl\n`)
    withProviders('[{ id: echo, label: parallel }, openai:gpt-4]')
    await expect(loadSuite(suite, { provider: 'paralel', tests: true })).rejects.toThrow(
      /no provider labelled "paralel"\. Did you mean "parallel"\?$/,
    )
    expect(() => checkEntry(suite, 'other')).toThrow('There are: parallel, openai:gpt-4.')
    for (const known of ['parallel', 'echo', 'openai:gpt-4']) expect(() => checkEntry(suite, known)).not.toThrow()
    for (const elsewhere of [
      'file://providers.yaml',
      '[echo, file://one.yaml]',
      '[{ id: echo, label: "{{ env.X }}" }]',
      '[{ echo: {} }]',
    ]) {
      withProviders(elsewhere)
      expect(() => checkEntry(suite, 'paralel'), elsewhere).not.toThrow()
    }
  })

  it('refuses tags as text for the model in training, which has them as tokens', async () => {
    const suite = path.join(newFolder(), 'suite.yaml')
    const entry = { id: `file://${fixture('provider.ts')}`, label: 'parallel', config: { checkpoint: 'm', mode: 'parallel', tags: 'text' } }
    writeFileSync(suite, JSON.stringify({ prompts: ['{{ q }}'], providers: [entry], tests: [{ vars: { q: '1' } }] }))
    await expect(loadSuite(suite, { tests: true, decodes: true })).rejects.toThrow(
      /^Training adds the six tags .* Got "tags: text" in provider "parallel" of .*suite\.yaml, which is for an eval .* Leave "tags" out/,
    )
  })

  // Starts promptfoo for one line each.
  it.runIf(inProofs)('names the provider that is not there and the row that is nested without end', async () => {
    await expect(loadSuite(fixture('rl.yaml'), { provider: 'paralel', tests: true })).rejects.toThrow(
      /no provider labelled "paralel"\. Did you mean "parallel"\?$/,
    )
    const file = path.join(newFolder(), 'deep.jsonl')
    const suite = file.replace('.jsonl', '.yaml')
    writeFileSync(suite, 'prompts: ["{{ question }}"]\nproviders: [echo]\ntests: file://deep.jsonl\n')
    writeFileSync(file, `{"vars":{"question":"1","more":[${'['.repeat(500)}${']'.repeat(500)}]}}\n`)
    await expect(loadSuite(suite, { tests: false })).rejects.toThrow(/1 row of .*deep\.yaml.*test-0.*nested more than 500 deep/s)
  })
})

const ANSWER = 'file://../../../src/assertions/index.ts:mathAnswer'

describe('scoring', () => {
  const suiteOf = (assert: SuiteAssertion[], options?: Record<string, unknown>): Suite => ({
    file: fixture('rl.yaml'),
    folder: fixture(''),
    provider: { label: 'p', config: {}, ours: true },
    rows: [{ prompt: '1+1=?', promptConfig: {}, vars: { answer: '2' }, test: { assert, options } }],
  })
  const score = async (assert: SuiteAssertion[], output = '12ab') => {
    const suite = suiteOf(assert)
    const response = { output, metadata: { tree: { blocks: [{}] }, totalTokens: 4 } }
    return (await Scorer.open(suite)).score(suite.rows[0], response)
  }
  const js = (value: string, more: object = {}): SuiteAssertion => ({ type: 'javascript', metric: 'm', value, ...more })

  it('runs functions of files, packages, nested names, inline code and built-in assertions', async () => {
    expect(await score([js('file://graders.ts:digits')])).toEqual({ m: 0.5 })
    expect(await score([js('file://graders.ts:nested.deep')])).toEqual({ m: 0.5 })
    expect(await score([js('file://graders.ts:blocks')])).toEqual({ m: 1 })
    expect(await score([js('output.length / 8')])).toEqual({ m: 0.5 })
    expect(await score([{ type: 'contains', metric: 'm', value: '12' }])).toEqual({ m: 1 })
    expect(await score([js('context.vars.answer === "2"')])).toEqual({ m: 1 })
    expect(await score([js('file://graders.ts:digits', { metric: 'of {{ answer }}' })])).toEqual({ 'of 2': 0.5 })
  })

  it('gives wrong answers a score where promptfoo was told to stop at them', async () => {
    process.env.PROMPTFOO_SHORT_CIRCUIT_TEST_FAILURES = 'true'
    expect(await score([js('output === "other"')])).toEqual({ m: 0 })
  })

  it('reports metrics of weight 0 and of assert-sets as they are', async () => {
    expect(await score([js('file://graders.ts:digits', { weight: 0 }), js('true', { metric: 'n' })])).toEqual({ m: 0.5, n: 1 })
    const set = { type: 'assert-set', metric: 's', assert: [js('0.25', { metric: 'a' }), js('0.75', { metric: 'b', weight: 3 })] }
    expect(await score([set])).toMatchObject({ a: 0.25, b: 0.75, s: 0.625 })
  })

  it.each<[string, SuiteAssertion, RegExp]>([
    ['a function that throws', js('file://crashes.mjs:throws'), /grader failed \(file:\/\/crashes\.mjs:throws\).*no ruler/s],
    ['one that throws later', js('file://crashes.mjs:rejects'), /no ruler, later/],
    ['inline code that throws', js('output.missing.field'), /Custom function threw error/],
    ['one that returns nothing', js('file://crashes.mjs:nothing'), /must return a boolean, number/],
    ['an internal error', js('file://crashes.mjs:internal'), /internal error: cannot parse the tree/],
    ['a configuration error', js('file://crashes.mjs:configuration'), /min must be a number/],
  ])('stops at %s, with its message and the row', async (_, assertion, message) => {
    const failure = score([js('true', { metric: 'n' }), assertion])
    await expect(failure).rejects.toThrow(message)
    await expect(failure).rejects.toThrow(/"answer":"2"/)
  })

  it.each([
    ['beside another of its metric', { metric: 'm' }],
    ['without a metric', { metric: undefined }],
  ])('stops at a score that is no finite number, %s', async (_, more) => {
    const failure = score([js('file://crashes.mjs:notNumber', more), js('true')])
    await expect(failure).rejects.toThrow(/its score is no finite number\. Got NaN/)
  })

  it('refuses what it cannot do before the first step', async () => {
    await expect(score([js('file://graders.ts:digitz')])).rejects.toThrow(/not exported\. Did you mean "digits"\?.*It is test 1 of/)
    await expect(score([js('file://none.ts:x')])).rejects.toThrow(/no file .*none\.ts.*It is test 1 of/)
    await expect(score([{ type: 'python', metric: 'm', value: 'file://none.py' }])).rejects.toThrow(/no file .*none\.py/)
    await expect(score([js('package:paralel-r1:mathAnswer')])).rejects.toThrow(/the package paralel-r1 is not installed/)
    const set = { type: 'assert-set', assert: [js(ANSWER, { config: { extrat: 'boxed' } })] }
    await expect(score([set])).rejects.toThrow(/"extract".*It is test 1 of/)
    await expect(score([js(ANSWER.replace('mathAnswer', 'mathAnswr'))])).rejects.toThrow(/Did you mean "mathAnswer"/)
    await expect(Scorer.open(suiteOf([]))).rejects.toThrow(/no assertions/)
    await expect(Scorer.open(suiteOf([js('true')], { transform: 'output.trim()' }))).rejects.toThrow(/options\.transform/)
  })
})
