/**
 * The process of one worker: calls come as frames on standard input, answers leave on standard output. It beats every second, so that whoever
 * started it sees a worker that hangs, and ends when nobody is there to ask.
 */

import { readFrames, writeFrame } from '../cluster/frames.ts'
import type { Call } from '../cluster/protocol.ts'
import { toWire } from '../cluster/wire-errors.ts'
import { packageVersion } from '../version.ts'
import { WorkerModel } from './model.ts'

const BEAT_MS = 1000

/** Frames have standard output for themselves. */
for (const name of ['log', 'info', 'debug'] as const) console[name] = console.error

const model = new WorkerModel(packageVersion())
const output = process.stdout
/** Frames leave one after the other. */
let written: Promise<unknown> = Promise.resolve()

function send(header: Record<string, unknown>, payload?: readonly Uint8Array[]): void {
  written = written.then(() => writeFrame(output, header, payload)).catch(() => process.exit(1))
}

process.once('exit', () => model.removeFiles())
let beat = 0
setInterval(() => send({ beat: ++beat }), BEAT_MS).unref()
send({ ready: true })

for await (const { header, payload } of readFrames(process.stdin)) {
  const { id, ...call } = header
  model.answer(call as unknown as Call, payload).then(
    (answer) => send({ id, ...answer.header }, answer.payload),
    (error: unknown) => send({ id, error: toWire(error) }),
  )
}
process.exit(0)
