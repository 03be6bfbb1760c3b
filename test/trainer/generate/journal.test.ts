import { appendFileSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { Journal, type JournalLine } from '../../../src/trainer/generate/journal.ts'

const newFile = () => path.join(mkdtempSync(path.join(tmpdir(), 'pr1-journal-')), 'teach', 'answers.jsonl')
const origin = { teacher: 'provider', seed: '1' }
const line = (row: string, attempt: number, output = `${row} said`): JournalLine => ({ row, try: attempt, seed: 5, output })

async function filled(...all: JournalLine[]): Promise<string> {
  const file = newFile()
  const journal = await Journal.open(file, origin)
  await Promise.all(all.map((one) => journal.append(one)))
  journal.close()
  return file
}

describe('the journal of answers', () => {
  it('gives back what was appended, the first where two are of one question', async () => {
    const file = await filled(line('b', 0), line('a', 1, 'with \u2028 and "quotes"\n'), line('b', 0, 'later'))
    const journal = await Journal.open(file, origin)
    expect(journal.size).toBe(2)
    expect(journal.get('b', 0)?.output).toBe('b said')
    expect(journal.get('a', 1)?.output).toBe('with \u2028 and "quotes"\n')
    expect(journal.get('a', 0)).toBeUndefined()
  })

  it('is cut behind its last whole line, wherever a kill tore it', async () => {
    const file = await filled(line('a', 0), line('b', 0))
    const whole = readFileSync(file)
    const header = whole.indexOf(10) + 1
    const second = whole.indexOf(10, header) + 1
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(file, whole)
      truncateSync(file, length)
      const journal = await Journal.open(file, origin)
      expect(journal.size).toBe(length >= second ? 1 : 0)
      await journal.append(line('b', 0))
      journal.close()
      expect(readFileSync(file).subarray(0, header)).toEqual(whole.subarray(0, header))
      expect((await Journal.open(file, origin)).get('b', 0)?.output).toBe('b said')
    }
  })

  it('stands in the order of the rows in the end, whatever order the answers came in', async () => {
    const files = [await filled(line('a', 0), line('a', 1), line('b', 0)), await filled(line('b', 0), line('a', 1), line('a', 0))]
    for (const file of files) await (await Journal.open(file, origin)).arrange(['a', 'b'])
    expect(readFileSync(files[0])).toEqual(readFileSync(files[1]))
    expect((await Journal.open(files[0], origin)).size).toBe(3)
  })

  it('refuses the answers of another teacher, and says what is other', async () => {
    const file = await filled(line('a', 0))
    await expect(Journal.open(file, { ...origin, seed: '2' })).rejects.toThrow(/are of another teacher: seed was 1, is 2\. Change it back/)
  })

  it('names the line that is damaged', async () => {
    const file = await filled(line('a', 0))
    appendFileSync(file, 'no JSON\n')
    await expect(Journal.open(file, origin)).rejects.toThrow(/Line 3 of .*answers\.jsonl is damaged/)
    writeFileSync(file, readFileSync(file, 'utf8').replace('no JSON', '{"row":"a"}'))
    await expect(Journal.open(file, origin)).rejects.toThrow(/Line 3 .*it is no answer/)
    writeFileSync(file, `${'['.repeat(2000)}${']'.repeat(2000)}\n`)
    await expect(Journal.open(file, origin)).rejects.toThrow(/Line 1 .*nested more than 500 deep/)
  })
})
