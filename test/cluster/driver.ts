import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RayOptions, WorkerOptions } from '../../src/cluster/bridge.ts'
import { until } from './events.ts'
import { rayFolder } from './ray.ts'

/** A process of its own with a bridge and these workers, each of which hangs in a call. Resolves when they run, with their process ids. */
export async function drive(ray: RayOptions, workers: readonly WorkerOptions[]): Promise<{ driver: ChildProcess; pids: number[] }> {
  const folder = mkdtempSync(path.join(rayFolder, 'd'))
  const script = path.join(folder, 'driver.mts')
  const file = (worker: number) => path.join(folder, `pid${worker}`)
  writeFileSync(
    script,
    `import { writeFileSync } from 'node:fs'
    const { Bridge } = await import(${JSON.stringify(new URL('../../src/cluster/bridge.ts', import.meta.url).href)})
    const bridge = await Bridge.start(${JSON.stringify(ray)})
    bridge.onPlaced = (worker, { pid }) => {
      void bridge.call(worker, { op: 'hang' })
      writeFileSync(${JSON.stringify(path.join(folder, 'pid'))} + worker, String(pid))
    }
    for (const [worker, options] of ${JSON.stringify(workers)}.entries()) bridge.spawn(worker, options)`,
  )
  const driver = spawn(process.execPath, ['--import', 'tsx', script], {
    stdio: 'inherit',
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  })
  const pids = []
  for (const worker of workers.keys()) pids.push(await until(() => pidIn(file(worker))))
  return { driver, pids }
}

function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
