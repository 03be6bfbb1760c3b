/** What a worker answers, without the process around it. */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Call, Outcome } from '../../src/cluster/protocol.ts'
import { requestToWire } from '../../src/cluster/requests.ts'
import { Shipping } from '../../src/cluster/shipping.ts'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../src/engine/open.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { readPrompt } from '../../src/providers/prompt.ts'
import { toRequest } from '../../src/providers/request.ts'
import { localThinker } from '../../src/thinking/thinker.ts'
import { WorkerModel } from '../../src/worker/model.ts'
import { root } from '../trainer/runs.ts'

const shipped = path.join(root, 'suites/countdown/checkpoints/parallel-10')
const none = new Uint8Array()
const models: WorkerModel[] = []
afterAll(async () => {
  for (const model of models) {
    await model.close()
    model.removeFiles()
  }
})

function newModel(): WorkerModel {
  const model = new WorkerModel('1.0.0')
  models.push(model)
  return model
}

async function setup(folder: string, hash: string): Promise<Call> {
  const engine = { device: 'cpu', precision: 'f32', numerics: 'exact', threads: 1 } as const
  return { op: 'setup', version: '1.0.0', engine, model: { kind: 'checkpoint', places: { folder }, hash, options: { cacheTokens: 4096 } } }
}

describe('a worker', () => {
  it('thinks with a checkpoint that its machine has not got, or has another one of, when it was sent the files', async () => {
    const checkpoint = await openCheckpoint(shipped)
    const hash = await checkpoint.identity.hash()
    const config = parseThinkingConfig({ mode: 'parallel', paths: 3, maxTokens: 120 }, 'the test')
    const { ids } = readPrompt(checkpoint, config, 'Use 3, 5 and 7 to make 22.')
    const request = toRequest(config, checkpoint, ids, 11)
    const engine = await openEngine({ device: 'cpu', precision: 'f32', threads: 1 })
    const thinker = localThinker(await engine.load(checkpoint))
    const expected = await thinker.think(request)
    await thinker.close()
    await engine.dispose()

    const other = path.join(mkdtempSync(path.join(tmpdir(), 'pr1-worker-test-')), 'parallel')
    cpSync(shipped, other, { recursive: true })
    const changed = path.join(other, 'generation_config.json')
    writeFileSync(changed, `${readFileSync(changed, 'utf8')} `)
    for (const place of ['/nowhere/parallel', other]) {
      const model = newModel()
      const call = await setup(place, hash)
      await expect(model.answer(call, none)).rejects.toMatchObject({ name: 'AbsentError', message: place })
      const store = new Map<string, Uint8Array>()
      const shipping = new Shipping(
        {
          put: async (key, [bytes]) => {
            store.set(key, bytes)
          },
          drop: (key) => {
            store.delete(key)
          },
        },
        100_000,
      )
      let most = 0
      await shipping.ship(shipped, (call, key) => {
        most = Math.max(most, store.get(key)!.length)
        return model.answer({ ...call, place } as Call, store.get(key)!)
      })
      expect(most).toBe(100_000)
      expect(store.size).toBe(0)
      expect((await model.answer(call, none)).header.info).toMatchObject({ device: 'cpu', precision: 'f32', threads: 1 })
      const { header } = await model.answer({ op: 'think', weights: hash, call: 'a', requests: [requestToWire(request)] }, none)
      const [{ thought }] = header.outcomes as Extract<Outcome, { thought: unknown }>[]
      expect({ ...thought, trajectory: { promptIds: request.promptIds, ...thought.trajectory } }).toEqual(expected)
      model.removeFiles()
    }
    expect(readdirSync(tmpdir()).filter((name) => name === `pr1-worker-${process.pid}`)).toEqual([])
  }, 60_000)

  it('refuses what it cannot do, and says what it needs to be told again', async () => {
    const model = newModel()
    await expect(model.answer({ op: 'think', weights: 'w', call: 'a', requests: [] }, none)).rejects.toMatchObject({ name: 'StateError' })
    await expect(model.answer({ op: 'backward', task: 't', step: 1, arrays: [] }, none)).rejects.toMatchObject({ name: 'StateError' })
    await expect(model.answer({ op: 'gradient', task: 't', part: 0 }, none)).rejects.toMatchObject({ name: 'StateError' })
    await expect(model.answer({ op: 'weights', weights: 'w', part: 0 }, none)).rejects.toMatchObject({ name: 'StateError' })
    await expect(model.answer({ op: 'dance' } as unknown as Call, none)).rejects.toThrow('A worker knows no call "dance".')
    await expect(model.answer({ ...(await setup(shipped, 'x')), version: '0.9.0' } as Call, none)).rejects.toThrow(
      'It has parallel-r1 1.0.0, and the run 0.9.0. Install the same version there',
    )
    const outside = { op: 'file', place: '/nowhere', name: '../escaped', offset: 0 } as const
    await expect(model.answer(outside, new Uint8Array(3))).rejects.toThrow(
      'A file that is sent has a name without folders. Got "../escaped".',
    )
    expect(existsSync(path.join(tmpdir(), 'escaped'))).toBe(false)
  })
})
