import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { treeCommand } from '../../../src/report/tree/command.ts'
import { row, saved } from '../synthetic.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-tree-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, content: string): string => {
  writeFileSync(path.join(folder, name), content)
  return path.join(folder, name)
}

const BLOCK = '<Parallel><Path>so 7</Path><Path>so 8</Path></Parallel>\n<Summary>seven</Summary>'
const metadata = { totalTokens: 30, criticalPathTokens: 20 }
const results = file(
  'results.json',
  saved([
    row({ problem: 1, column: 0, output: 'plain', answer: null }),
    row({ problem: 1, column: 1, output: BLOCK, right: true, answer: '7', metadata }),
    row({ problem: 2, column: 0, error: 'the engine\x1b[2J failed' }),
  ]),
)

async function run(...args: string[]): Promise<string> {
  let printed = ''
  await treeCommand(args, (text) => {
    printed += text
  })
  return printed
}

describe('pr1-tree', () => {
  it('draws a sample of results.json, first one with a block', async () => {
    const said = await run(results)
    expect(said).toContain('Problem 1, beta, sample 1: right\n20 tokens along the longest chain, 30 in all, 2.00 s')
    expect(said).toContain('What is 1?')
    expect(said).toMatch(/┌ Path 1 ✓ ─+┬ Path 2 ─+┐/)
    expect(await run(results, '--column', 'alpha')).toContain('Problem 1, alpha, sample 1: wrong')
  })

  it('shows the error of a row that failed, as text', async () => {
    expect(await run(results, '--problem', '2')).toContain('the engine␛[2J failed')
  })

  it('draws a text', async () => {
    expect(await run(file('answer.txt', `so: ${BLOCK}`), '--width', '20')).toBe(
      'so:\n├ Path 1\n│ so 7\n├ Path 2\n│ so 8\n╰ Summary\n  seven\n',
    )
    expect(await run(file('other.json', '{"a": 1}'))).toBe('{"a": 1}\n')
  })

  it.each([
    [[results, '--problem', '9'], /no such problem. Got 9, there are 2/],
    [[results, '--sample', '3'], /no such sample of problem 1. Got 3, there are 1/],
    [[results, '--column', 'gamma'], /no such column. Got "gamma". Use one of: alpha; beta/],
    [['/nowhere/at-all'], /cannot be read/],
    [[results, '--width', '3'], /"width"/],
  ])('says what is wrong with %j', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message)
  })
})
