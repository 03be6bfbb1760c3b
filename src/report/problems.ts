/**
 * Which rows ask the same problem. A problem is its text and its reference. Copies of it, which differ in an id or the like, are no further
 * problems: the model reads the same, so their samples are as alike as repeats.
 */

import { templateNames } from '../template-names.ts'
import { type Fields, fields, list, type Results, type Row, text } from './rows.ts'

export interface Problem {
  /** Of its first row. */
  vars: Fields
  prompt: string
}

/** How many tests of a column ask how many problems; where every test asks another, there are no copies. */
export interface Copies {
  tests: number
  problems: number
}

/** Where a row belongs. */
interface Place {
  /** Index of the problem. */
  problem: number
  /** Number of the test: rows of one test have the same variables. */
  test: number
}

/** Vars that usually hold the text of the problem. */
const QUESTIONS = ['problem', 'question', 'input', 'prompt', 'query']
/** Vars that usually hold the reference, or belong to it. */
const REFERENCES = ['answer', 'reference', 'expected', 'target', 'numbers']

/** Text of the problem in the variables of a test. */
export function questionOf(vars: Fields): string | undefined {
  return QUESTIONS.map((name) => textOf(vars[name])).find((value) => value?.trim())
}

/** Finds the problems of all rows. Tests are of one problem where some prompt reads the same in both and is held against the same reference. */
export class Problems {
  readonly all: Problem[] = []
  readonly #tests = new Map<string, number>()
  /** By test: another of the same problem, or itself. */
  readonly #same: number[] = []
  readonly #problemOf = new Map<number, number>()

  constructor(results: readonly Results[]) {
    const byText = new Map<string, number>()
    for (const { rows } of results) {
      const telling = tellingPrompts(rows)
      const known = new Set<string>()
      for (const row of rows) {
        const test = this.#testOf(row.vars)
        const prompt = promptOf(row)
        const once = `${test} ${row.promptIdx} ${prompt}`
        if (known.has(once)) continue
        known.add(once)
        const question = questionOf(row.vars)
        // One prompt for every test says nothing of the problem: the provider reads the variables.
        if (question === undefined && !telling.has(row.promptIdx)) continue
        const key = JSON.stringify([even(prompt), even(question ?? ''), referenceOf(row)])
        const other = byText.get(key)
        if (other === undefined) byText.set(key, test)
        else this.#same[this.#first(test)] = this.#first(other)
      }
    }
  }

  /** The place of a row; problems are numbered in the order of the calls. */
  place(row: Row): Place {
    const test = this.#testOf(row.vars)
    const first = this.#first(test)
    let problem = this.#problemOf.get(first)
    if (problem === undefined) {
      problem = this.all.push({ vars: row.vars, prompt: promptOf(row) }) - 1
      this.#problemOf.set(first, problem)
    }
    return { problem, test }
  }

  #testOf(vars: Fields): number {
    // promptfoo's own, such as _conversation, begin with an underscore.
    const names = Object.keys(vars).filter((name) => !name.startsWith('_'))
    const key = JSON.stringify(names.sort().map((name) => [name, vars[name]]))
    let test = this.#tests.get(key)
    if (test === undefined) {
      test = this.#tests.size
      this.#tests.set(key, test)
      this.#same.push(test)
    }
    return test
  }

  #first(test: number): number {
    let at = test
    while (this.#same[at] !== at) {
      this.#same[at] = this.#same[this.#same[at]]
      at = this.#same[at]
    }
    return at
  }
}

/** One sentence where tests are copies of a problem; undefined where there are none. */
export function describeCopies({ copies }: { copies?: Copies }): string | undefined {
  return copies && `${copies.tests} tests ask ${copies.problems} problems: those with the same text and reference count as samples of one.`
}

const promptOf = (row: Row): string => text(fields(row.prompt).raw) ?? ''

/** Prompts (`promptIdx`) that are not the same for all rows. */
function tellingPrompts(rows: readonly Row[]): Set<number> {
  const seen = new Map<number, string>()
  const telling = new Set<number>()
  for (const row of rows) {
    const prompt = promptOf(row)
    if (prompt !== (seen.get(row.promptIdx) ?? prompt)) telling.add(row.promptIdx)
    seen.set(row.promptIdx, prompt)
  }
  return telling
}

/** What an answer is held against: the assertions as they are written, and the variables that they name or that usually hold it. */
function referenceOf({ testCase, vars }: Row): unknown {
  const assertions = assertionsOf(fields(testCase).assert)
  const written = assertions.flatMap(({ value, config }) => [text(value) ?? '', JSON.stringify(config ?? '')])
  const named = written.flatMap((one) => [...templateNames(one), ...[...one.matchAll(/\bvars\W{1,4}(\w+)/g)].map(([, name]) => name)])
  const names = [...new Set([...REFERENCES, ...named])].filter((name) => Object.hasOwn(vars, name)).sort()
  return [assertions.map(({ type, value, config }) => [type, value, config]), names.map((name) => [name, evenValue(vars[name])])]
}

function assertionsOf(assertions: unknown): Fields[] {
  return list(assertions)
    .map(fields)
    .flatMap((one) => (one.assert === undefined ? [one] : assertionsOf(one.assert)))
}

/** A variable's text; a list of one text is that text (see gate/verbatim.ts). */
const textOf = (value: unknown): string | undefined => text(Array.isArray(value) && value.length === 1 ? value[0] : value)

/** Line breaks and blanks make no other problem. */
const even = (value: string): string => value.normalize('NFC').replace(/\s+/g, ' ').trim()

function evenValue(value: unknown): unknown {
  const one = textOf(value) ?? value
  return typeof one === 'string' || typeof one === 'number' ? even(String(one)) : one
}
