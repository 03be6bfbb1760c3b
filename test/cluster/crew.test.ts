import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Crew } from '../../src/cluster/crew.ts'
import { ClusterError } from '../../src/cluster/errors.ts'
import { Processes } from './processes.ts'

function crew(script: string) {
  const said: string[] = []
  const processes = new Processes()
  const crew = new Crew(processes, {
    workers: 2,
    threads: 1,
    command: [process.execPath, '-e', script],
    deadline: 60,
    setup: {
      version: '0',
      engine: { device: 'cpu', precision: 'f32', numerics: 'exact', threads: 1 },
      model: { kind: 'checkpoint', places: { folder: '' }, hash: '', options: {} },
    },
    info: { device: 'cpu', precision: 'f32', isa: 'portable' },
    say: (line) => said.push(line),
  })
  /** A piece that never ends by itself. */
  const work = () => new Promise((_, fail) => crew.submit({ size: 1, run: () => sleep(1e6), fail })).catch((error: Error) => error)
  return { crew, processes, said, work }
}

describe('a crew', () => {
  it('ends with the reason where no process of a worker ever gets ready', async () => {
    const { crew: all, said, work } = crew('process.exit(3)')
    const error = await work()
    expect(error).toBeInstanceOf(ClusterError)
    expect(String(error)).toMatch(
      /^ClusterError: No worker can take part\. Worker \d takes no part: its process ended \(3\)\. Does every machine have this version of parallel-r1 .*\?$/,
    )
    expect(said.filter((line) => line.endsWith('its process ended (3). It is tried again'))).toHaveLength(2)
    expect(said.filter((line) => line.includes('takes no part'))).toHaveLength(2)
    await all.close()
  })

  it('ends with the reason where the cluster is gone while it waits for room', async () => {
    const { crew: all, processes, work } = crew('process.stdin.resume()')
    const [waiting, gone] = [work(), new ClusterError('It is gone.')]
    processes.onGone!(gone)
    expect([await waiting, await work()]).toEqual([gone, gone])
    await all.close()
  })
})
