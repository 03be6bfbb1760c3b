/**
 * Writes the files of this folder that are made and not written by hand: the tests and the tokenizer.
 *
 *     npx tsx suites/countdown/make.ts
 *
 * The same bytes every time; a test compares them with the committed ones.
 */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { testProblems } from './problems.ts'
import type { Level } from './split.ts'
import { buildTokenizer } from './tokenizer/build.ts'

/** One promptfoo test a line. */
export function testFile(level: Level): string {
  return testProblems(level)
    .map(({ numbers, target }) => `${JSON.stringify({ vars: { numbers: numbers.join(' '), target, level } })}\n`)
    .join('')
}

/** Name (relative to this folder) and content of every made file. */
export function madeFiles(): Map<string, string> {
  const { tokenizer, config } = buildTokenizer()
  return new Map([
    ['test.easy.jsonl', testFile('easy')],
    ['test.hard.jsonl', testFile('hard')],
    ['tokenizer/tokenizer.json', `${JSON.stringify(tokenizer, undefined, 1)}\n`],
    ['tokenizer/tokenizer_config.json', `${JSON.stringify(config, undefined, 2)}\n`],
  ])
}

const here = fileURLToPath(import.meta.url)
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === here) {
  for (const [name, content] of madeFiles()) {
    const file = path.join(path.dirname(here), name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, content)
    console.log(`${name}  ${Buffer.byteLength(content)} bytes`)
  }
}
