import { spawn } from 'node:child_process'
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../src/trainer/boards/crc.ts'
import { Points } from '../../../src/trainer/boards/points.ts'
import { bytes, concat, fieldsOf, integer, varint } from '../../../src/trainer/boards/protobuf.ts'
import { TensorBoard } from '../../../src/trainer/boards/tensorboard.ts'
import { folderWithSuites, metrics, newFolder, run, states, wholeRun } from '../runs.ts'
import { hasPython, python, readWith } from './python.ts'

const hasTensorBoard = hasPython('tensorboard', "TensorBoard's own reader has not read the event files.")

const point = (step: number, value = step) => ({ step, scalars: [['train/loss', value] as [string, number]], seconds: 1 })
const points = (...steps: number[]) => steps.map((step) => point(step))

const folder = () => path.join(mkdtempSync(path.join(tmpdir(), 'pr1-tensorboard-')), 'tensorboard')
const files = (home: string) => readdirSync(home).sort().map((name) => path.join(home, name)) // biome-ignore format: one line

/** A session that adds `added` to what the run has so far. */
function session(home: string, known: readonly ReturnType<typeof point>[], added: readonly ReturnType<typeof point>[] = []): void {
  const board = new TensorBoard(home, known, known.map((_, i) => 1000 + i)) // biome-ignore format: one line
  for (const [i, one] of added.entries()) board.add(one, 2000 + i)
  board.close()
}

/** Steps and values of the summaries, and steps of session starts, file after file. Knows the framing by its lengths alone. */
function read(home: string): { points: [number, number][]; starts: number[]; times: number[] } {
  const found: ReturnType<typeof read> = { points: [], starts: [], times: [] }
  for (const file of files(home)) {
    const data = readFileSync(file)
    for (let at = 0; at < data.length; ) {
      const length = Number(data.readBigUInt64LE(at))
      const event = fieldsOf(data.subarray(at + 12, at + 12 + length))
      const step = (event.get(2) as number | undefined) ?? 0
      if (event.has(7)) found.starts.push(step)
      if (event.has(5)) {
        const value = fieldsOf(fieldsOf(event.get(5) as Uint8Array).get(1) as Uint8Array)
        found.points.push([step, Buffer.from(value.get(2) as Uint8Array).readFloatLE()])
        found.times.push(Buffer.from(event.get(1) as Uint8Array).readDoubleLE())
      }
      at += length + 16
    }
  }
  return found
}

describe('checksums and messages', () => {
  it('have the values that their definitions give', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
    expect([...varint(300)]).toEqual([0xac, 0x02])
    expect([...varint(2 ** 40)]).toEqual([0x80, 0x80, 0x80, 0x80, 0x80, 0x20])
    // The examples of the encoding's own page.
    expect([...integer(1, 150)]).toEqual([0x08, 0x96, 0x01])
    expect([...bytes(2, 'testing')]).toEqual([0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67])
  })

  it('are read as they were written, and refused where they end too soon', () => {
    const message = concat(integer(1, 2 ** 40), bytes(2, 'é'))
    expect(fieldsOf(message)).toEqual(new Map<number, unknown>([[1, 2 ** 40], [2, new TextEncoder().encode('é')]])) // biome-ignore format: one line
    expect(() => fieldsOf(message.subarray(0, message.length - 1))).toThrow(RangeError)
  })
})

describe('points', () => {
  it('are the figures of a line under names that boards group, at the step of the whole run', () => {
    const of = new Points()
    expect(of.next({ kind: 'sft', stage: 'base', step: 1, steps: 1, loss: 2, etaSeconds: 3, seconds: 0.5 })).toEqual({
      step: 1,
      scalars: [
        ['train/loss', 2],
        ['train/seconds', 0.5],
      ],
      seconds: 0.5,
    })
    expect(of.next({ change: { total: 1, path: 'a', was: '1', is: '2' } })).toBeUndefined()
    const figure = { value: 0.5, low: 0.4, high: 0.6, problems: 20, unit: 'share' }
    expect(of.next({ kind: 'evaluation', name: 'hard', total: 1, problems: 20, accuracy: { 'mean@4': figure }, seconds: 3 })).toEqual({
      step: 1,
      scalars: [
        ['evaluation/hard/mean@4', 0.5],
        ['evaluation/hard/mean@4/low', 0.4],
        ['evaluation/hard/mean@4/high', 0.6],
      ],
      seconds: 3,
    })
    const line = { kind: 'grpo', step: 1, steps: 1, loss: null, metrics: { answer: 0.5 }, gap: { mean: 0, max: 0 } }
    expect(of.next(line)).toMatchObject({ step: 2, scalars: [['train/loss', Number.NaN], ['metrics/answer', 0.5], ['gap/mean', 0], ['gap/max', 0]] }) // biome-ignore format: one line
  })
})

describe('event files', () => {
  it('get a file a session, which tells readers where it begins', () => {
    const home = folder()
    session(home, [], points(1, 2))
    session(home, points(1, 2), points(3))
    expect(files(home)).toHaveLength(2)
    expect(read(home)).toMatchObject({ points: [[1, 1], [2, 2], [3, 3]], starts: [1, 3] }) // biome-ignore format: one line
  })

  it('lose what the run does again', () => {
    const home = folder()
    session(home, [], points(1, 2, 3))
    session(home, points(1, 2, 3), points(4, 5))
    session(home, points(1), points(2, 3))
    expect(read(home)).toMatchObject({ points: [[1, 1], [2, 2], [3, 3]], starts: [1, 2] }) // biome-ignore format: one line
  })

  it('get what they lack: a board that came later, a kill before its write, a torn or damaged record', () => {
    const home = folder()
    session(home, points(1, 2), points(3))
    expect(read(home)).toMatchObject({ points: [[1, 1], [2, 2], [3, 3]], times: [1000, 1001, 2000] }) // biome-ignore format: one line
    appendFileSync(files(home)[0], Buffer.from([9, 0, 0, 0, 0]))
    session(home, points(1, 2, 3, 4))
    expect(read(home).points).toEqual([[1, 1], [2, 2], [3, 3], [4, 4]]) // biome-ignore format: one line
    const data = readFileSync(files(home)[0])
    data[data.length - 6] ^= 1
    writeFileSync(files(home)[0], data)
    session(home, points(1, 2, 3, 4))
    expect(read(home).points).toEqual([[1, 1], [2, 2], [3, 3], [4, 4]]) // biome-ignore format: one line
  })

  it('take the figures of the run where theirs are others', () => {
    const home = folder()
    session(home, [], [point(1), point(2, 7), point(3)])
    session(home, points(1, 2, 3))
    expect(read(home).points).toEqual([[1, 1], [2, 2], [3, 3]]) // biome-ignore format: one line
  })

  it('of others stay as they are', () => {
    const home = folder()
    session(home, [], points(1))
    writeFileSync(path.join(home, 'events.out.tfevents.9.other'), 'x')
    session(home, [])
    expect(readFileSync(path.join(home, 'events.out.tfevents.9.other'), 'utf8')).toBe('x')
    expect(files(home)).toHaveLength(2)
  })
})

/** Every scalar by its tag, as TensorBoard's reader gives it. */
const READER = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})
events.Reload()
print(json.dumps({tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in events.Tags()['scalars']}))
`

/** A reader that stays open: what it shows, and after each line of its input what it shows then. */
const OPEN_READER = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0})
for _ in range(2):
    events.Reload()
    print(json.dumps([[event.step, event.value] for event in events.Scalars('train/loss')]), flush=True)
    sys.stdin.readline()
`

describe.skipIf(!hasTensorBoard)('TensorBoard', () => {
  it('that is open drops what a resumed run does again', async () => {
    const home = folder()
    session(home, [], points(1, 2, 3, 4))
    const reader = spawn(python, ['-c', OPEN_READER, home], { stdio: ['pipe', 'pipe', 'ignore'] })
    const lines = createInterface(reader.stdout)[Symbol.asyncIterator]()
    const shown = async () => JSON.parse((await lines.next()).value)
    expect(await shown()).toEqual([[1, 1], [2, 2], [3, 3], [4, 4]]) // biome-ignore format: one line
    session(home, points(1, 2), [point(3, 7)])
    reader.stdin.end('\n\n')
    expect(await shown()).toEqual([[1, 1], [2, 2], [3, 7]]) // biome-ignore format: one line
  })
})

describe('a run with tensorboard: true', () => {
  it('leaves each step once, whatever was done again', async () => {
    const { whole } = await wholeRun()
    const home = folderWithSuites(whole)
    const sets = ['tensorboard=true']
    await run(home, { sets })
    const newest = states(home).at(-1)!
    rmSync(path.join(home, 'checkpoints', newest), { recursive: true })
    const { text } = await run(home, { sets })
    expect(text).toContain('Going on from')
    const board = path.join(home, 'tensorboard')
    expect(read(board).points.map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(files(board)).toHaveLength(2)

    // A live reader that saw the first session is told to drop what the second does again.
    const again = read(board).starts[1]
    expect(again).toBeGreaterThan(1)
    expect(again).toBeLessThanOrEqual(8)
    if (!hasTensorBoard) return
    const seen = readWith(READER, board) as Record<string, [number, number][]>
    const lines = metrics(home)
    expect(seen['train/loss'].map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    for (const [step, value] of seen['train/loss']) expect(value).toBe(Math.fround(lines[step - 1].loss as number))
    for (const [step, value] of seen['metrics/digits']) {
      expect(value).toBe(Math.fround((lines[step - 1].metrics as Record<string, number>).digits))
    }
  })

  it('draws the steps before it, where the key comes at a resume', async () => {
    const { whole } = await wholeRun()
    const home = newFolder()
    cpSync(whole, home, { recursive: true })
    rmSync(path.join(home, 'checkpoints', states(home).at(-1)!), { recursive: true })
    await run(home, { sets: ['tensorboard=true'] })
    expect(read(path.join(home, 'tensorboard')).points.map(([step]) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('leaves nothing where the key is off', async () => {
    const { whole } = await wholeRun()
    expect(readdirSync(whole)).not.toContain('tensorboard')
  })
})
