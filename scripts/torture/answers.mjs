// Rows answered by the provider in a process of its own (test/store/rows.ts), with a sample store that may be shared, disturbed or gone.

import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { writeTinyCheckpoint } from '../../test/providers/tiny-checkpoint.ts'
import { root, runNode } from './programs.mjs'

const PROMPTS = 30
const REPEATS = 3

export class Answers {
  #checkpoint
  #expected

  constructor(checkpoint, store) {
    this.#checkpoint = checkpoint
    /** Folder of the store. */
    this.store = store
  }

  /** Answers all rows once, in `folder`. */
  static async prepare(folder) {
    const answers = new Answers(path.join(folder, 'model'), path.join(folder, 'samples'))
    await writeTinyCheckpoint(answers.#checkpoint)
    const ended = await answers.run()
    if (ended.code !== 0) throw new Error(`the undisturbed rows ended with code ${ended.code}\n${ended.errors}`)
    answers.#expected = new Map(responses(ended).map(({ row, rest }) => [row, rest]))
    return answers
  }

  get checkpoint() {
    return this.#checkpoint
  }

  begin() {
    rmSync(this.store, { recursive: true, force: true })
  }

  /** Answers the rows; see runNode. */
  run(options = {}) {
    const args = ['--import', 'tsx', path.join(root, 'test/store/rows.ts'), this.#checkpoint, path.join(this.store, 'samples.db')]
    return runNode([...args, String(PROMPTS), String(REPEATS)], { ...options, env: { ...options.env, PR1_SAMPLES: '' } })
  }

  /** What differs from the undisturbed answers; undefined: nothing. `whole`: all rows must be there. */
  difference(ended, whole) {
    const found = responses(ended)
    for (const { row, rest } of found) if (!isDeepStrictEqual(rest, this.#expected.get(row))) return `row ${row} has another response`
    return whole && found.length !== this.#expected.size ? `${found.length} of ${this.#expected.size} rows` : undefined
  }

  /** Rows that did not come from the store. */
  drawn(ended) {
    return responses(ended).filter(({ cached }) => !cached).length
  }

  /** Stores that were given up for damage. */
  setAside() {
    return readdirSync(this.store).filter((name) => name.includes('damaged'))
  }
}

/** What depends on where a sample came from is no part of it. A killed process leaves half a line. */
function responses({ output }) {
  const lines = output.split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line)).map(({ row, response: { cached, tokenUsage, ...rest } }) => ({ row, cached, rest }))
}
