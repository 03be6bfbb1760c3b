import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StopWatch } from '../../../src/serve/text/stop.ts'

function watched(stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } {
  const watch = new StopWatch(stops)
  let text = ''
  for (const piece of pieces) {
    const told = watch.push(piece)
    text += told.text
    if (told.stopped) return { text, stopped: true }
  }
  return { text: text + watch.end(), stopped: false }
}

describe('a stop', () => {
  it('ends a text before it, wherever the text is cut, and never tells a part of it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'ab', 'ba', 'c')),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 }),
        (pieces, stop) => {
          const text = pieces.join('')
          const at = text.indexOf(stop)
          expect(watched([stop], pieces)).toEqual(at < 0 ? { text, stopped: false } : { text: text.slice(0, at), stopped: true })
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('is the first of several, and one character of each may be kept back', () => {
    expect(watched(['xyz', 'b'], ['axy', 'b'])).toEqual({ text: 'axy', stopped: true })
    expect(watched(['\n\n', 'END'], ['1\n', '2\n', '\n3'])).toEqual({ text: '1\n2', stopped: true })
    expect(watched([], ['a', 'b'])).toEqual({ text: 'ab', stopped: false })
  })
})
