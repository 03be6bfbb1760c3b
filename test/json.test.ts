import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseProblems } from '../src/data/problem.ts'
import { readJsonIfPresent } from '../src/engine/checkpoint/files.ts'
import { parseJson } from '../src/json.ts'
import { readResults } from '../src/report/rows.ts'

const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}${']}'.repeat(depth / 2)}`
const folder = mkdtempSync(path.join(tmpdir(), 'pr1-json-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('parseJson', () => {
  it('takes what is nested as usual', () => {
    const text = '{"a":[1,{"b":null,"__proto__":"c"}],"d":"x"}'
    expect(JSON.stringify(parseJson(text))).toBe(text)
    expect(parseJson('3')).toBe(3)
    expect(() => parseJson(nested(500))).not.toThrow()
  })

  it('refuses what is nested deeper', () => {
    expect(() => parseJson(nested(502))).toThrow(SyntaxError)
  })
})

describe('a file that is nested too deep is named', () => {
  const file = path.join(folder, 'deep.json')
  writeFileSync(file, nested(1000))
  it.each<[string, () => unknown]>([
    ['in a checkpoint', () => readJsonIfPresent(file)],
    ['of results', () => readResults(file)],
    ['of problems', () => parseProblems(nested(1000), file)],
  ])('%s', (_, read) => {
    expect(read).toThrow(/deep\.json.*nested more than 500 deep/)
  })
})
