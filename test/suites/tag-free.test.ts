import { describe, expect, it } from 'vitest'
import { coldStartParallel } from '../../suites/countdown/data.ts'
import { leaksOfRows } from '../../suites/countdown/leaks.ts'
import { coldStartTagFree, withoutTags } from '../../suites/countdown/tag-free.ts'
import { loaderConfig } from './suite.ts'

describe('the tag-free control', () => {
  it('takes the tags out and leaves every word, a path and a summary a line', () => {
    const text =
      '<Parallel><Path>11 * 5 = 55 no</Path><Path>11 + 5 = 16 yes</Path></Parallel>\n<Summary>11 + 5 = 16</Summary>\nFinal Answer: 11 + 5 = 16'
    expect(withoutTags(text)).toBe('11 * 5 = 55 no\n11 + 5 = 16 yes\n11 + 5 = 16\nFinal Answer: 11 + 5 = 16')
    expect(withoutTags('no tags\nat all')).toBe('no tags\nat all')
  })

  it('has the rows of the parallel cold start, word for word', () => {
    const config = { ...loaderConfig('cold-start.parallel-10.yaml'), count: 40 }
    const [plain, tagged] = [coldStartTagFree(config), coldStartParallel(config)]
    const words = (text: string) =>
      text
        .replace(/<\/?\w+>/g, ' ')
        .split(/\s+/)
        .filter(Boolean)
    expect(plain).toHaveLength(40)
    for (const [i, { vars }] of plain.entries()) {
      const { trajectories, ...rest } = vars
      const { trajectories: texts, ...same } = tagged[i].vars
      expect(rest).toEqual(same)
      expect(trajectories!.map(words)).toEqual(texts!.map(words))
      expect(trajectories!.join('')).not.toContain('<')
    }
    expect(leaksOfRows(plain).leaks).toEqual([])
  })
})
