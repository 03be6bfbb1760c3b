import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { duration, isShown, Progress, progressLine } from '../../src/cli/progress.ts'
import { isThere } from '../shared.ts'

const MiB = 2 ** 20

class Recorder {
  isTTY = true
  columns = 80
  text = ''
  write(text: string): void {
    this.text += text
  }
  /** What a terminal shows: each line as it was last drawn. */
  get lines(): string[] {
    return this.text.split('\n').map((line) => line.split('\r\x1b[2K').at(-1) ?? '')
  }
}

function bar(options: { total?: number; unit?: string; env?: NodeJS.ProcessEnv; isTTY?: boolean } = {}) {
  const screen = new Recorder()
  screen.isTTY = options.isTTY ?? true
  const clock = { ms: 0 }
  const progress = new Progress({ label: 'model', env: {}, ...options, screen, now: () => clock.ms })
  return { screen, clock, progress }
}

describe('a progress bar', () => {
  it('shows share, amount, rate and the time left', () => {
    const { screen, clock, progress } = bar({ total: 400 * MiB })
    progress.update(0)
    clock.ms = 2000
    progress.update(100 * MiB)
    expect(screen.lines).toEqual(['model ██████░░░░░░░░░░░░░░░░  25% 100.0 MiB of 400.0 MiB, 50.0 MiB/s, 6s left'])
  })

  it('does not count what was there before in the rate', () => {
    const { screen, clock, progress } = bar({ total: 100, unit: 'steps' })
    progress.update(90)
    clock.ms = 10_000
    progress.update(91)
    expect(screen.lines[0]).toMatch(/ 91% 91 of 100 steps, 6\.0\/min, 1m30s left$/)
  })

  it('is drawn ten times a second at most, and always at the end', () => {
    const { screen, clock, progress } = bar({ total: 1000, unit: 'rows' })
    for (let row = 0; row <= 1000; row++) {
      clock.ms = row
      progress.update(row)
    }
    expect(screen.text.split('\r').length - 1).toBe(11)
    expect(screen.lines[0]).toContain('100% 1,000 of 1,000 rows')
  })

  it('lets lines pass above it, and leaves nothing behind', () => {
    const { screen, progress } = bar({ total: 4, unit: 'steps' })
    progress.update(1)
    progress.above(() => screen.write('step 1\n'))
    expect(screen.lines[0]).toBe('step 1')
    expect(screen.lines[1]).toContain('1 of 4 steps')
    progress.stop()
    expect(screen.lines).toEqual(['step 1', ''])
    progress.above(() => screen.write('the end\n'))
    expect(screen.lines).toEqual(['step 1', 'the end', ''])
  })

  it('is silent without a terminal, in CI and on a dumb terminal; lines above it are not', () => {
    for (const options of [{ isTTY: false }, { env: { CI: 'true' } }, { env: { CI: '1' } }, { env: { TERM: 'dumb' } }]) {
      const { screen, progress } = bar({ total: 4, ...options })
      progress.update(1)
      progress.above(() => screen.write('line\n'))
      progress.stop()
      expect(screen.text).toBe('line\n')
    }
    expect(isShown(new Recorder(), { CI: 'false', TERM: 'xterm' })).toBe(true)
  })

  it.each([1, 10, 20, 40, 60, 80, 200])('fits %i columns', (columns) => {
    for (const total of [0, 5 * MiB])
      for (const rate of [undefined, 3 * MiB]) {
        const line = progressLine({ label: 'Qwen/Qwen3-0.6B', done: 2 * MiB, total, unit: 'bytes', rate }, columns)
        expect(line.length).toBeLessThan(Math.max(1, columns))
        if (columns >= 60) expect(line).toMatch(total > 0 ? / 40% 2\.0 MiB of 5\.0 MiB/ : /2\.0 MiB/)
      }
  })

  it('shows an amount of unknown size without a share', () => {
    expect(progressLine({ label: 'x', done: 3, total: 0, unit: 'rows', rate: 2 }, 80)).toBe('x 3 rows, 2.0/s')
  })

  it('writes times for people', () => {
    expect([0, 45, 59.6, 187, 7500].map(duration)).toEqual(['0s', '45s', '1m00s', '3m07s', '2h05m'])
  })
})

/** Runs the program below under a real terminal where Python can make one; its output as the terminal got it. */
const python = isThere(spawnSync('python3', ['-c', 'import pty']).status === 0, 'python3 with a terminal')

const drive = (redirect: string) => `
import os, pty, sys
chunks = []
def read(fd):
    data = os.read(fd, 65536)
    chunks.append(data)
    return data
os.environ.pop('CI', None)
os.environ['TERM'] = 'xterm'
pty.spawn(['/bin/sh', '-c', sys.argv[1] + ${JSON.stringify(redirect)}], read)
`

const program = `
import { Progress } from ${JSON.stringify(path.resolve(import.meta.dirname, '../../src/cli/progress.ts'))}
const bar = new Progress({ label: 'work', unit: 'steps', total: 2 })
bar.update(1)
bar.above(() => process.stdout.write('line\\n'))
bar.update(2)
bar.stop()
`

describe.skipIf(!python)('on a real terminal (needs python3)', () => {
  const shown = (redirect: string) => {
    const node = `'${process.execPath}' --import tsx --input-type=module -e '${program.replaceAll("'", `'"'"'`)}'`
    return spawnSync('python3', ['-c', drive(redirect), node], { encoding: 'utf8', cwd: path.resolve(import.meta.dirname, '../..') }).stdout
  }

  it('is drawn and taken away', () => {
    const text = shown('')
    expect(text).toContain('1 of 2 steps')
    expect(text).toMatch(/\r\x1b\[2Kline\r\n/)
    expect(text.endsWith('\r\x1b[2K')).toBe(true)
  })

  it('is silent where standard error is a file, or standard output a pipe', () => {
    expect(shown(' 2>/dev/null')).toBe('line\r\n')
    expect(shown(' | cat')).toBe('line\r\n')
    expect(shown(' >/dev/null')).toContain('1 of 2 steps')
  })
})
