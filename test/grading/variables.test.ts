import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { variableFault } from '../../src/grading/variables.ts'
import { sharedPath } from '../shared.ts'

const fromYaml = (text: string) => variableFault(parse(text) as Record<string, unknown>)

describe('a variable that a reader altered', () => {
  it('is a number that lost digits', () => {
    expect(fromYaml('answer: 12345678901234567891')).toMatch(/"answer" is a number of more digits than were kept.*Write it in quotes\./)
    expect(fromYaml('target: 9007199254740993')).toMatch(/"target"/)
    expect(fromYaml('answer: [1, 12345678901234567891]')).toMatch(/"answer"/)
    expect(fromYaml('{ answer: "12345678901234567891", target: 9007199254740991, x: -3.5 }')).toBeUndefined()
  })

  it.each(['\\frac{1}{2}', '\\beta', 'x\\times y', '\\text{even}', '\\rightarrow', '\\neq 3', '\\vec{a}', '\\alpha', '\\Lambda', '\\Pi^2'])(
    'is %s in double quotes',
    (latex) => {
      expect(fromYaml(`answer: "${latex}"`)).toContain(`probably ${/\\[A-Za-z]+/.exec(latex)![0]}. In YAML put the text into single quotes`)
      expect(fromYaml(`answer: '${latex}'`)).toBeUndefined()
      expect(fromYaml(`answer: [1, "${latex}"]`)).toContain('single quotes')
    },
  )

  it('is no line break, tab or page break before a word', () => {
    for (const answer of ['a\nb', 'x\tthe example', '1\nnot\n2\r\nmore', 'one\ftwo', '\\begin{pmatrix}\nu & v\n\\end{pmatrix}']) {
      expect(variableFault({ answer })).toBeUndefined()
    }
    expect(variableFault({ problem: 'x\frac', answer: 'y' })).toBeUndefined()
  })

  const data = sharedPath('data/math_test.jsonl')
  it.skipIf(!data)('is found in no answer of the sets', () => {
    const folder = path.dirname(data!)
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.jsonl'))) {
      const rows = readFileSync(path.join(folder, file), 'utf8').trimEnd().split('\n')
      expect(rows.map((row) => variableFault(JSON.parse(row))).filter(Boolean)).toEqual([])
    }
  })
})
