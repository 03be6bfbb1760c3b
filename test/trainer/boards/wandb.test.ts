import { spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { crc32, gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { Wandb } from '../../../src/trainer/boards/wandb.ts'
import { folderWithSuites, metrics, run, states, wholeRun } from '../runs.ts'
import { hasPython, python, readWith } from './python.ts'

type One = { step: number; scalars: [string, number][]; seconds: number }

const point = (step: number, value = step): One => ({ step, scalars: [['train/loss', value]], seconds: 1 })
const points = (...steps: number[]) => steps.map((step) => point(step))

const folder = () => path.join(mkdtempSync(path.join(tmpdir(), 'pr1-wandb-')), 'wandb')

/** The one file of a run. */
function fileOf(home: string): string {
  const [name, ...others] = readdirSync(home)
  expect(others).toEqual([])
  expect(name).toMatch(/^offline-run-\d{8}_\d{6}-[0-9a-f]{8}$/)
  return path.join(home, name, `run-${name.slice(-8)}.wandb`)
}

const about = { project: 'my project', name: 'rl', config: [['seed', '1'], ['stages.rl.reward', '"answer"']] as [string, string][], version: '0.1.0' } // biome-ignore format: one line

/** A session that adds `added` to what the run has so far. */
function session(home: string, known: readonly One[], added: readonly One[] = []): void {
  const board = new Wandb(home, about, known, known.map((_, i) => 1000 + i)) // biome-ignore format: one line
  for (const [i, one] of added.entries()) board.add(one, 2000.5 + i)
  board.close()
}

interface Item {
  key?: string
  nestedKey?: string[]
  valueJson: string
}

/** Of wandb_internal.proto, with what this test looks at. */
interface Read {
  header?: { versionInfo: { producer: string; minConsumer: string } }
  run?: { runId: string; project: string; displayName: string; config: { update: Item[] }; startTime: string }
  history?: { item: Item[]; step: { num: string } }
  summary?: { update: Item[] }
  exit?: { exitCode?: number; runtime?: number }
  num: string
}

/** Records of the file, joined from their pieces by the rules of LevelDB's log, with zlib's own checksum. */
function records(file: string): Buffer[] {
  const data = readFileSync(file)
  expect([...data.subarray(0, 7)]).toEqual([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0])
  const found: Buffer[] = []
  const pieces: Buffer[] = []
  for (let at = 7; at < data.length; ) {
    const room = 32_768 - (at % 32_768)
    if (room < 7) {
      expect(data.subarray(at, at + room).every((byte) => byte === 0)).toBe(true)
      at += room
      continue
    }
    const [crc, length, type] = [data.readUInt32LE(at), data.readUInt16LE(at + 4), data[at + 6]]
    expect(length + 7).toBeLessThanOrEqual(room)
    expect(crc32(data.subarray(at + 6, at + 7 + length))).toBe(crc)
    pieces.push(data.subarray(at + 7, at + 7 + length))
    if (type === 1 || type === 4) found.push(Buffer.concat(pieces.splice(0)))
    else expect(type).toBe(pieces.length === 1 ? 2 : 3)
    at += 7 + length
  }
  expect(pieces).toEqual([])
  return found
}

/** Times of the points, as text in the records. */
const timesIn = (file: string) =>
  records(file).flatMap((record) => {
    const text = record.toString('latin1')
    return text.includes('_step') && record[2] === 0x12 ? [Number(/_timestamp\x82\x01.([\d.]+)/s.exec(text)?.[1])] : []
  })

describe('an offline run', () => {
  it('is one file of records in pieces that no block cuts', () => {
    const home = folder()
    const long = Array.from({ length: 3000 }, (_, i): [string, number] => [`metrics/${i}`, i / 7])
    session(home, [], [{ step: 1, scalars: long, seconds: 1 }, ...points(2, 3)])
    const found = records(fileOf(home))
    // Header, run, history and summary of three points, exit.
    expect(found).toHaveLength(9)
    expect(found[2].length).toBeGreaterThan(2 * 32_768)
  })

  it('is written anew with what the run has, and keeps when its points were made', () => {
    const home = folder()
    session(home, points(1), points(2, 3))
    const first = fileOf(home)
    expect(timesIn(first)).toEqual([1000, 2000.5, 2001.5])
    session(home, points(1, 2), points(7))
    expect(fileOf(home)).toBe(first)
    expect(timesIn(first)).toEqual([1000, 2000.5, 2000.5])
    // Other figures are other points, made at another time.
    session(home, [point(1), point(2, 9)])
    expect(timesIn(first)).toEqual([1000, 1001])
  })

  it('that was killed or damaged is written whole again', () => {
    const home = folder()
    session(home, [], points(1, 2))
    const file = fileOf(home)
    appendFileSync(file, Buffer.from([1, 2, 3]))
    session(home, points(1, 2))
    expect(timesIn(file)).toEqual([2000.5, 2001.5])
    const data = readFileSync(file)
    data[data.length - 40] ^= 1
    writeFileSync(file, data)
    session(home, points(1, 2))
    expect(timesIn(file)).toHaveLength(2)
    writeFileSync(file, '')
    session(home, points(1, 2))
    expect(timesIn(file)).toEqual([1000, 1001])
  })
})

/** Every record, parsed by wandb's own classes. The argument is a file of records in hexadecimal, one a line. */
const READER = `
import json, sys
from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from wandb.proto.wandb_internal_pb2 import Record

def known(message):
    assert len(UnknownFieldSet(message)) == 0, message
    for field, value in message.ListFields():
        for one in value if field.is_repeated else [value]:
            if field.message_type: known(one)

found = []
for line in open(sys.argv[1]):
    record = Record()
    record.ParseFromString(bytes.fromhex(line))
    known(record)
    found.append(MessageToDict(record))
print(json.dumps(found))
`

const hasWandb = hasPython('wandb', "wandb's own classes have not read the offline run.")

function readByWandb(file: string): Read[] {
  const hex = `${file}.hex`
  writeFileSync(hex, records(file).map((record) => `${record.toString('hex')}\n`).join('')) // biome-ignore format: one line
  return readWith(READER, hex) as Read[]
}

const valuesOf = (items: readonly Item[]) =>
  Object.fromEntries(items.map(({ key, nestedKey, valueJson }) => [key ?? nestedKey!.join('.'), valueJson]))

describe.skipIf(!hasWandb)("an offline run in wandb's own classes", () => {
  it('has a header, a run with its config, history and summary of each step, an end', () => {
    const home = folder()
    session(home, [], [point(1), { step: 2, scalars: [['gap/max', Number.NaN]], seconds: 1 }])
    const read = readByWandb(fileOf(home))
    expect(read.map(({ num }) => Number(num))).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(read[0].header!.versionInfo.producer).toBe('parallel-r1 0.1.0')
    expect(read[1].run).toMatchObject({ project: 'my project', displayName: 'rl' })
    expect(valuesOf(read[1].run!.config.update)).toEqual({ seed: '1', 'stages.rl.reward': '"answer"' })
    expect(read[2].history!.step.num).toBe('1')
    expect(valuesOf(read[2].history!.item)).toMatchObject({ 'train/loss': '1', _step: '1', _timestamp: '2000.5' })
    expect(valuesOf(read[3].summary!.update)).toMatchObject({ 'train/loss': '1', _step: '1' })
    expect(valuesOf(read[4].history!.item)).toMatchObject({ 'gap/max': 'NaN', _step: '2' })
    expect(read[6].exit).toBeDefined()
  })
})

/** What `wandb sync` sends to a server that takes everything: lines of history, the end of the run. Nothing leaves this machine. */
async function synced(home: string): Promise<{ steps: number[]; complete: boolean; code: number | null }> {
  const bucket = { id: 'aWQ=', displayName: 'rl', project: { id: 'cA==', name: 'p', entity: { id: 'ZQ==', name: 'me' } } }
  const found = { steps: [] as number[], complete: false }
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const body = Buffer.concat(parts)
    const sent = JSON.parse((request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString() || '{}')
    for (const line of sent.files?.['wandb-history.jsonl']?.content ?? []) found.steps.push(JSON.parse(line)._step)
    found.complete ||= sent.complete === true && sent.exitcode === 0
    const data = {
      upsertBucket: { bucket: { ...bucket, name: sent.variables?.name ?? 'x' }, inserted: true },
      createRunFiles: { runID: 'aWQ=', uploadHeaders: [], files: [] },
      viewer: { id: 'dQ==', entity: 'me', username: 'me', flags: '{}', teams: { edges: [] } },
      serverInfo: { cliVersionInfo: {}, features: [] },
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ data }))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const env = {
    ...process.env,
    WANDB_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    WANDB_API_KEY: 'a'.repeat(40),
    WANDB_ERROR_REPORTING: 'false',
  }
  const sync = spawn(python, ['-m', 'wandb', 'sync', path.dirname(fileOf(home))], { env, cwd: home, stdio: 'ignore' })
  const code = await new Promise<number | null>((ended) => sync.on('exit', ended))
  server.close()
  server.closeAllConnections()
  return { ...found, code }
}

describe.skipIf(!hasWandb)('wandb sync', () => {
  it('sends each step once, and the end', async () => {
    const home = folder()
    session(home, points(1, 2), points(3))
    expect(await synced(home)).toEqual({ steps: [1, 2, 3], complete: true, code: 0 })
  })
})

describe('a run with wandb: PROJECT', () => {
  it('leaves each step once, whatever was done again', async () => {
    const { whole } = await wholeRun()
    const home = folderWithSuites(whole)
    const sets = ['wandb=countdown']
    await run(home, { sets })
    rmSync(path.join(home, 'checkpoints', states(home).at(-1)!), { recursive: true })
    const { text } = await run(home, { sets })
    expect(text).toContain('Going on from')
    const file = fileOf(path.join(home, 'wandb'))
    expect(timesIn(file)).toHaveLength(8)
    if (!hasWandb) return
    const histories = readByWandb(file).flatMap(({ history }) => history ?? [])
    const lines = metrics(home)
    expect(histories.map(({ step }) => Number(step.num))).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    for (const [i, { item }] of histories.entries()) expect(Number(valuesOf(item)['train/loss'])).toBe(lines[i].loss)
  })
})
