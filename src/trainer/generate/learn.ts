/**
 * A supervised stage that learns what an earlier stage of the same run kept. Its suite says which problems and in which prompt; the answers
 * are found by the vars of a row. Before the stage begins they may not be there yet: the prompts are known, the number of steps is not.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError, ParallelR1Error } from '../../engine/errors.ts'
import { plainVars } from '../../gate/verbatim.ts'
import { isObject } from '../../json.ts'
import { lines, parsed } from '../../json-lines.ts'
import type { SftStage } from '../config/config.ts'
import type { Session } from '../model/session.ts'
import type { Recipe } from '../recipe.ts'
import { readPrompts, sftRecipe } from '../sft.ts'
import { readCache, type Suite, writeCache } from '../suite/suite.ts'
import { KEPT_FILE, TAG_FREE_FILE } from './files.ts'
import { RESPONSE, varsKey } from './rows.ts'

export interface LearnOptions {
  /** Folder of the stage that asks. */
  answers: string
  /** Where the rows with their answers are kept for a run that goes on. */
  cache: string
  /** The stage is under way: take the rows that it began with. */
  goesOn: boolean
  /** The answers must be there already. */
  now: boolean
  write: boolean
}

/** Where a stage finds its answers, and keeps the rows that it makes of them. `output`: the folder of the stages, `run` that of states and suites. */
export function answersOf(output: string, run: string, { name, from }: SftStage): Pick<LearnOptions, 'answers' | 'cache'> {
  return { answers: join(output, from!), cache: join(run, 'suites', `${name}.answered.jsonl`) }
}

/** Throws ConfigError where the answers should be there and are not, or belong to other rows. */
export async function learningRecipe(session: Session, stage: SftStage, suite: Suite, options: LearnOptions): Promise<Recipe> {
  const load = async (): Promise<Recipe> => sftRecipe(session, stage, await answeredRows(stage, suite, options))
  const file = join(options.answers, fileOf(stage))
  if (options.now) return load()
  const prompts = readPrompts(session, suite)
  let recipe: Recipe | undefined
  const begun = (): Recipe => {
    if (!recipe) throw new ParallelR1Error(`Stage "${stage.name}" has not begun: ${file} is read when it does.`)
    return recipe
  }
  const length = stage.steps === undefined ? `${stage.epochs} ${stage.epochs === 1 ? 'epoch' : 'epochs'}` : `${stage.steps} steps`
  return {
    get steps() {
      return recipe?.steps ?? stage.steps ?? Number.NaN
    },
    get forwardTokens() {
      return recipe?.forwardTokens ?? stage.microBatchTokens
    },
    data: `${length} over what stage "${stage.from}" will keep of ${suite.rows.length} problems`,
    prompts,
    async begin() {
      recipe ??= await load()
      return recipe.data
    },
    step: (step) => begun().step(step),
    probe: (probe) => begun().probe(probe),
  }
}

async function answeredRows(stage: SftStage, suite: Suite, { answers, cache, goesOn, write }: LearnOptions): Promise<Suite> {
  const kept = goesOn ? await readCache(cache) : undefined
  if (kept) return { ...suite, rows: kept.rows }
  const file = join(answers, fileOf(stage))
  const responses = await readKept(file, stage)
  const rows = suite.rows.flatMap((row) =>
    (responses.get(varsKey(row.vars)) ?? []).map((response) => ({ ...row, vars: { ...row.vars, [RESPONSE]: response } })),
  )
  if (rows.length === 0) {
    const [known] = responses.keys()
    const seen = suite.rows[0] ? varsKey(suite.rows[0].vars) : 'none'
    const why =
      responses.size === 0
        ? 'nothing was kept. Look at why in README.md beside it'
        : `no row of ${suite.file} has the vars of a kept answer. Its first has ${seen.slice(0, 200)}, the first answer ${known.slice(0, 200)}. Give it the same tests, or leave "suite" out`
    throw new ConfigError(`Stage "${stage.name}" has nothing to learn from ${file}: ${why}.`)
  }
  const answered = { ...suite, rows }
  if (write) await writeCache(cache, answered)
  return answered
}

const fileOf = ({ tags }: SftStage): string => (tags === 'removed' ? TAG_FREE_FILE : KEPT_FILE)

/** By the vars of their rows. */
async function readKept(file: string, { name, from }: SftStage): Promise<Map<string, string[]>> {
  if (!existsSync(file)) {
    throw new ConfigError(
      `Stage "${name}" learns what stage "${from}" kept, in ${file}, which is not there yet. Run stage "${from}" first.`,
    )
  }
  const found = new Map<string, string[]>()
  let number = 0
  const damaged = (why: string) => new ConfigError(`Line ${number} of ${file} ${why}. Restore the file, or remove the line.`)
  for await (const { text } of lines(file)) {
    number += 1
    if (text === '') continue
    const { vars } = parsed(text, (why) => damaged(`is ${why}`))
    if (!isObject(vars)) throw damaged('has no vars')
    const response = plainVars(vars)[RESPONSE]
    if (typeof response !== 'string') throw damaged(`has no text in "${RESPONSE}"`)
    const key = varsKey(vars)
    found.set(key, [...(found.get(key) ?? []), response])
  }
  return found
}
