// A worker of the cluster tests: it answers frames, and falls ill on request. It shares no code with src/cluster/frames.ts.
import { writeSync } from 'node:fs'

const send = (header, payload = Buffer.alloc(0)) => {
  const text = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(12)
  prefix.writeUInt32LE(text.length, 0)
  prefix.writeBigUInt64LE(BigInt(payload.length), 4)
  for (const bytes of [prefix, text, payload]) for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at)
}

const answer = ({ id, op, ...rest }, payload) => {
  if (op === 'echo') send({ id, ...rest, pid: process.pid, env: process.env.PR1_ECHO, omp: process.env.OMP_NUM_THREADS }, payload)
  else if (op === 'sum') {
    let sum = 0
    for (const byte of payload) sum += byte
    send({ id, sum, bytes: payload.length })
  } else if (op === 'later') setTimeout(() => send({ id, late: true }), rest.ms)
  else if (op === 'fail') send({ id, error: { name: 'StateError', message: 'it has no state' } })
  else if (op === 'exit') {
    process.stderr.write('going now\n')
    process.exit(7)
  } else if (op === 'hang') for (;;);
  else if (op === 'garbage') process.stdout.write('this is no frame, and it is long enough to be read as one')
}

let held = Buffer.alloc(0)
let parts = []
let wanted = 12
let size = 0
process.stdin.on('data', (chunk) => {
  parts.push(chunk)
  size += chunk.length
  while (size >= wanted) {
    held = parts.length === 1 ? parts[0] : Buffer.concat(parts)
    const [headerBytes, payloadBytes] = [held.readUInt32LE(0), Number(held.readBigUInt64LE(4))]
    wanted = 12 + headerBytes + payloadBytes
    if (size < wanted) break
    answer(JSON.parse(held.subarray(12, 12 + headerBytes).toString()), held.subarray(12 + headerBytes, wanted))
    held = held.subarray(wanted)
    parts = [held]
    size = held.length
    wanted = 12
  }
})
process.stdin.on('end', () => process.exit(0))
let beat = 0
setInterval(() => send({ beat: beat++ }), 250)
send({ ready: true })
