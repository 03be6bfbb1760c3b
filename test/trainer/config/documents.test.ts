import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { check } from '../../../src/config/check.ts'
import { entryOf, keysOf } from '../../../src/config/table.ts'
import { parseThinkingConfig, thinkingSchema } from '../../../src/providers/config.ts'
import { trainSchema } from '../../../src/trainer/config/config.ts'
import { documents } from '../../../src/trainer/config/documents.ts'
import { root } from '../runs.ts'

const read = (file: string) => readFileSync(path.join(root, file), 'utf8')
const page = read('docs/train-config.md')
const schema = JSON.parse(read('schema/train.schema.json'))
const trainFiles = readdirSync(path.join(root, 'suites'), { recursive: true, encoding: 'utf8' })
  .filter((name) => /train\.[\w-]+\.yaml$/.test(name))
  .map((name) => path.join('suites', name))

const { model, stages, save } = trainSchema.shape
const init = keysOf(model).init
const stage = (kind: string) => Object.keys(keysOf(entryOf(stages), { kind }))
const whole = { output: 'o', model: { init: { tokenizer: 't', architecture: {} } }, save: {} }
const entries = {
  sft: { name: 'a', kind: 'sft', suite: 's', response: 'r' },
  grpo: { name: 'b', kind: 'grpo', suite: 's', provider: 'p', steps: 1, reward: 'r' },
  generate: { name: 'c', kind: 'generate', suite: 's', accept: ['a'] },
}
/** Every mapping of the file: its keys, the JSON Schema of them, and a file with one more key there. */
const places = [
  { keys: Object.keys(trainSchema.shape), json: schema, put: (more: object) => ({ ...whole, ...more }) },
  {
    keys: Object.keys(keysOf(model)),
    json: schema.properties.model,
    put: (more: object) => ({ ...whole, model: { ...whole.model, ...more } }),
  },
  {
    keys: Object.keys(keysOf(keysOf(init).architecture)),
    json: schema.properties.model.properties.init.properties.architecture,
    put: (more: object) => ({ ...whole, model: { init: { tokenizer: 't', architecture: more } } }),
  },
  {
    keys: Object.keys(keysOf(keysOf(model).lora)),
    json: schema.properties.model.properties.lora,
    put: (more: object) => ({ ...whole, model: { checkpoint: 'c', lora: more } }),
  },
  {
    keys: Object.keys(keysOf(trainSchema.shape.ray)),
    json: schema.properties.ray,
    put: (more: object) => ({ ...whole, ray: more }),
  },
  { keys: Object.keys(keysOf(save)), json: schema.properties.save, put: (more: object) => ({ ...whole, save: more }) },
  {
    keys: Object.keys(keysOf(keysOf(save).rollouts)),
    json: schema.properties.save.properties.rollouts.anyOf[1],
    put: (more: object) => ({ ...whole, save: { rollouts: more } }),
  },
  {
    keys: Object.keys(keysOf(entryOf(keysOf(entryOf(stages), { kind: 'grpo' }).rewards))),
    json: schema.properties.stages.items.oneOf[1].properties.rewards.items,
    put: (more: object) => ({ ...whole, stages: [{ ...entries.grpo, rewards: [{ reward: 'r', ...more }] }] }),
  },
  {
    keys: Object.keys(keysOf(keysOf(entryOf(stages), { kind: 'grpo' }).difficulty)),
    json: schema.properties.stages.items.oneOf[1].properties.difficulty,
    put: (more: object) => ({ ...whole, stages: [{ ...entries.grpo, difficulty: { from: 'f', ...more } }] }),
  },
  {
    keys: Object.keys(keysOf(keysOf(entryOf(stages), { kind: 'grpo' }).pathCredit)),
    json: schema.properties.stages.items.oneOf[1].properties.pathCredit,
    put: (more: object) => ({ ...whole, stages: [{ ...entries.grpo, pathCredit: { reward: 'r', ...more } }] }),
  },
  {
    keys: Object.keys(keysOf(entryOf(keysOf(entryOf(stages), { kind: 'sft' }).evaluate))),
    json: schema.properties.stages.items.oneOf[0].properties.evaluate.anyOf[0],
    put: (more: object) => ({ ...whole, stages: [{ ...entries.sft, evaluate: [{ suite: 's', ...more }] }] }),
  },
  {
    keys: Object.keys(keysOf(keysOf(entryOf(stages), { kind: 'generate' }).exclude)),
    json: schema.properties.stages.items.oneOf[2].properties.exclude,
    put: (more: object) => ({ ...whole, stages: [{ ...entries.generate, exclude: { suites: ['s'], ...more } }] }),
  },
  ...(['sft', 'grpo', 'generate'] as const).map((kind, i) => ({
    keys: stage(kind),
    json: schema.properties.stages.items.oneOf[i],
    put: (more: object) => ({ ...whole, stages: [{ ...entries[kind], ...more }] }),
  })),
]

describe('documents', () => {
  it.each(documents)('$file is as the tables say; npm run docs renews it', ({ file, render }) => {
    expect(read(file)).toBe(render())
  })

  it('hold every key, and a mistyped one is told by its name', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...places.flatMap((place) => place.keys.map((key) => ({ ...place, key })))),
        fc.nat(),
        ({ key, keys, json, put }, at) => {
          expect(json.properties[key], key).toBeDefined()
          if (
            ![
              'model',
              'init',
              'architecture',
              'lora',
              'stages',
              'rewards',
              'difficulty',
              'pathCredit',
              'exclude',
              'evaluate',
              'save',
              'rollouts',
              'ray',
            ].includes(key)
          ) {
            expect(page).toContain(`| \`${key}\` |`)
            expect(json.properties[key].description).toBeTruthy()
          }
          const i = at % key.length
          const slip = `${key.slice(0, i + 1)}${key.slice(i)}`
          const read = () => check(trainSchema, { stages: [entries.sft], ...put({ [slip]: 1 }) }, 'the file')
          expect(read).toThrow(`Unknown key "${slip}"`)
          expect(keys.map((name) => `Did you mean "${name}"?`).some((hint) => messageOf(read).endsWith(hint))).toBe(true)
          expect(messageOf(read)).toContain(`Did you mean "${key}"?`)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('hold every key of the provider', () => {
    for (const key of Object.keys(thinkingSchema.shape)) {
      expect(read('docs/provider-config.md')).toContain(`| \`${key}\` |`)
      expect(messageOf(() => parseThinkingConfig({ [`${key}${key.at(-1)}`]: 1 }, 'the config'))).toContain(`Did you mean "${key}"?`)
    }
  })
})

describe('schema/train.schema.json', () => {
  const validate = new Ajv({ strict: true, allErrors: true }).compile(schema)

  it('accepts every shipped train file, whose first line names it', () => {
    expect(trainFiles).toHaveLength(13)
    for (const file of trainFiles) {
      expect(validate(parseYaml(read(file))), `${file}: ${JSON.stringify(validate.errors)}`).toBe(true)
      const [, named] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(read(file)) ?? []
      expect(path.join(path.dirname(file), named)).toBe(path.join('schema', 'train.schema.json'))
    }
  })

  it('accepts an evaluation and a list of them', () => {
    const file = (evaluate: unknown) => ({ ...whole, stages: [{ ...entries.sft, evaluate }] })
    for (const evaluate of [{ suite: 's' }, [{ suite: 's' }, { suite: 't', every: 5 }]]) expect(validate(file(evaluate))).toBe(true)
    for (const evaluate of [[], {}, { suite: 's', every: 0 }, 's']) expect(validate(file(evaluate))).toBe(false)
  })

  it('accepts a mapping and what stands for it', () => {
    for (const rollouts of [true, false, {}, { every: 3 }]) {
      const raw = { ...whole, stages: [entries.sft], save: { rollouts } }
      expect(validate(raw)).toBe(true)
      expect(check(trainSchema, raw, 'the file').save.rollouts.every).toBe(
        rollouts === false ? 0 : rollouts === true ? 1 : (rollouts.every ?? 1),
      )
    }
  })

  it.each<[object]>([
    [{ ...whole, stages: [] }],
    [{ ...whole, stages: [{ ...entries.sft, group: 8 }] }],
    [{ ...whole, stages: [{ ...entries.grpo, group: 1 }] }],
    [{ ...whole, stages: [{ ...entries.grpo, betas: [0.9, 1] }] }],
    [{ ...whole, stages: [{ ...entries.grpo, lr: 0 }] }],
    [{ ...whole, stages: [{ ...entries.generate, accept: [] }] }],
    [{ ...whole, stages: [{ ...entries.generate, lr: 1 }] }],
    [{ ...whole, stages: [entries.sft], seed: 1.5 }],
    [{ ...whole, stages: [entries.sft], save: { rollouts: 'some' } }],
    [{ stages: [entries.sft], model: {} }],
  ])('refuses what the check refuses: %j', (raw) => {
    expect(validate(raw)).toBe(false)
    expect(() => check(trainSchema, raw, 'the file')).toThrow()
  })
})

function messageOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    return (error as Error).message
  }
  return ''
}
