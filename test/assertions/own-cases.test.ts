import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { mathAnswer } from '../../src/assertions/math-answer.ts'
import { fastest } from './cpu-time.ts'

interface Case {
  category: string
  kind: 'pair' | 'output'
  gold: string
  /** The problem, where the case passes it on. */
  question?: string
  pred?: string
  pred_parts?: [string, number][]
  expected: boolean
}

const MAX_MS = 100

const folder = new URL('cases/', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'))

/** Our own cases, in the form of the public ones; every verdict in them holds, so none may be wrong. */
describe.each(files)('our cases in %s', (file) => {
  const lines = readFileSync(new URL(file, folder), 'utf8').trim().split('\n')
  const cases = lines.map((line) => JSON.parse(line) as Case)
  const outputOf = ({ pred, pred_parts: parts = [] }: Case): string => pred ?? parts.map(([text, times]) => text.repeat(times)).join('')
  const grade = (one: Case) =>
    mathAnswer(outputOf(one), {
      vars: { answer: one.gold, ...(one.question === undefined ? {} : { problem: one.question }) },
      config: { extract: one.kind === 'pair' ? 'whole' : 'auto' },
    })

  it('are all graded as they should be', () => {
    const wrong = cases.filter((one) => grade(one).pass !== one.expected)
    expect(wrong.map((one) => [one.category, one.gold, outputOf(one).slice(0, 200), grade(one).reason.slice(0, 300)])).toEqual([])
  })

  it('take no longer than they may', () => {
    const slow = cases.map((one) => ({ one, ms: fastest(() => grade(one), MAX_MS / 2) })).filter(({ ms }) => ms > MAX_MS)
    expect(slow.map(({ one, ms }) => `${one.gold} | ${outputOf(one).slice(0, 60)} | ${ms}`)).toEqual([])
  })
})
