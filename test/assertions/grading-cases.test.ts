import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { AssertionResult } from '../../src/assertions/grading.ts'
import { mathAnswer } from '../../src/assertions/math-answer.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { sharedPath } from '../shared.ts'
import { fastest } from './cpu-time.ts'

interface Case {
  id: string
  tier: 'core' | 'hard' | 'hostile'
  kind: 'pair' | 'output'
  gold: string
  pred?: string
  pred_parts?: [string, number][]
  expected: boolean
}

/** Least accuracy per tier, just under what is reached: it may only rise. Most false positives. Longest case. */
const FLOORS = { core: 0.999, hard: 0.97, hostile: 1 } as const
const FALSE_POSITIVES = { core: 0, hard: 0, hostile: 0 } as const
const MAX_MS = 100

/** A reference that can't be read (empty, unmatched braces, a NUL) is a configuration error, not a wrong answer. */
function outcome(run: () => AssertionResult): { pass: boolean; unreadable: boolean } {
  try {
    return { pass: run().pass, unreadable: false }
  } catch (error) {
    if (error instanceof ConfigError) return { pass: false, unreadable: true }
    throw error
  }
}

const file = sharedPath('grading/public.jsonl')

describe.skipIf(!file)('the public grading cases', () => {
  const lines = file ? readFileSync(file, 'utf8').trim().split('\n') : []
  const cases = lines.map((line) => JSON.parse(line) as Case)
  const snapshot = JSON.stringify(Object.getOwnPropertyNames(Object.prototype))
  const results = cases.map((one) => {
    const output = one.pred ?? (one.pred_parts ?? []).map(([text, times]) => text.repeat(times)).join('')
    const run = () => mathAnswer(output, { vars: { answer: one.gold }, config: { extract: one.kind === 'pair' ? 'whole' : 'auto' } })
    const result = outcome(run)
    return { one, ...result, ms: fastest(() => outcome(run), MAX_MS / 2) }
  })

  it.each(['core', 'hard', 'hostile'] as const)('reach the floor of the %s tier', (tier) => {
    const of = results.filter(({ one }) => one.tier === tier)
    expect(of.length).toBeGreaterThan(80)
    const wrong = of.filter(({ one, pass }) => pass !== one.expected)
    const accepted = wrong.filter(({ pass }) => pass).map(({ one }) => one.id)
    expect(accepted.length, `wrongly accepted: ${accepted.join(' ')}`).toBeLessThanOrEqual(FALSE_POSITIVES[tier])
    expect(1 - wrong.length / of.length, `wrong: ${wrong.map(({ one }) => one.id).join(' ')}`).toBeGreaterThanOrEqual(FLOORS[tier])
  })

  it('never break down, take no longer than they may, and leave no trace', () => {
    expect(results.filter(({ one, unreadable }) => unreadable && one.tier !== 'hostile').map(({ one }) => one.id)).toEqual([])
    expect(results.filter(({ ms }) => ms > MAX_MS).map(({ one, ms }) => `${one.id} ${ms}`)).toEqual([])
    expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype))).toBe(snapshot)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})
