import { describe, expect, it, vi } from 'vitest'
import { equalPaths } from '../../src/providers/greedy-paths.ts'
import { warnOnce } from '../../src/providers/warn-once.ts'
import type { ThinkRequest } from '../../src/thinking/types.ts'

const request = (more: Partial<ThinkRequest>) => ({ mode: 'parallel', paths: 3, maxBlocks: 2, temperature: 0, ...more }) as ThinkRequest

describe('equal paths', () => {
  it('come of greedy decoding of several paths', () => {
    expect(equalPaths(request({}), 'local')).toMatch(/temperature: 0 makes the 3 paths .*"local".*Use temperature: 1/)
    expect(equalPaths(request({ temperature: 1, topK: 1 }), 'local')).toContain('topK: 1 makes')
  })

  it.each<Partial<ThinkRequest>>([
    { temperature: 0.1 },
    { mode: 'sequential' },
    { paths: 1 },
    { maxBlocks: 0 },
    { outlines: true },
    { pathStarts: [] },
  ])('do not with %j', (more) => {
    expect(equalPaths(request(more), 'local')).toBeUndefined()
  })
})

describe('a warning', () => {
  it('is said once for each subject and kind, on stderr where promptfoo gives no logger', () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const [one, other] = [{}, {}]
    for (let row = 0; row < 3; row++) {
      warnOnce(one, 'paths', () => 'equal', undefined)
      warnOnce(one, 'prompt', () => 'strange', undefined)
      warnOnce(other, 'paths', () => (row > 0 ? 'equal too' : undefined), undefined)
    }
    expect(write.mock.calls.flat()).toEqual(['equal', 'strange', 'equal too'].map((text) => `parallel-r1: ${text}\n`))
    write.mockRestore()
  })
})
