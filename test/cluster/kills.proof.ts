/** Countdown RL on two Ray nodes, with kills at 30 random moments: workers, actors, once a whole node, once the run itself. It ends with the bits of a run that nothing disturbs. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { stringify } from 'yaml'
import { fixture, newFolder, results, root } from '../trainer/runs.ts'
import { RayNodes } from './nodes.ts'
import { hasRay } from './ray.ts'

vi.setConfig({ testTimeout: 1_200_000, hookTimeout: 100_000 })

const KILLS = 30
const there = hasRay('a run on workers that are killed.')
let cluster: RayNodes | undefined
afterAll(() => cluster?.stop())

/** The training file: the shipped checkpoint learns from a few problems. */
function trainFile(): string {
  const file = path.join(newFolder(), 'train.yaml')
  const stage = { name: 'rl', kind: 'grpo', suite: fixture('countdown-rl.yaml'), provider: 'parallel', reward: 'answer' }
  writeFileSync(
    file,
    stringify({
      ...{ output: './run', seed: 3, device: 'cpu', precision: 'f32', shards: 4 },
      model: { checkpoint: path.join(root, 'suites/countdown/checkpoints/parallel-10') },
      stages: [{ ...stage, steps: 40, prompts: 4, group: 8, updates: 2, lr: 1e-4 }],
      save: { every: 5, dtype: 'float32' },
    }),
  )
  return file
}

/** Starts the run, or goes on with it. */
function start(file: string, log: string, ...more: string[]): ChildProcess {
  const child = spawn(process.execPath, [path.join(root, 'dist/trainer/cli.js'), '-c', file, '--resume', ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => appendFileSync(log, chunk))
  return child
}

interface Process {
  pid: number
  parent: number
  args: string
}

function processes(): Process[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8', maxBuffer: 1e8 })
  return stdout.split('\n').flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)
    return found ? [{ pid: Number(found[1]), parent: Number(found[2]), args: found[3] }] : []
  })
}

/** Workers and their actors on the nodes of this test. */
function victims(folders: readonly string[]): Process[] {
  const all = processes()
  const raylets = all.filter(({ args }) => args.includes('/raylet/raylet ') && folders.some((folder) => args.includes(`${folder}/`)))
  const below = (parents: readonly Process[]): Process[] => {
    const children = all.filter(({ parent }) => parents.some(({ pid }) => pid === parent))
    return children.length === 0 ? [] : [...children, ...below(children)]
  }
  return below(raylets).filter(({ args }) => args.includes('dist/worker/main.js') || /^ray::Worker\b/.test(args))
}

describe.skipIf(!there)('Countdown RL', () => {
  it(`ends with the bits of an undisturbed run after ${KILLS} kills`, async () => {
    const alone = trainFile()
    const log = path.join(path.dirname(alone), 'log')
    await once(start(alone, log), 'exit')
    const expected = results(path.join(path.dirname(alone), 'run'), 'rl')

    cluster = await RayNodes.start(2)
    let second = await cluster.join(2)
    const file = trainFile()
    const said = path.join(path.dirname(file), 'log')
    const onRay = [
      '--ray',
      cluster.address,
      '--workers',
      '3',
      '--set',
      `ray.python=${cluster.driver({ token: true })}`,
      '--set',
      'ray.deadline=20',
    ]
    let run = start(file, said, ...onRay)
    let ended = once(run, 'exit')
    appendFileSync(said, '')
    const text = () => readFileSync(said, 'utf8')
    while (!/rl 2\/40 /.test(text()) && run.exitCode === null) await sleep(200)

    // A fixed sequence, at moments that the machine makes random.
    let state = 12345
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return state / 2 ** 32
    }
    const killed = { worker: 0, actor: 0, node: 0, run: 0 }
    const count = () => Object.values(killed).reduce((a, b) => a + b, 0)
    while (run.exitCode === null && count() < KILLS) {
      await sleep(300 + 2500 * random())
      if (run.exitCode !== null) break
      if (count() === 10) {
        second.kill()
        killed.node++
        second = await cluster.join(2)
      } else if (count() === 20) {
        run.kill('SIGKILL')
        killed.run++
        await ended
        run = start(file, said, ...onRay)
        ended = once(run, 'exit')
      } else {
        const some = victims(cluster.nodes.map(({ folder }) => folder))
        const one = some[Math.floor(random() * some.length)]
        if (!one) continue
        try {
          process.kill(one.pid, 'SIGKILL')
          killed[one.args.startsWith('ray::') ? 'actor' : 'worker']++
        } catch {
          // It ended just now.
        }
      }
    }
    await ended
    console.log(`killed: ${JSON.stringify(killed)}`)
    expect(run.exitCode, text().slice(-3000)).toBe(0)
    expect(count()).toBe(KILLS)
    expect(Math.min(...Object.values(killed))).toBeGreaterThan(0)
    expect(text()).toMatch(/was lost .*Others do its work/)
    expect(results(path.join(path.dirname(file), 'run'), 'rl')).toEqual(expected)
  })
})
