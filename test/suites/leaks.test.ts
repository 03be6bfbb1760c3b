import { describe, expect, it } from 'vitest'
import { leaksIn, leaksOfRows, RL_STAGES, rlRows, rowsOf, SFT_STAGES, sharedNumbers, solvedBy } from '../../suites/countdown/leaks.ts'
import { solve } from '../../suites/countdown/moves.ts'
import { allTries, writeChain } from '../../suites/countdown/trajectories.ts'
import { inProofs } from '../proofs.ts'
import { committedTests } from './suite.ts'

/** Of every stage: all rows in the proofs, each so-many-th otherwise. */
const EVERY = inProofs ? 1 : 10

const tests = [...committedTests('easy'), ...committedTests('hard')].map(({ vars }) => ({
  numbers: vars.numbers.split(' ').map(Number),
  target: vars.target,
}))

describe('leaks', () => {
  it('are found where a chain solves a test problem, from its first move on or from a later one, in whatever order of the numbers', () => {
    expect(solvedBy('11 - 1 = 10, 10 + 5 = 15')).toEqual([
      { numbers: [11, 1, 5], target: 15 },
      { numbers: [10, 5], target: 15 },
    ])
    expect(solvedBy('2 + 9 = 11, 11 - 1 = 10, 10 + 5 = 15').map(({ numbers }) => numbers)).toEqual([
      [2, 9, 1, 5],
      [11, 1, 5],
      [10, 5],
    ])
    // Its two halves meet in the last move.
    expect(solvedBy('2 * 3 = 6, 4 + 5 = 9, 9 - 6 = 3')).toEqual([
      { numbers: [2, 3, 4, 5], target: 3 },
      { numbers: [4, 5, 6], target: 3 },
      { numbers: [9, 6], target: 3 },
    ])
  })

  it('are the solutions of every committed test problem, wherever they stand in a text', () => {
    for (const { numbers, target } of tests) {
      // Written without the gate that keeps them out of training.
      expect(allTries({ numbers, target }).filter(({ hit }) => hit)).toEqual([])
      const text = `<Path>1 + 1 = 2 no</Path><Path>${writeChain(solve(numbers, target)!)} yes</Path>`
      expect(leaksIn(text).leaks, text).toHaveLength(1)
    }
  })

  it.each(SFT_STAGES)('are none in %s', (stage) => {
    const rows = rowsOf(stage).filter((_, i) => i % EVERY === 0)
    const { chains, leaks } = leaksOfRows(rows)
    expect(chains).toBeGreaterThan(rows.length)
    expect(leaks).toEqual([])
  })

  it.each(RL_STAGES)('are none in %s, and no problem has the numbers of a test problem', (stage) => {
    const rows = rlRows(stage)
    expect(leaksOfRows(rows).leaks).toEqual([])
    expect(sharedNumbers(rows)).toEqual([])
  })
})
