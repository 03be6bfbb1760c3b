import { spawn } from 'node:child_process'
import { PassThrough, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Frame, MAX_HEADER_BYTES, readFrames, writeFrame } from '../../src/cluster/frames.ts'

async function all(stream: Readable): Promise<Frame[]> {
  const frames = []
  for await (const frame of readFrames(stream)) frames.push(frame)
  return frames
}

async function bytesOf(...frames: Parameters<typeof writeFrame> extends [unknown, ...infer Rest] ? Rest[] : never): Promise<Buffer> {
  const stream = new PassThrough()
  for (const frame of frames) void writeFrame(stream, ...frame)
  stream.end()
  return Buffer.concat(await stream.toArray())
}

describe('frames', () => {
  it('come back as they were written, however the stream is cut', async () => {
    const numbers = new Float32Array([1.5, -2, 3])
    const parts = [new Uint8Array(numbers.buffer, 0, 8), new Uint8Array(), new Uint8Array(numbers.buffer, 8)]
    const bytes = await bytesOf([{ id: 1, text: 'ä' }, parts], [{}], [{ id: 2 }, new Uint8Array(100).fill(7)])
    for (const size of [1, 3, 12, 13, 50, 1000]) {
      const cut = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
      const [first, second, third] = await all(Readable.from(cut))
      expect([first!.header, second!.header, third!.header]).toEqual([{ id: 1, text: 'ä' }, {}, { id: 2 }])
      expect(new Float32Array(first!.payload.buffer, first!.payload.byteOffset, 3)).toEqual(numbers)
      expect([second!.payload.length, Buffer.from(third!.payload)]).toEqual([0, Buffer.alloc(100, 7)])
    }
  })

  it('of several writers do not mix, and each resolves when the stream has taken it', async () => {
    const stream = new PassThrough({ highWaterMark: 10 })
    let written = 0
    const writes = [1, 2, 3].map((id) =>
      writeFrame(stream, { id }, [new Uint8Array(1000).fill(id), new Uint8Array(1000).fill(id)]).then(() => written++),
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(written).toBeLessThan(3)
    const reading = all(stream)
    await Promise.all(writes)
    stream.end()
    expect((await reading).map(({ header, payload }) => [header.id, payload.every((byte) => byte === header.id), payload.length])).toEqual(
      [1, 2, 3].map((id) => [id, true, 2000]),
    )
  })

  it('that are none are refused with what is wrong', async () => {
    const one = await bytesOf([{ id: 1 }, new Uint8Array(10)])
    const told = (bytes: Uint8Array) => all(Readable.from([bytes])).then(String, (error) => `${error.name}: ${error.message}`)
    expect(await told(one.subarray(0, 5))).toBe('ClusterError: The stream ended inside the prefix of a frame. Got 5 of 12 bytes.')
    expect(await told(one.subarray(0, 15))).toBe('ClusterError: The stream ended inside the header of a frame. Got 3 of 8 bytes.')
    expect(await told(one.subarray(0, -1))).toBe('ClusterError: The stream ended inside the payload of a frame. Got 9 of 10 bytes.')
    expect(await told(Buffer.from('hello, this is a line of text'))).toMatch(/at most 67108864 bytes of header\. Got \d+.*this is no frame/)
    const list = Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('[]')])
    expect(await told(list)).toBe('ClusterError: The header of a frame is a JSON object. Got []')
    list.write('[x', 12)
    expect(await told(list)).toMatch(/^ClusterError: The header of a frame is JSON\. Got what is not: /)
    await expect(writeFrame(new PassThrough(), { text: 'x'.repeat(MAX_HEADER_BYTES) })).rejects.toThrow(/Send it as the payload/)
    const ended = new PassThrough()
    ended.on('error', () => {}).destroy()
    await expect(writeFrame(ended, {})).rejects.toThrow()
  })
})

describe('frames.py', () => {
  const script = `
import os, sys
sys.path.insert(0, sys.argv[1])
from pr1_cluster.frames import FrameError, read_frame, write_frame
stream = os.fdopen(0, 'rb', buffering=0)
try:
    while True:
        frame = read_frame(stream)
        if frame is None:
            break
        header, payload = frame
        half = len(payload) // 2
        write_frame(1, header, [payload[:half], memoryview(b''), payload[half:]] + [memoryview(b'')] * 1000)
    print('whole', file=sys.stderr)
except FrameError as error:
    print(error, file=sys.stderr)
`
  const cluster = fileURLToPath(new URL('../../cluster', import.meta.url))

  async function echo(bytes: readonly Uint8Array[]): Promise<{ frames: Frame[]; said: string }> {
    const child = spawn('python3', ['-B', '-c', script, cluster])
    child.stdin.on('error', () => {})
    const said = child.stderr.toArray()
    const frames = all(child.stdout)
    for (const part of bytes) child.stdin.write(part)
    child.stdin.end()
    return {
      frames: await frames,
      said: Buffer.concat(await said)
        .toString()
        .trim(),
    }
  }

  it('speaks the same frames', async () => {
    const payload = Uint8Array.from({ length: 3_000_001 }, (_, i) => i * 7)
    const bytes = await bytesOf([{ id: 1, text: 'ä' }, payload], [{}], [{ id: 2 }, new Uint8Array([5])])
    const { frames, said } = await echo([bytes])
    expect(said).toBe('whole')
    expect(frames.map(({ header }) => header)).toEqual([{ id: 1, text: 'ä' }, {}, { id: 2 }])
    expect(Buffer.from(frames[0]!.payload).equals(payload)).toBe(true)
    expect([frames[1]!.payload.length, [...frames[2]!.payload]]).toEqual([0, [5]])
  })

  it('refuses what is none', async () => {
    const one = await bytesOf([{ id: 1 }, new Uint8Array(10)])
    expect((await echo([one, one.subarray(0, 5)])).said).toBe('The stream ended inside the prefix of a frame. Got 5 of 12 bytes.')
    expect((await echo([one.subarray(0, -1)])).said).toBe('The stream ended inside the payload of a frame. Got 9 of 10 bytes.')
    expect((await echo([Buffer.from('hello, this is a line of text')])).said).toMatch(/at most 67108864 bytes\. Got \d+: this is no frame/)
  })
})
