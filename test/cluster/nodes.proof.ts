import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bridge } from '../../src/cluster/bridge.ts'
import { drive } from './driver.ts'
import { Events, until } from './events.ts'
import { RayNodes } from './nodes.ts'
import { alive, hasRay, parentOf } from './ray.ts'

const echo = fileURLToPath(new URL('echo-worker.mjs', import.meta.url))
const told = (promise: Promise<unknown>) => promise.then(String, String)
const options = { cpus: 1, command: [process.execPath, echo], deadline: 30 }

describe.skipIf(!hasRay('proof of a cluster of several nodes.'))('a cluster of several nodes', () => {
  let cluster: RayNodes
  let bridge: Bridge
  let events: Events
  /** Ray's id of the first node. */
  let head: string

  beforeAll(async () => {
    cluster = await RayNodes.start(2)
    if (!cluster.networks)
      console.warn('skipped: nodes in networks of their own. `ip netns` is not allowed here; all nodes have one address')
  })

  afterAll(async () => {
    await bridge?.close()
    cluster?.stop()
  })

  it('lets nobody in without its token, and says how to get it', async () => {
    const refused = Bridge.start({ address: cluster.address, python: cluster.driver({ token: false }) })
    await expect(refused).rejects.toThrow(/Ray cluster at .*token.*~\/\.ray\/auth_token.*RAY_AUTH_MODE=token/)
  })

  it('lets in whom the token was handed, and places workers on both nodes', async () => {
    bridge = await Bridge.start({ address: cluster.address, python: cluster.driver({ token: true }) })
    events = new Events(bridge)
    head = (await bridge.nodes())[0]!.id
    await cluster.join(2)
    const nodes = await bridge.nodes()
    expect(nodes.map(({ cpus }) => cpus)).toEqual([2, 2])
    for (let worker = 0; worker < 4; worker++) bridge.spawn(worker, options)
    const places = await Promise.all([0, 1, 2, 3].map((worker) => events.place(worker, 0)))
    expect(new Set(places.map(({ node }) => node))).toEqual(new Set(nodes.map(({ id }) => id)))
    if (cluster.networks) expect(new Set(places.map(({ ip }) => ip))).toEqual(new Set([cluster.networks.ip(0), cluster.networks.ip(1)]))
    expect((await bridge.nodes()).map(({ freeCpus }) => freeCpus)).toEqual([0, 0])
  })

  it('brings an object to every node, and calls and replies of 20 MB over the network', async () => {
    const bytes = new Uint8Array(20_000_000).fill(5)
    await bridge.put('weights', [bytes])
    for (const worker of [0, 1, 2, 3]) {
      expect((await bridge.call(worker, { op: 'sum' }, { object: 'weights' })).header).toEqual({ sum: 1e8, bytes: 2e7 })
      const { payload } = await bridge.call(worker, { op: 'echo' }, { payload: bytes })
      expect(Buffer.from(payload).equals(bytes)).toBe(true)
    }
    bridge.drop('weights')
  })

  it('loses the workers of a node that goes, keeps the others, and places them on one that joins', async () => {
    const there = [0, 1, 2, 3].map((worker) => events.placed.find(([w]) => w === worker)![1])
    const gone = [0, 1, 2, 3].filter((worker) => there[worker]!.node !== head)
    expect(gone).toHaveLength(2)
    const under = [0, 1, 2, 3].map((worker) =>
      bridge.call(worker, { op: 'later', ms: 8000 }).then(
        () => 'late',
        (error) => error.name,
      ),
    )
    cluster.nodes[1]!.kill()
    const began = Date.now()
    expect(await Promise.all(under)).toEqual([0, 1, 2, 3].map((worker) => (gone.includes(worker) ? 'WorkerLostError' : 'late')))
    console.log(`lost after ${(Date.now() - began) / 1000} s: ${events.lost.map(([worker, reason]) => `${worker} ${reason}`).join('\n')}`)
    expect([...new Set(events.lost.map(([worker]) => worker))].sort()).toEqual(gone)
    // Nothing of the lost node goes on computing.
    for (const worker of gone) await until(() => !alive(there[worker]!.pid), 20)

    await cluster.join(2)
    for (const worker of gone) {
      const place = await until(() => events.placed.find(([w, { life }]) => w === worker && life > 0)?.[1], 120)
      expect([place.life, place.node === head, place.node === there[worker]!.node]).toEqual([1, false, false])
      expect((await bridge.call(worker, { op: 'echo' })).header.pid).toBe(place.pid)
    }
  })

  it('finds the cluster by auto on a machine of it', async () => {
    const other = await Bridge.start({ address: 'auto', python: cluster.driver({ token: true }) })
    expect(await other.nodes()).toHaveLength(2)
    await other.close()
    // Others use it still.
    expect((await bridge.call(0, { op: 'echo' })).header.pid).toBeGreaterThan(0)
  })

  it('replaces workers whose actor or node is silent, though nothing broke', async () => {
    const of = (worker: number) => events.placed.findLast(([w]) => w === worker)![1]
    const here = [0, 1, 2, 3].find((worker) => of(worker).node === head)!
    const silent = cluster.networks ? [0, 1, 2, 3].filter((worker) => of(worker).node !== head || worker === here) : [here]
    const before = silent.map((worker) => of(worker))
    const under = silent.map((worker) => bridge.call(worker, { op: 'later', ms: 300_000 }).catch((error) => error.message))
    // The actor of one stands still, the node of the others is cut off.
    process.kill(parentOf(of(here).pid), 'SIGSTOP')
    cluster.networks?.set('down')
    const told = await Promise.all(under)
    for (const message of told) expect(message).toMatch(/did not answer for 25 seconds|is gone/)
    cluster.networks?.set('up')
    await cluster.join(4)
    for (const [i, worker] of silent.entries()) {
      const place = await until(() => events.placed.find(([w, { life }]) => w === worker && life > before[i]!.life)?.[1], 120)
      expect(place.pid).not.toBe(before[i]!.pid)
      expect((await bridge.call(worker, { op: 'echo' })).header.pid).toBe(place.pid)
    }
    await until(() => !alive(before[silent.indexOf(here)]!.pid), 60)
  })

  it('ends the workers of a driver on all nodes, whether it closes or dies by SIGKILL', async () => {
    const last = [0, 1, 2, 3].map((worker) => events.placed.findLast(([w]) => w === worker)![1].pid)
    await bridge.close()
    for (const pid of last) await until(() => !alive(pid), 20)
    const { driver, pids } = await drive({ address: cluster.address, python: cluster.driver({ token: true }) }, Array(4).fill(options))
    driver.kill('SIGKILL')
    for (const pid of pids) await until(() => !alive(pid), 20)
  })

  it('says so where the whole cluster is gone', async () => {
    const other = await Bridge.start({ address: cluster.address, python: cluster.driver({ token: true }) })
    other.spawn(0, options)
    expect((await other.call(0, { op: 'echo' })).header.pid).toBeGreaterThan(0)
    const under = told(other.call(0, { op: 'later', ms: 300_000 }))
    const gone = new Promise<Error>((resolve) => {
      other.onGone = resolve
    })
    cluster.nodes[0]!.end()
    expect(await under).toMatch(/^WorkerLostError: /)
    // Ray itself waits for a minute.
    expect(String(await gone)).toMatch(/^ClusterError: The bridge to Ray \(.*\) ended\. .*Failed to connect to GCS within 60 seconds/s)
    for (const late of [other.nodes(), other.call(0, { op: 'echo' })]) expect(await told(late)).toBe(String(await gone))
    await other.close()
  })
})
