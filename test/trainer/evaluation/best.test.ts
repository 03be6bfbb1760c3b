import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  afterEvaluation,
  type Best,
  endStage,
  endsEarly,
  isBetter,
  isDue,
  NOTHING_EVALUATED,
  refuseEnded,
  timesDue,
} from '../../../src/trainer/evaluation/best.ts'

const found = (value: number, step: number, mode: Best['mode'] = 'max'): Best => ({
  of: 'sums.answer',
  mode,
  value,
  stage: 'rl',
  step,
  total: step,
})

describe('the best', () => {
  it('is the first of the highest, or the lowest, and never what is no number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(0, 0.5, 1), fc.constant(Number.NaN)), { minLength: 1, maxLength: 9 }),
        fc.constantFrom<Best['mode']>('max', 'min'),
        (values, mode) => {
          const state = values.reduce((before, value, step) => afterEvaluation(before, found(value, step, mode)), NOTHING_EVALUATED)
          const numbers = values.filter((value) => !Number.isNaN(value))
          if (numbers.length === 0) {
            expect(state.best).toBeUndefined()
            return
          }
          const wanted = mode === 'max' ? Math.max(...numbers) : Math.min(...numbers)
          expect(state.best).toEqual(found(wanted, values.indexOf(wanted), mode))
          // The one before the first step is no try that failed.
          expect(state.waited).toBe(values.length - 1 - Math.max(0, values.indexOf(wanted)))
        },
      ),
    )
    expect(isBetter(Number.POSITIVE_INFINITY, 'max')).toBe(false)
  })

  it('ends a stage after so many without a better one, which then cannot be lengthened', () => {
    const values = [0.2, 0.4, 0.3, 0.4]
    const states = values.map((_, i) =>
      values.slice(0, i + 1).reduce((before, value, k) => afterEvaluation(before, found(value, 5 * k)), NOTHING_EVALUATED),
    )
    expect(states.map((state) => endsEarly(state, { patience: 2 }))).toEqual([false, false, false, true])
    expect(endsEarly(states[3], {})).toBe(false)
    expect(endsEarly(undefined, { patience: 1 })).toBe(false)
    const ended = endStage(states[3], { stage: 1, step: 15 })
    expect(ended).toEqual({ at: {}, waited: 0, best: found(0.4, 5), ended: { stage: 1, step: 15 } })
    expect(() => refuseEnded({ evaluation: ended }, 1, 'rl')).toThrow(/Stage "rl" was ended by its patience after step 15/)
    expect(() => refuseEnded({ evaluation: endStage(ended) }, 1, 'rl')).not.toThrow()
  })
})

describe('the times of evaluation', () => {
  it('are before the first step, every so many, and after the last', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }), (steps, every) => {
        const due = Array.from({ length: steps + 1 }, (_, step) => step).filter((step) => isDue(every, step, steps))
        expect(due.length).toBe(timesDue(every, steps))
        expect([due[0], due.at(-1)]).toEqual([0, steps])
        if (every) expect(due.slice(0, -1).every((step) => step % every === 0)).toBe(true)
      }),
    )
  })
})
