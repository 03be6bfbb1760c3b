/** Whether a row can be scored, told before its first token is sampled. */

import * as own from '../assertions/index.ts'
import { ConfigError } from '../engine/errors.ts'
import { functionBehind, type GraderFunction, isReference, type ReferenceOptions, type SuiteAssertion } from './references.ts'

const OWN = new Set<unknown>(Object.values(own))

/** What an assertion of this package may read of a response, for one that is not there yet. */
const NO_RESPONSE = { metadata: { totalTokens: 0, criticalPathTokens: 0 } }

/** Looks at the assertions of rows; each reference is loaded once. */
export class ScorableCheck {
  readonly #options: ReferenceOptions
  readonly #functions = new Map<string, Promise<GraderFunction | undefined>>()

  constructor(options: ReferenceOptions) {
    this.#options = options
  }

  /**
   * Throws ConfigError where an assertion refers to nothing, and where one of this package has a wrong config or misses a variable: it then
   * throws for an empty response as it would for any. A row without assertions is none of its business.
   */
  async check(assertions: readonly SuiteAssertion[], vars: object): Promise<void> {
    for (const { type, value, config, assert, transform, contextTransform } of assertions) {
      if (assert) await this.check(assert, vars)
      await this.checkTransforms(transform, contextTransform)
      if (!isReference(value)) continue
      const grade = await this.functionBehind(value)
      if (grade && OWN.has(grade) && /^(not-)?javascript$/.test(type)) probe(grade, { ...NO_RESPONSE, vars, config })
    }
  }

  /** Throws ConfigError where a `transform` refers to nothing. What is no reference is code. */
  async checkTransforms(...transforms: readonly unknown[]): Promise<void> {
    for (const transform of transforms) if (isReference(transform)) await this.functionBehind(transform, 'transform')
  }

  /** The function behind a reference, as {@link functionBehind}. */
  functionBehind(reference: string, kind?: 'transform'): Promise<GraderFunction | undefined> {
    const key = `${kind} ${reference}`
    const known = this.#functions.get(key) ?? functionBehind(reference, this.#options, kind)
    this.#functions.set(key, known)
    return known
  }
}

function probe(grade: GraderFunction, context: object): void {
  try {
    grade('', context)
  } catch (error) {
    if (error instanceof ConfigError) throw error
  }
}
