import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { locatedIn } from '../../src/grading/references.ts'

describe('locatedIn', () => {
  it('makes the paths absolute that promptfoo reads, and nothing else', () => {
    const fields = {
      type: 'python',
      metric: 'file://metric',
      value: 'file://grade.py:has',
      transform: 'file://sub/../cut.mjs:first',
      provider: { id: 'file://judge.mjs', config: { tools: ['file://tools.json', 'plain'] } },
      config: { text: 'file://data' },
    }
    expect(locatedIn('/suite', fields)).toEqual({
      ...fields,
      value: 'file:///suite/grade.py:has',
      transform: 'file:///suite/cut.mjs:first',
      provider: { id: 'file:///suite/judge.mjs', config: { tools: ['file:///suite/tools.json', 'plain'] } },
    })
    expect(locatedIn('/suite', { value: ['file://a.txt', 'b'] })).toEqual({ value: ['file:///suite/a.txt', 'b'] })
    for (const value of ['file:///there/grade.py', 'package:a:b', 'output.length', { const: 'file://data' }, undefined]) {
      expect(locatedIn('/suite', { value })).toEqual({ value })
    }
  })

  it('is relative where the folder has a colon in its name, and refuses one that the command does not run in', () => {
    const home = process.cwd()
    const folder = mkdtempSync(path.join(tmpdir(), 'pr1-a:b-'))
    const grader = { value: 'file://grade.py:has' }
    expect(() => locatedIn(folder, grader)).toThrow(/follows a colon.*Got file:\/\/grade\.py:has in the folder .*a:b/)
    process.chdir(folder)
    try {
      expect(locatedIn(process.cwd(), grader)).toEqual({ value: 'file://grade.py:has' })
    } finally {
      process.chdir(home)
    }
  })
})
