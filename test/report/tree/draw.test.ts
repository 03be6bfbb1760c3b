import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { plain } from '../../../src/plain.ts'
import { partsOf } from '../../../src/report/page/payload.ts'
import { drawTree } from '../../../src/report/tree/draw.ts'

const RESPONSE = 'before<Parallel><Path>one plus one is two</Path><Path>two</Path></Parallel>\n<Summary>both say two</Summary>after'
const draw = (text: string, width: number) => drawTree(partsOf(text), { width, color: false })

describe('the tree', () => {
  it('has the paths in columns where they fit', () => {
    expect(draw(RESPONSE, 41)).toBe(
      [
        'before',
        '┌ Path 1 ───────────┬ Path 2 ───────────┐',
        '│ one plus one is   │ two               │',
        '│ two               │                   │',
        '├───────────────────┴───────────────────┘',
        '╰ Summary',
        '  both say two',
        'after',
      ].join('\n'),
    )
  })

  it('has them below each other where they do not', () => {
    expect(draw(RESPONSE, 30)).toBe(
      ['before', '├ Path 1', '│ one plus one is two', '├ Path 2', '│ two', '╰ Summary', '  both say two', 'after'].join('\n'),
    )
  })

  it('has what named a path in front of it', () => {
    const planned = RESPONSE.replace('<Parallel>', '<Parallel><Outline>by adding</Outline><Outline>known</Outline>')
    expect(draw(planned, 41)).toContain('│ → by adding       │ → known           │\n│ one plus one is   │ two               │')
    expect(draw(planned, 30)).toContain('├ Path 1\n│ → by adding\n│ one plus one is two\n├ Path 2\n│ → known\n│ two')
  })

  it('keeps to the width, with wide characters and words that are too long', () => {
    const wide = `<Parallel><Path>${'漢字かな'.repeat(20)}</Path><Path>${'x'.repeat(90)} 👩‍👩‍👧 é</Path></Parallel>\n<Summary>${'答'.repeat(50)}</Summary>`
    for (const width of [20, 39, 40, 60, 80]) {
      const widths = draw(wide, width)
        .split('\n')
        .map((line) => stringWidth(line))
      expect(Math.max(...widths)).toBeLessThanOrEqual(width)
    }
    const boxes = draw(wide, 60)
      .split('\n')
      .filter((line) => line.startsWith('│'))
    expect(new Set(boxes.map((line) => stringWidth(line))).size).toBe(1)
  })

  it('marks the paths that come to the answer, in colour where there is any', () => {
    const part = {
      paths: [
        { text: 'a', tokens: 4, reaches: true as const },
        { text: 'b', tokens: 5 },
      ],
    }
    expect(drawTree([part], { width: 50, color: false })).toContain('Path 1, 4 tokens ✓')
    expect(drawTree([part], { width: 50, color: true })).toContain('\x1b[32m')
  })

  it('lets no control of the text reach the terminal', () => {
    const hostile = 'a\x1b[2J\x1b]0;title\x07b\rc\x7f\x9b31m\u202ed\ud800 \t.'
    expect(plain(hostile)).toBe('a␛[2J␛]0;title␇b␍c␡\ufffd31m\ufffdd\ufffd   .')
    expect(draw(`<Parallel><Path>${hostile}</Path><Path>x</Path></Parallel>\n<Summary>${hostile}</Summary>`, 60)).not.toMatch(
      /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/,
    )
  })
})
