/** A local hub, an empty cache and the client between them, new for every test of a file that calls {@link useHub}. */

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { type FetchOptions, type HubSettings, hubSettings } from '../../src/data/hub-settings.ts'
import { type FakeHub, startHub } from './fake-hub.ts'

export let hub: FakeHub
export let cache: string
export let waits: number[]
export let notices: string[]

/** `prepare` fills the hub. */
export function useHub(prepare: (hub: FakeHub) => void): void {
  beforeEach(async () => {
    hub = await startHub()
    prepare(hub)
    cache = mkdtempSync(path.join(os.tmpdir(), 'pr1-cache-'))
    waits = []
    notices = []
  })
  afterEach(async () => {
    await hub.close()
    rmSync(cache, { recursive: true, force: true })
  })
}

export const settings = (more: NodeJS.ProcessEnv = {}): HubSettings => hubSettings({ HF_ENDPOINT: hub.endpoint, PR1_CACHE: cache, ...more })

/** Waits are written down instead of waited for. */
export const options = (more: FetchOptions = {}): FetchOptions => ({
  sleep: async (ms) => {
    waits.push(ms)
  },
  notify: (message) => notices.push(message),
  ...more,
})
