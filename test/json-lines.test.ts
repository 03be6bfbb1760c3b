import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diskOps } from '../src/engine/checkpoint/atomic.ts'
import { type Line, lines, readLines, writeLines } from '../src/json-lines.ts'
import { Journal } from '../src/trainer/generate/journal.ts'
import { inProofs } from './proofs.ts'

const newFile = () => path.join(mkdtempSync(path.join(tmpdir(), 'pr1-lines-')), 'file.jsonl')

async function all(file: string): Promise<Line[]> {
  const found: Line[] = []
  for await (const line of lines(file)) found.push(line)
  return found
}

describe('lines', () => {
  it('are read as they were written, each with the bytes up to its end', async () => {
    const file = newFile()
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'binary' })), async (texts) => {
        await writeLines(
          file,
          texts.map((text) => ({ text })),
        )
        const found = await all(file)
        expect(found.map(({ text }) => JSON.parse(text).text)).toEqual(texts)
        const bytes = readFileSync(file)
        for (const { text, end, whole } of found) {
          expect(whole).toBe(true)
          expect(bytes.subarray(0, end).toString().endsWith(`${text}\n`)).toBe(true)
        }
        expect(found.at(-1)?.end ?? 0).toBe(bytes.length)
      }),
    )
  })

  it('end at a line feed alone, wherever a piece of the file ends; the last may be torn', async () => {
    const file = newFile()
    // Signs of three bytes, none of which divides a piece.
    const long = '\u2028'.repeat(1_000_003)
    writeFileSync(file, `a\r\n\n${long}\ntorn`)
    const found = await all(file)
    expect(found.map(({ text, whole }) => [text.length, whole])).toEqual([
      [2, true],
      [0, true],
      [long.length, true],
      [4, false],
    ])
    expect(found[2].text).toBe(long)
  })
})

describe('readLines', () => {
  it('has the object of each line, and names the line that holds none', () => {
    const file = newFile()
    const read = (text: string) => {
      writeFileSync(file, text)
      return readLines(file)
    }
    expect(read('')).toEqual([])
    expect(read('{"a":"\u2028"}\n{}\n')).toEqual([{ a: '\u2028' }, {}])
    expect(() => read('{}\n[]\n')).toThrow(`Line 2 of ${file} is no JSON object.`)
    expect(() => read('{}\n\n{}\n')).toThrow(/Line 2 .* is no JSON \(.*Restore the file/)
  })
})

const MiB = 2 ** 20

describe('answers', () => {
  it('are put in order piece by piece, never as one text', async () => {
    const file = newFile()
    const journal = await Journal.open(file, { seed: '1' })
    const output = 'x'.repeat(MiB / 2)
    for (let row = 0; row < 8; row++) await journal.append({ row: String(row), try: 0, seed: 1, output })
    const before = readFileSync(file)
    const pieces: number[] = []
    await journal.arrange([], {
      ...diskOps,
      async create(name) {
        const writer = await diskOps.create(name)
        return {
          ...writer,
          write: (data) => {
            pieces.push(data.length)
            return writer.write(data)
          },
        }
      },
    })
    expect(Math.max(...pieces)).toBeLessThan(2 * MiB)
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  // V8 has no string of 600 MB.
  it.runIf(inProofs)('may be more than a string can hold', async () => {
    const file = newFile()
    const answer = (row: number) => `${JSON.stringify({ row: String(row), try: 0, seed: 1, output: 'x'.repeat(MiB) })}\n`
    const handle = openSync(file, 'w')
    writeSync(handle, `${JSON.stringify({ version: 1, answersOf: {} })}\n`)
    for (let row = 600; row > 0; row--) writeSync(handle, answer(row))
    closeSync(handle)
    const journal = await Journal.open(file, {})
    expect(journal.size).toBe(600)
    await journal.arrange(Array.from({ length: 601 }, (_, row) => String(row)))
    let row = 0
    for await (const { text } of lines(file)) if (row++ > 0) expect(text.slice(0, 30)).toBe(answer(row - 1).slice(0, 30))
    expect(row).toBe(601)
  })
})
