/** Reference answers, read once: all samples of a group, and all rules of one comparison, use the same reading. */

import { type Choice, lettered, singleLetter } from './claims/choice.ts'
import type { Expected } from './claims/expected.ts'
import { isRealSetOnly } from './equality/sets.ts'
import { variables } from './equality/values.ts'
import type { Answer } from './node.ts'
import { labelledParts } from './reading/labelled-parts.ts'
import { matchesOf } from './reading/matches.ts'
import { readProblem } from './reading/problem.ts'
import { readAnswer, readDecimalComma } from './reading/read.ts'
import { Recent } from './reading/recent.ts'
import { isTime } from './reading/times.ts'
import { ordinalInWords } from './reading/words.ts'

/** How many references are kept read. */
const kept = new Recent<Reference>(256)

/** Whether an answer equals a reference, and why. */
export interface Verdict {
  pass: boolean
  type: string
  rule: string
}

interface Findings {
  problem?: string
  letter?: string
  option?: Required<Choice>
  decimal?: Answer
  parts?: ReadonlyMap<string, string>
}

/** A reference and what was read from it, each part when it is first asked for. */
export class Reference {
  readonly text: string
  /** Of answers under the default policy: samples of a group often say the same. */
  readonly verdicts = new Recent<Verdict>(16)
  private reading: Answer | undefined
  private sought: Expected | undefined
  private readonly found: Findings = {}

  constructor(text: string) {
    this.text = text
  }

  get answer(): Answer {
    this.reading ??= readAnswer(this.text)
    return this.reading
  }

  /** Why it can't be read; undefined where it can. */
  get problem(): string | undefined {
    return this.once('problem', readProblem)
  }

  /** The letter it consists of: B, (B), \textbf{(B)}. */
  get letter(): string | undefined {
    return this.once('letter', singleLetter)
  }

  /** The choice it names with its letter and its text: (E) 25. */
  get option(): Required<Choice> | undefined {
    return this.once('option', lettered)
  }

  /** Its reading with a decimal comma. */
  get decimal(): Answer | undefined {
    return this.once('decimal', readDecimalComma)
  }

  /** Its parts by their names: centre (3, -1), radius 2. */
  get parts(): ReadonlyMap<string, string> | undefined {
    return this.once('parts', labelledParts)
  }

  /** What extraction has to know of it. */
  get expected(): Expected {
    this.sought ??= {
      kind: expectedKind(this.answer),
      factorial: this.text.includes('!'),
      bare: this.answer.kind === 'expression' && this.answer.unit === undefined && this.answer.either === undefined,
      names: namesIn(this.answer),
      parts: partsIn(this.text),
      labels: this.parts && [...this.parts.keys()],
      entries: entriesIn(this.answer),
      ordinal: /^\W{0,4}\d{1,4}\s?(?:st|nd|rd|th)\W{0,4}$/i.test(this.text) || ordinalInWords(this.text) !== undefined,
      bounds: isRealSetOnly(this.answer) || (this.answer.kind === 'tuple' && this.answer.items.length === 2),
      equation: isEquation(this.answer),
      ratio: this.answer.kind === 'ratio' && !isTime(this.text),
      time: isTime(this.text),
      polar: /^\W{0,8}(?:yes|no)\W{0,4}$/i.test(this.text),
    }
    return this.sought
  }

  private once<K extends keyof Findings>(key: K, read: (text: string) => Findings[K]): Findings[K] {
    if (!(key in this.found)) this.found[key] = read(this.text)
    return this.found[key]
  }
}

/** y = 2x + 1, and not x = 4. */
const isEquation = (answer: Answer): boolean =>
  answer.kind === 'relation' &&
  answer.sides.length === 2 &&
  variables(answer.sides.flatMap((side) => (side.kind === 'expression' ? [side.node] : []))).length > 1

/** The letters of x = 4, y = -3. */
function namesIn(answer: Answer): string[] | undefined {
  if (answer.kind !== 'list' || answer.items.length > 4) return undefined
  const names = answer.items.map((item) =>
    item.kind === 'relation' && item.ops.join() === '=' && /^[a-z]$/.test(item.sides[0].key) ? item.sides[0].key : '',
  )
  return names.length > 1 && !names.includes('') && new Set(names).size === names.length ? names : undefined
}

/** How many parts a list or a point has. */
function entriesIn(answer: Answer): Expected['entries'] {
  if (isSigned(answer)) return { count: 2, ordered: false }
  if (answer.kind === 'list' || answer.kind === 'set')
    return answer.items.length > 1 ? { count: answer.items.length, ordered: false } : undefined
  return answer.kind === 'tuple' && answer.open === '(' && answer.close === ')' ? { count: answer.items.length, ordered: true } : undefined
}

/** a and b of "(a) 12; (b) 18". */
function partsIn(text: string): string[] | undefined {
  const letters = /^\s*\(?a\)/.test(text) ? matchesOf(text, /(?:^|[;,\s])\(?([a-d])\)[\s:]/g).map(([, letter]) => letter) : []
  return letters.length > 1 && letters.every((letter, i) => letter === 'abcd'[i]) ? letters : undefined
}

/** ±(1, 2) */
const isSigned = (answer: Answer): boolean => (answer.kind === 'tuple' || answer.kind === 'matrix') && answer.together === true

function expectedKind(answer: Answer): Expected['kind'] {
  if (isSigned(answer)) return 'list'
  if (answer.kind === 'logic') return answer.op === 'or' ? 'list' : 'other'
  return answer.kind === 'list' || answer.kind === 'set' ? 'list' : answer.kind === 'text' ? 'text' : 'other'
}

/** The reference with this text. */
export const referenceOf = (text: string): Reference => kept.of(text, (of) => new Reference(of))
