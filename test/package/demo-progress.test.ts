import { expect, it, vi } from 'vitest'

it('tells of an eval by a line every fifteen seconds, where promptfoo draws no bar', async () => {
  vi.useFakeTimers({ now: 0 })
  const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  try {
    const { afterEach } = await import('../../scripts/demo-progress.mjs')
    for (let second = 0; second < 40; second++) {
      vi.advanceTimersByTime(1000)
      afterEach()
    }
    expect(told.mock.calls.map(([text]) => text)).toEqual(['15 answers after 15 s\n', '30 answers after 30 s\n'])
  } finally {
    vi.useRealTimers()
    told.mockRestore()
  }
})
