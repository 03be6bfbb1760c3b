import { setTimeout as sleep } from 'node:timers/promises'
import type { Bridge, WorkerPlace } from '../../src/cluster/bridge.ts'

/** What a bridge tells, and waits for what it will tell. */
export class Events {
  readonly placed: [number, WorkerPlace][] = []
  readonly lost: [number, string][] = []

  constructor(bridge: Bridge) {
    bridge.onPlaced = (worker, place) => this.placed.push([worker, place])
    bridge.onLost = (worker, reason) => this.lost.push([worker, reason])
  }

  async place(worker: number, life: number): Promise<WorkerPlace> {
    return await until(() => this.placed.find(([w, place]) => w === worker && place.life === life)?.[1])
  }
}

export async function until<T>(found: () => T | undefined | false, seconds = 60): Promise<T> {
  for (let tries = 0; tries < seconds * 20; tries++) {
    const value = found()
    if (value) return value
    await sleep(50)
  }
  throw new Error(`Nothing came of it in ${seconds} seconds: ${found}`)
}
