import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bridge } from '../../src/cluster/bridge.ts'
import { WorkerLostError } from '../../src/cluster/errors.ts'
import { inProofs } from '../proofs.ts'
import { drive } from './driver.ts'
import { Events, until } from './events.ts'
import { alive, hasRay, python, rayFolder } from './ray.ts'

const echo = fileURLToPath(new URL('echo-worker.mjs', import.meta.url))
const options = { cpus: 1, command: [process.execPath, echo], deadline: 30 }

/** Processes of Ray and of workers below this folder. */
function processesIn(folder: string): string[] {
  return spawnSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.includes(folder))
}

const told = (promise: Promise<unknown>) => promise.then(String, (error: Error) => `${error.name}: ${error.message}`)

describe('without Ray', () => {
  it('says what to install, whatever is missing', async () => {
    await expect(Bridge.start({ address: 'local', python: '/nowhere/python' })).rejects.toThrow(
      /^\/nowhere\/python could not be started: .*ENOENT\. Ray needs a Python: name it by PR1_PYTHON/,
    )
    // -S has no site-packages, so no Ray.
    const folder = mkdtempSync(path.join(rayFolder, 'p'))
    const bare = path.join(folder, 'python')
    writeFileSync(bare, '#!/bin/sh\nexec python3 -S -E "$@"\n', { mode: 0o755 })
    expect(await told(Bridge.start({ address: 'local', python: bare }))).toMatch(
      /^ClusterError: Ray is not installed for (\S+)\. Install it: \1 -m pip install 'ray>=2\.60,<3', or name another Python by PR1_PYTHON\.$/,
    )
  })

  it('refuses what is no address', async () => {
    for (const address of ['somewhere', 'host:', 'http://host:1', ''])
      await expect(Bridge.start({ address })).rejects.toThrow(/auto, local or HOST:PORT\. Got "/)
    await expect(Bridge.start({ address: 'ray://host:10001' })).rejects.toThrow(/Ray Client/)
  })
})

describe('with a driver that follows a script', () => {
  /** A driver whose worker is another process already when it is first called, which it tells of 300 ms later. */
  const script = () => `#!${process.execPath}
const { readFrames, writeFrame } = await import(${JSON.stringify(new URL('../../dist/cluster/frames.js', import.meta.url).href)})
const say = (header) => writeFrame(process.stdout, header)
const placed = (life) => say({ op: 'placed', worker: 0, place: { node: 'n', ip: 'here', pid: 1, life } })
say({ op: 'started', ray: 'none', python: 'none', address: 'none' })
for await (const { header } of readFrames(process.stdin)) {
  if (header.op === 'spawn') placed(0)
  if (header.op !== 'call') continue
  if (header.life > 0) {
    say({ id: header.id, value: { life: header.life } })
    continue
  }
  say({ id: header.id, lost: 'it was started again' })
  setTimeout(() => {
    say({ op: 'lost', worker: 0, reason: 'its process is gone', life: 0 })
    placed(1)
  }, 300)
}
`

  it('sends no call to a life that a call was lost with', async () => {
    const driver = path.join(mkdtempSync(path.join(rayFolder, 's')), 'driver.mjs')
    writeFileSync(driver, script(), { mode: 0o755 })
    const bridge = await Bridge.start({ address: 'local', python: driver })
    const events = new Events(bridge)
    bridge.spawn(0, options)
    await events.place(0, 0)
    expect(await told(bridge.call(0, { op: 'echo' }))).toBe('WorkerLostError: Worker 0 was lost: it was started again')
    // It was told at once, and the next call waits for the next life.
    expect(events.lost).toEqual([[0, 'it was started again']])
    expect((await bridge.call(0, { op: 'echo' })).header).toEqual({ life: 1 })
    expect(events.lost).toHaveLength(1)
    await bridge.close()
  })
})

const withRay = describe.skipIf(!hasRay('tests of workers under Ray.'))

withRay('a bridge to a local cluster', () => {
  let bridge: Bridge
  let events: Events

  beforeAll(async () => {
    bridge = await Bridge.start({ address: 'local', python, cpus: 3 })
    events = new Events(bridge)
    bridge.spawn(0, { ...options, env: { PR1_ECHO: 'from the driver' } })
    bridge.spawn(1, options)
  })

  afterAll(() => bridge?.close())

  it('says where it is', async () => {
    expect(bridge.info).toMatchObject({ ray: expect.stringMatching(/^2\./), address: expect.stringMatching(/:\d+$/) })
    const [node, ...others] = await bridge.nodes()
    expect(others).toEqual([])
    expect(node).toMatchObject({ cpus: 3, id: (await events.place(0, 0)).node })
  })

  it('passes calls on and replies back, in any order', async () => {
    const { header, payload } = await bridge.call(0, { op: 'echo', text: 'ä' }, { payload: [new Uint8Array([1, 2]), new Uint8Array([3])] })
    expect(header).toEqual({ text: 'ä', pid: (await events.place(0, 0)).pid, env: 'from the driver' })
    expect([...payload]).toEqual([1, 2, 3])
    const order: string[] = []
    await Promise.all([
      bridge.call(0, { op: 'later', ms: 1500 }).then(() => order.push('later')),
      bridge.call(0, { op: 'echo' }).then(() => order.push('echo')),
    ])
    expect(order).toEqual(['echo', 'later'])
  })

  it('carries 50 MB there and back', async () => {
    const payload = new Uint8Array(50_000_000)
    for (let i = 0; i < payload.length; i++) payload[i] = i * 31
    const reply = await bridge.call(0, { op: 'echo' }, { payload })
    expect(Buffer.from(reply.payload).equals(payload)).toBe(true)
    expect(reply.payload.byteOffset % 8).toBe(0)
  })

  it('puts bytes once and gives them to both workers, until they are dropped', async () => {
    const bytes = new Uint8Array(2_000_000).fill(3)
    await bridge.put('weights', [bytes.subarray(0, 5), bytes.subarray(5)])
    const replies = await Promise.all([0, 1, 0, 1].map((worker) => bridge.call(worker, { op: 'sum' }, { object: 'weights' })))
    expect(replies.map(({ header }) => header)).toEqual(Array.from({ length: 4 }, () => ({ sum: 6_000_000, bytes: 2_000_000 })))
    bridge.drop('weights')
    expect(await told(bridge.call(0, { op: 'sum' }, { object: 'weights' }))).toBe(
      "ClusterError: Nothing is in the object store under 'weights'. put comes before call, and drop after.",
    )
  })

  it("hands a worker's own error on under its name", async () => {
    expect(await told(bridge.call(0, { op: 'fail' }))).toBe('StateError: it has no state')
  })

  it('places a worker again that was killed, ended, hung or wrote something else', async () => {
    const first = await events.place(0, 0)
    const under = ['later', 'later'].map((op) => bridge.call(0, { op, ms: 60_000 }))
    await sleep(300)
    process.kill(first.pid, 'SIGKILL')
    for (const call of under) {
      const error: WorkerLostError = await call.then(
        () => expect.unreachable(),
        (e) => e,
      )
      expect(error).toBeInstanceOf(WorkerLostError)
      expect([error.worker, error.reason]).toEqual([0, 'its process ended by SIGKILL'])
    }
    // It waits for the new place.
    expect((await bridge.call(0, { op: 'echo' })).header.pid).toBe((await events.place(0, 1)).pid)

    expect(await told(bridge.call(0, { op: 'exit' }))).toBe(
      'WorkerLostError: Worker 0 was lost: its process ended with code 7. It said: going now',
    )
    await events.place(0, 2)
    expect(await told(bridge.call(0, { op: 'garbage' }))).toMatch(/^WorkerLostError: .*something else than frames to its standard output/)
    await events.place(0, 3)
    const killed = told(bridge.call(0, { op: 'later', ms: 60_000 }))
    await sleep(300)
    bridge.kill(0)
    expect(await killed).toBe('WorkerLostError: Worker 0 was lost: it was killed on request')
    const place = await events.place(0, 4)
    expect(alive(first.pid)).toBe(false)
    expect(alive(place.pid)).toBe(true)
    expect(events.lost.map(([worker]) => worker)).toEqual([0, 0, 0, 0])
  })

  it('finds one that hangs by its deadline, and leaves one alone that works for longer', async () => {
    bridge.spawn(2, { ...options, deadline: 2 })
    const { pid } = await events.place(2, 0)
    expect((await bridge.call(2, { op: 'later', ms: 4000 })).header).toEqual({ late: true })
    const began = Date.now()
    expect(await told(bridge.call(2, { op: 'hang' }))).toBe(
      'WorkerLostError: Worker 2 was lost: it hung: not a sign of it for 2 seconds while a call was under way',
    )
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(alive(pid)).toBe(false)
    expect((await bridge.call(2, { op: 'echo' })).header.pid).toBe((await events.place(2, 1)).pid)
  })

  it('lets a worker wait for room, and gives it the place of one that is retired', async () => {
    bridge.spawn(3, options)
    const waits = bridge.call(3, { op: 'echo' })
    const lost = told(bridge.call(2, { op: 'later', ms: 60_000 }))
    await sleep(1000)
    expect(events.placed.some(([worker]) => worker === 3)).toBe(false)
    bridge.retire(2)
    expect(await lost).toBe('WorkerLostError: Worker 2 was lost: it was retired')
    expect((await waits).header.pid).toBe((await events.place(3, 0)).pid)
    expect(await told(bridge.call(2, {}))).toMatch(/it was retired/)
    bridge.retire(3)
  })

  it('tells why a worker does not start, as often as Ray tries', async () => {
    bridge.spawn(4, { ...options, command: ['/nowhere/program', 'worker.js'] })
    await until(() => events.lost.filter(([worker]) => worker === 4).length >= 2)
    bridge.retire(4)
    const { ip } = await events.place(0, 0)
    expect(events.lost.find(([worker]) => worker === 4)![1]).toBe(
      `it did not start on ${ip}: its process ended with code 1. It said: /nowhere/program, and PATH has none: program: No such file or directory`,
    )
    expect(events.placed.some(([worker]) => worker === 4)).toBe(false)
  })

  it("takes a program from the node's PATH that lies elsewhere there", async () => {
    bridge.spawn(5, { ...options, command: ['/nowhere/node', echo] })
    expect((await bridge.call(5, { op: 'echo' })).header.pid).toBe((await events.place(5, 0)).pid)
    bridge.retire(5)
  })

  it('ends everything at close, and tells calls so', async () => {
    const { pid } = await events.place(1, 0)
    const under = told(bridge.call(1, { op: 'later', ms: 60_000 }))
    await Promise.all([bridge.close(), bridge.close()])
    expect(await under).toBe('ClusterError: The bridge to Ray was closed.')
    expect(await told(bridge.call(1, {}))).toBe('ClusterError: The bridge to Ray was closed.')
    await until(() => !alive(pid), 5)
    await until(() => processesIn(rayFolder).length === 0, 10)
  })
})

withRay('everything ends within seconds', () => {
  it('when the driver dies by SIGKILL', async () => {
    const { driver, pids } = await drive({ address: 'local', python, cpus: 1 }, [options])
    await sleep(500)
    const others = processesIn(rayFolder)
    expect(others.length).toBeGreaterThan(1)
    driver.kill('SIGKILL')
    await until(() => !alive(pids[0]!) && processesIn(rayFolder).length === 0, 20)
  })
})

withRay('an address', () => {
  it('where nothing is is told at once', async () => {
    expect(await told(Bridge.start({ address: '127.0.0.1:1', python }))).toMatch(
      /^ClusterError: There is no Ray cluster at 127\.0\.0\.1:1 \(.*refused\)\. `ray start --head` prints the address/,
    )
    const before = process.env.RAY_ADDRESS
    delete process.env.RAY_ADDRESS
    // `auto` finds the clusters of other tests too, and cannot enter them.
    expect(await told(Bridge.start({ address: 'auto', python }))).toMatch(
      processesIn('/raylet/raylet ').length === 0
        ? /^ClusterError: No Ray cluster runs on this machine\. Start one with `ray start --head`/
        : /^ClusterError: (No Ray cluster runs|Ray found a cluster) on this machine/,
    )
    if (before !== undefined) process.env.RAY_ADDRESS = before
  })

  it.skipIf(!inProofs)('where something is silent is told within a minute', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
    const { port } = silent.address() as { port: number }
    const began = Date.now()
    expect(await told(Bridge.start({ address: `127.0.0.1:${port}`, python }))).toMatch(/did not come back within 60 seconds.*RAY_AUTH_MODE/)
    expect(Date.now() - began).toBeLessThan(90_000)
    silent.close()
  })
})
