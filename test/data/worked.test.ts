import { describe, expect, it, vi } from 'vitest'
import { gsm8kWorked } from '../../src/data/loaders.ts'
import type { Problem } from '../../src/data/problem.ts'
import { workedTraces } from '../../src/data/worked.ts'
import { parseThinking } from '../../src/thinking/grammar.ts'
import { sharedPath } from '../shared.ts'

const problem = (solution: string, answer: string): Problem => ({ id: 'x', problem: 'How many?', answer, solution })
const clips = problem('In April 48/2 = <<48/2=24>>24 clips.\nIn all 48+24 = <<48+24 = 72>>72.\n#### 72', '72')

describe('responses from worked solutions', () => {
  it('stand in one block of two paths, in words and in equations', () => {
    const [{ trace }] = workedTraces([clips], { form: 'parallel' })
    expect(trace).toBe(
      '<Parallel><Path>In April 48/2 = 24 clips.\nIn all 48+24 = 72.</Path><Path>48/2=24\n48+24=72</Path></Parallel>\n<Summary>In words 72, in numbers 72, so it is 72.</Summary>\nFinal Answer: 72',
    )
    expect(parseThinking(trace!).violations).toEqual([])
  })

  it('have beginnings of their own in both paths, where they are asked for', () => {
    const [{ trace }] = workedTraces([clips], { form: 'parallel', pathStarts: ['In words:\n', 'In numbers:\n'] })
    expect(trace).toContain('<Path>In words:\nIn April 48/2')
    expect(trace).toContain('<Path>In numbers:\n48/2=24')
  })

  it('refuse beginnings of one path only', async () => {
    await expect(gsm8kWorked({ pathStarts: ['In words: '] })).rejects.toThrow(
      '"pathStarts" in the loader config of gsm8kWorked must be two texts, of the path in words and of the one in equations.',
    )
  })

  it('are the words alone in the sequential form', () => {
    expect(workedTraces([clips], { form: 'sequential' })[0].trace).toBe('In April 48/2 = 24 clips.\nIn all 48+24 = 72.\nFinal Answer: 72')
  })

  it('leave out what would teach a wrong end, has no calculation or too many', () => {
    const other = problem('It is 2+2 = <<2+2=4>>4, so the fifth is 5.\n#### 5', '5')
    expect(workedTraces([other, problem('It is five.\n#### 5', '5')], { form: 'parallel' })).toEqual([])
    expect(workedTraces([clips], { form: 'parallel', maxSteps: 1 })).toEqual([])
    expect(workedTraces([problem('10*100=<<10*100=1000>>1,000\n#### 1,000', '1,000')], { form: 'parallel' })).toHaveLength(1)
  })

  it('refuse a form that there is not', async () => {
    await expect(gsm8kWorked({ form: 'both' })).rejects.toThrow(
      '"form" in the loader config of gsm8kWorked must be parallel or sequential.',
    )
  })

  describe.skipIf(!sharedPath('data/gsm8k_train.jsonl'))('of GSM8K train', () => {
    it('are well-formed, all of them, and hold no annotation', async () => {
      vi.stubEnv('PR1_DATA', sharedPath('data')!)
      const rows = await gsm8kWorked({ maxSteps: 3 })
      vi.unstubAllEnvs()
      const traces = rows.map(({ vars }) => String(vars.trace))
      expect(traces.length).toBeGreaterThan(4000)
      expect(traces.filter((trace) => trace.includes('<<') || parseThinking(trace).violations.length > 0)).toEqual([])
    })
  })
})
