import { describe, expect, it } from 'vitest'
import { runMain, UsageError } from '../src/cli/arguments.ts'
import { Progress, progressLine } from '../src/cli/progress.ts'
import { ConfigError } from '../src/engine/errors.ts'
import { notice, plain, plainButStyled, plainJson, plainLine } from '../src/plain.ts'

const CONTROLS = /[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/
const every = Array.from({ length: 0x2100 }, (_, code) => String.fromCharCode(code)).join('')

describe('text on its way to a terminal', () => {
  it('holds no control character and no mark of direction', () => {
    expect(plain(every)).not.toMatch(CONTROLS)
    expect(plainLine(every)).not.toMatch(/\n/)
    expect(plainButStyled(every)).not.toMatch(CONTROLS)
    expect(plain('two\nlines, é, 漢字, 😀, שלום')).toBe('two\nlines, é, 漢字, 😀, שלום')
  })

  it('loses nothing where it is JSON', () => {
    expect(plainJson({ [every]: [every, 1] })).not.toMatch(CONTROLS)
    expect(JSON.parse(plainJson({ [every]: [every, 1] }))).toEqual({ [every]: [every, 1] })
  })

  it('keeps the styles of pr1-tree and no other sequence', () => {
    expect(plainButStyled('\x1b[1mbold\x1b[22m \x1b[31mred')).toBe('\x1b[1mbold\x1b[22m ␛[31mred')
  })

  it('is plain in notices, progress bars, outputs and errors', async () => {
    const written: string[] = []
    const screen = { write: (text: string) => written.push(text), isTTY: true, columns: 60 }
    notice('a\x1b]0;b', screen)
    const bar = new Progress({ label: 'c\x1b[2Jd\ne', total: 2, screen, env: {} })
    expect(bar.label).toBe('c␛[2Jd e')
    expect(progressLine({ label: bar.label, done: 1, total: 2, unit: 'rows' }, 60)).toContain('c␛[2Jd e')
    expect(written).toEqual(['parallel-r1: a␛]0;b\n'])

    const write = { out: process.stdout.write, err: process.stderr.write }
    const said: string[] = []
    process.stdout.write = process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0
    try {
      await runMain('pr1-x', async (_, print) => print('f\x9bg\n') as unknown as number)
      await runMain('pr1-x', async () => Promise.reject(new ConfigError('h\u202ei')))
      await runMain('pr1-x', async () => Promise.reject(new Error('j\x1bk')))
      await runMain('pr1-x', async () => Promise.reject(new UsageError('l\x1bm')))
    } finally {
      process.stdout.write = write.out
      process.stderr.write = write.err
    }
    expect(said.join('')).toMatch(/^f\ufffdg\npr1-x: h\ufffdi\npr1-x: Error: j␛k\n.*pr1-x: l␛m\n$/s)
    expect(said.join('')).not.toMatch(CONTROLS)
  })
})
