import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import type { SuiteAssertion } from '../../../src/grading/references.ts'
import type { GenerateStage, GrpoStage } from '../../../src/trainer/config/config.ts'
import { Evaluation } from '../../../src/trainer/evaluation/evaluation.ts'
import type { EvaluationConfig } from '../../../src/trainer/evaluation/keys.ts'
import { compileStages } from '../../../src/trainer/run/stage-metrics.ts'
import { fixture, folderWithSuites, newFolder, root, run, wholeRun } from '../runs.ts'

let whole: string

beforeAll(async () => {
  ;({ whole } = await wholeRun())
})

/** What a run that fails has said, and the error. */
async function failing(folder: string, sets: string[]): Promise<{ said: string; message: string }> {
  let said = ''
  const output = { write: (line: string) => (said += line) }
  const message = await run(folder, { sets, output }).then(
    () => 'it did not fail',
    (error: Error) => error.message,
  )
  return { said, message }
}

describe('what the training file alone says wrongly', () => {
  it.each([
    ['stages.rl.reward=digits +', 'The reward does not parse'],
    ['stages.rl.reward=round(digits)', 'The reward may not hold the function "round". Got "round(digits)".'],
    ['stages.rl.reward=digits | 1', 'The reward may not hold the operator "bitOr".'],
    ['stages.rl.rewrd=digits', 'Unknown key "rewrd"'],
    ['stages.rl.pathCredit={"reward":"digits +"}', 'The reward of "pathCredit" does not parse'],
    ['stages.rl.pathCredit={"reward":"digits","response":"{{ path"}', 'The response of "pathCredit" "{{ path" does not parse'],
  ])('is told before a suite is resolved and a folder is made: %s', async (set, expected) => {
    const folder = path.join(newFolder(), 'run')
    const { said, message } = await failing(folder, [set])
    expect(message).toContain(expected)
    expect(message).toMatch(/"rl" (of|in) .*train\.yaml/)
    expect(said).toBe('')
    expect(existsSync(folder)).toBe(false)
  })

  it('is looked for in every expression of every stage', async () => {
    const grpo = { kind: 'grpo', name: 'rl' } as GrpoStage
    const generate = { kind: 'generate', name: 'ask' } as GenerateStage
    const compile = (...stages: (GrpoStage | GenerateStage)[]) => compileStages({ file: 'train.yaml', stages })
    const terms = [
      { reward: 'a', weight: 1, where: 'b' },
      { reward: 'c', weight: 1 },
    ]
    const known = await compile(
      { ...grpo, rewards: terms, pathCredit: { reward: 'e', response: '{{ path }}' } },
      { ...generate, accept: ['d == 1 and tokens < 9', 'finished'] },
    )
    const names = [...known].map(([name, all]) => [name, all.map(({ symbols }) => symbols)])
    expect(names).toEqual([
      ['rl', [['a'], ['b'], ['c'], ['e']]],
      // Figures of an answer are no metrics of the suite.
      ['ask', [['d'], []]],
    ])
    const wrong = [{ ...terms[0], where: 'b +' }]
    await expect(compile({ ...grpo, rewards: wrong })).rejects.toThrow(/does not parse.* It stands in stage "rl" of train\.yaml\./)
    await expect(compile({ ...generate, accept: ['step > 3'] })).rejects.toThrow('"accept" of stage "ask" has no step')
  })
})

describe('what a suite lacks', () => {
  const suite = { file: fixture('rl.yaml'), folder: fixture('.'), provider: { label: 'p', config: {}, ours: true } }
  const held = (more = '') => `{ suite: ${fixture('held-out.yaml')}, name: sums, provider: parallel${more} }`

  it('is told when its rows are read, before another suite is resolved and the model is made', async () => {
    const folder = folderWithSuites(whole)
    const { said, message } = await failing(folder, ['stages.rl.reward=digit', `stages.rl.evaluate=${held()}`])
    expect(message).toMatch(/The reward "digit" uses "digit", which no assertion of test 1 of .*rl\.yaml has\. Did you mean "digits"\?/)
    expect(said).toContain('rl.yaml with promptfoo')
    expect(said).not.toContain('held-out.yaml with promptfoo')
    expect(said).not.toContain('Parameters')
  })

  it('of an evaluation, too', async () => {
    const folder = folderWithSuites(whole)
    const { said, message } = await failing(folder, [`stages.base.evaluate=${held(', metric: anwser')}`])
    expect(message).toMatch(/The evaluation "sums" of stage "base" asks for the metric "anwser".* Did you mean "answer"\?/)
    expect(said).toContain('held-out.yaml with promptfoo')
    expect(said).not.toContain('Parameters')
    // The rows that were read are kept, as for any run that ends here.
    expect(readdirSync(path.join(folder, 'suites'))).toContain('evaluate')
  })

  it('may be the metric of the best checkpoint, where no grader of the suite could report it', () => {
    const config = { name: 'sums', metric: 'answer' } as EvaluationConfig
    const check = (best: string, ...assert: SuiteAssertion[]) =>
      Evaluation.check(
        config,
        { ...suite, rows: [{ prompt: '', promptConfig: {}, vars: {}, test: { assert: [answer, ...assert] } }] },
        'rl',
        best,
      )
    const answer = { type: 'javascript', metric: 'answer', value: 'package:parallel-r1:mathAnswer' }
    expect(() => check('answers')).toThrow(/"best" in "save" asks for the metric "answers".* Did you mean "answer"\?/)
    for (const there of ['answer', 'answer_robust']) expect(() => check(there)).not.toThrow()
    expect(() => check('tempo', { type: 'javascript', metric: 'more', value: 'file://graders.ts:digits' })).not.toThrow()
  })

  it('may be a key of an assertion of this package', async () => {
    const own = (config: object): SuiteAssertion[] => [
      { type: 'javascript', metric: 'digits', value: 'package:parallel-r1:parallelStructure', config },
      { type: 'javascript', metric: 'blocks', value: 'package:parallel-r1:parallelStructure' },
    ]
    const stage = { kind: 'grpo', name: 'rl', reward: 'digits' } as GrpoStage
    const [[, expressions]] = await compileStages({ file: 'train.yaml', stages: [stage] })
    const rows = [{}, { maxPath: 2 }].map((config) => ({ prompt: '', promptConfig: {}, vars: {}, test: { assert: own(config) } }))
    // The references of a suite mean the built package.
    const { checkStageSuite }: typeof import('../../../src/trainer/run/stage-metrics.ts') = await import(
      pathToFileURL(path.join(root, 'dist/trainer/run/stage-metrics.js')).href
    )
    await expect(checkStageSuite(expressions, { ...suite, rows })).rejects.toThrow(/maxPath.*maxPaths.* It is test 2 of .*rl\.yaml\./s)
    await expect(checkStageSuite(expressions, { ...suite, rows: rows.slice(0, 1) })).resolves.toBeUndefined()
  })
})
