import { describe, expect, it } from 'vitest'
import { decisiveTable } from '../../../src/trainer/config/config-table.ts'
import { parseTrainConfig } from '../../../src/trainer/config/parse-config.ts'

const rl = { name: 'rl', kind: 'grpo', suite: 'train.yaml', provider: 'parallel', steps: 10, reward: 'answer' }
const held = { suite: 'held-out.yaml', every: 5, samples: 2 }

function parse(stage: object, save: object = {}, more: object[] = []) {
  return parseTrainConfig({ output: 'out', model: { checkpoint: 'm' }, stages: [{ ...rl, ...stage }, ...more], save }, '/run/train.yaml')
}

describe('the keys of evaluation', () => {
  it('take one evaluation or a list, named after suite or folder, and leave the hash of the file as it was', () => {
    const one = parse({ evaluate: held }, { best: 'held-out.answer' })
    expect(one.stages[0].evaluate).toEqual([
      { name: 'held-out', suite: '/run/held-out.yaml', metric: 'answer', every: 5, samples: 2, graderTimeout: 60 },
    ])
    const two = parse({ evaluate: [held, { suite: 'suites/countdown/promptfooconfig.yaml' }, { suite: 'a.b.yaml', name: 'c' }] })
    expect(two.stages[0].evaluate?.map(({ name, suite }) => `${name} ${suite}`)).toEqual([
      'held-out /run/held-out.yaml',
      'countdown /run/suites/countdown/promptfooconfig.yaml',
      'c /run/a.b.yaml',
    ])
    expect(decisiveTable(one)).toEqual(decisiveTable(parse({})))
  })

  it.each<[string, object, object, RegExp]>([
    ['every: 0', { evaluate: { ...held, every: 0 } }, {}, /"every" in evaluate 1 of stage "rl" of .* an integer of 1 or more\. Got 0/],
    ['a slip', { evaluate: { ...held, sample: 2 } }, {}, /"sample" in evaluate 1 of stage "rl".*"samples"/],
    ['no suite', { evaluate: {} }, {}, /"suite" is missing in evaluate 1 of stage "rl"/],
    ['a name with a dot', { evaluate: { ...held, name: 'a.b' } }, {}, /name of an evaluation.*stage "rl".*Got "a\.b"/],
    ['one name twice', { evaluate: [held, held] }, {}, /Two evaluations in stage "rl" .* are called "held-out"/],
    ['a best of nothing', {}, { best: 'held-out.answer' }, /"best" in "save" .* names the evaluation "held-out", which no stage has.*none/],
    ['a best with a slip', { evaluate: held }, { best: 'heldout.answer' }, /Did you mean "held-out"\?/],
    ['a best without a metric', { evaluate: held }, { best: 'held-out' }, /a dot and a metric\. Got "held-out"/],
    ['patience for nothing', { evaluate: held, patience: 3 }, {}, /"patience" in stage "rl" .* "save\.best", which is not set/],
  ])('refuse %s', (_, stage, save, message) => {
    expect(() => parse(stage, save)).toThrow(message)
  })

  it('refuse one name for two evaluations, patience of a stage that does not evaluate, and folders of the run as stages', () => {
    const later = { ...rl, name: 'later' }
    expect(() => parse({ evaluate: held }, {}, [{ ...later, evaluate: { ...held, samples: 3 } }])).toThrow(
      /The evaluation "held-out" of stage "later" .* is another in an earlier stage/,
    )
    parse({ evaluate: held }, {}, [{ ...later, evaluate: { ...held, every: 3 } }])
    expect(() => parse({ evaluate: held }, { best: 'held-out.answer' }, [{ ...later, patience: 1 }])).toThrow(
      /"patience" in stage "later" .* which the stage does not evaluate\. Got none\. Add "held-out"/,
    )
    for (const name of ['best', 'evaluations']) {
      expect(() => parse({ name, evaluate: held }, { best: 'held-out.answer' })).toThrow(/is a folder of a run that evaluates/)
      // A run of the version before may have one.
      expect(parse({ name }).stages[0].name).toBe(name)
    }
  })
})
