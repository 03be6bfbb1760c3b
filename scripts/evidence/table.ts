/** The table of arms, suites/countdown/evidence.yaml: what is trained and what is asked. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { check } from '../../src/config/check.ts'
import { key, mapping, number, text } from '../../src/config/table.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { nearestName } from '../../src/nearest-name.ts'

const coldStart = mapping({
  suite: key(text(), 'the promptfoo config whose rows the cold start takes, in the place of that of the training file'),
  loader: key(text(), 'the loader of its tests, `file.ts:name`, with the config that the suite gives its own'),
})

const form = mapping({
  train: key(text(), 'the training file: its first stages are shared with the other forms, then come the cold start (sft) and RL (grpo)'),
  coldStart: key(coldStart.optional(), 'other rows for the cold start'),
  assertions: key(
    z.record(text(), z.record(text(), z.unknown())).default({}),
    "config of assertions of the RL suite, by metric, in the place of the suite's own",
  ),
  variable: key(text(), 'the environment variable with which the evaluation takes a checkpoint'),
  column: key(text(), 'label of the provider entry of the evaluation that asks it'),
  plain: key(text().optional(), 'label of the entry that decodes the same checkpoint token by token'),
  probe: key(text().optional(), 'a trained checkpoint of this form: the time of an RL step is measured with it before the run'),
})

const first = mapping({
  reward: key(text(), 'the reward of the first steps'),
  share: key(number({ above: 0, below: 1 }), 'of the steps of RL'),
  tests: key(
    z.record(text(), z.unknown()).optional(),
    "keys of the loader of the RL suite's tests: other problems, in a stage of their own",
  ),
})

const arm = mapping({
  title: key(text(), 'its name in the tables'),
  form: key(text(), 'one of `forms`'),
  reward: key(text().optional(), 'a file of suites/rewards, by name; left out: no RL'),
  first: key(first.optional(), 'another reward at the beginning'),
})

const schema = mapping({
  evaluation: key(text(), 'the promptfoo config that asks every model'),
  forms: key(z.record(text(), z.unknown()), 'how a model writes, and what its cold start is'),
  arms: key(z.record(text(), z.unknown()), 'what is compared'),
})

export interface Arm extends z.output<typeof arm> {
  name: string
}

export interface Form extends z.output<typeof form> {
  name: string
}

/** Paths are absolute. */
export interface EvidenceTable {
  file: string
  evaluation: string
  forms: Map<string, Form>
  arms: Arm[]
}

/** Names become folders. */
const NAME = /^[a-z0-9][a-z0-9-]*$/

/** Reads and checks the table. Throws ConfigError. */
export function readTable(file: string): EvidenceTable {
  let raw: unknown
  try {
    raw = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ConfigError(`The table of arms ${file} cannot be read: ${(error as Error).message}. Name another with --table.`)
  }
  const table = check(schema, raw, file)
  const absolute = (name: string): string => path.resolve(path.dirname(file), name)
  for (const name of [...Object.keys(table.forms), ...Object.keys(table.arms)]) {
    if (NAME.test(name)) continue
    throw new ConfigError(`A form or arm of ${file} becomes a folder. Got "${name}". Use small letters, digits and -.`)
  }
  const forms = new Map(
    Object.entries(table.forms).map(([name, raw]): [string, Form] => {
      const { train, coldStart, probe, ...rest } = check(form, raw, `form "${name}" of ${file}`)
      return [
        name,
        {
          ...rest,
          name,
          train: absolute(train),
          ...(coldStart && { coldStart: { suite: absolute(coldStart.suite), loader: absolute(coldStart.loader) } }),
          ...(probe !== undefined && { probe: absolute(probe) }),
        },
      ]
    }),
  )
  const arms = Object.entries(table.arms).map(([name, raw]): Arm => ({ ...check(arm, raw, `arm "${name}" of ${file}`), name }))
  for (const { name, form, reward, first } of arms) {
    if (!forms.has(form)) {
      const near = nearestName(form, [...forms.keys()])
      const next = near ? `Did you mean "${near}"?` : `There are: ${[...forms.keys()].join(', ')}.`
      throw new ConfigError(`"form" of arm "${name}" in ${file} is none of its forms. Got "${form}". ${next}`)
    }
    if (first && reward === undefined) {
      throw new ConfigError(`Arm "${name}" in ${file} has "first" and no "reward", so no RL. Add a reward, or remove first.`)
    }
  }
  return { file, evaluation: absolute(table.evaluation), forms, arms }
}

/** The arms of these names, in the order of the table; all where none is named. Throws ConfigError. */
export function chooseArms({ arms, file }: EvidenceTable, names: readonly string[] | undefined): Arm[] {
  if (names === undefined) return arms
  for (const name of names) {
    if (arms.some((arm) => arm.name === name)) continue
    const known = arms.map((arm) => arm.name)
    const near = nearestName(name, known)
    throw new ConfigError(`There is no arm "${name}" in ${file}. ${near ? `Did you mean "${near}"?` : `There are: ${known.join(', ')}.`}`)
  }
  return arms.filter(({ name }) => names.includes(name))
}
