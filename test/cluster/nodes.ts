/** A Ray cluster of several nodes on this machine: real node processes, each with a home folder, and where that is allowed a network of its own. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { python, rayFolder } from './ray.ts'

/** Above the ports of Ray's workers. Files of tests run side by side. */
const PORT = 20_000 + (process.pid % 10_000)
const START_SECONDS = 90
const CLI = 'import sys; from ray.scripts.scripts import main; sys.argv[0] = "ray"; main()'

/** Two network namespaces that see each other, 10.213.N.1 and 10.213.N.2. Undefined where this user may not make them. */
class Networks {
  static make(): Networks | undefined {
    const networks = new Networks(process.pid % 250)
    try {
      networks.build()
      return networks
    } catch {
      networks.remove()
      return undefined
    }
  }

  private constructor(private readonly number: number) {}

  name(i: 0 | 1): string {
    return `pr1-${process.pid}-${i}`
  }

  ip(i: 0 | 1): string {
    return `10.213.${this.number}.${i + 1}`
  }

  /** Cuts the second network off, or joins it again. */
  set(state: 'down' | 'up'): void {
    ip('-n', this.name(1), 'link', 'set', `p${process.pid}b`, state)
  }

  /** From now on at most so many megabits a second go from either network to the other. */
  limit(megabits: number): void {
    for (const i of [0, 1] as const) {
      const device = `p${process.pid}${'ab'[i]}`
      const limit = ['tbf', 'rate', `${megabits}mbit`, 'burst', '256kb', 'latency', '100ms']
      run('ip', 'netns', 'exec', this.name(i), 'tc', 'qdisc', 'replace', 'dev', device, 'root', ...limit)
    }
  }

  private build(): void {
    const [end0, end1] = [`p${process.pid}a`, `p${process.pid}b`]
    for (const i of [0, 1] as const) ip('netns', 'add', this.name(i))
    ip('link', 'add', end0, 'netns', this.name(0), 'type', 'veth', 'peer', 'name', end1, 'netns', this.name(1))
    for (const [i, end] of [
      [0, end0],
      [1, end1],
    ] as const) {
      ip('-n', this.name(i), 'addr', 'add', `${this.ip(i)}/24`, 'dev', end)
      for (const device of ['lo', end]) ip('-n', this.name(i), 'link', 'set', device, 'up')
    }
  }

  remove(): void {
    for (const i of [0, 1] as const) spawnSync('ip', ['netns', 'del', this.name(i)])
  }
}

function ip(...args: string[]): void {
  run('ip', ...args)
}

function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`)
}

/** One `ray start --block`: its raylet, its workers and, of a head, the GCS. */
export class RayNode {
  said = ''
  private readonly process: ChildProcess

  constructor(
    readonly folder: string,
    readonly ip: string,
    command: readonly string[],
    env: NodeJS.ProcessEnv,
  ) {
    const [program, ...args] = command
    this.process = spawn(program!, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    for (const stream of [this.process.stdout!, this.process.stderr!])
      stream.on('data', (chunk) => {
        this.said += chunk
      })
  }

  async started(): Promise<this> {
    for (let tries = 0; tries < START_SECONDS * 5; tries++) {
      if (this.said.includes('Ray runtime started')) return this
      if (this.process.exitCode !== null) break
      await sleep(200)
    }
    throw new Error(`ray start did not start a node: ${this.said}`)
  }

  /** SIGKILL to the raylet: for the cluster, the machine is gone. */
  kill(): void {
    for (const { pid, args } of processes()) if (args.includes('/raylet/raylet ') && this.owns(args)) process.kill(pid, 'SIGKILL')
  }

  /** Everything that names the node's folder, and what it started. */
  end(): void {
    if (this.process.exitCode === null) this.process.kill('SIGKILL')
    for (const { pid, args } of processes())
      if (this.owns(args)) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {}
      }
  }

  private owns(args: string): boolean {
    return args.includes(`${this.folder}/`)
  }
}

function processes(): { pid: number; args: string }[] {
  const lines = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8', maxBuffer: 1e8 }).stdout.trim().split('\n')
  return lines.map((line) => ({ pid: Number.parseInt(line, 10), args: line.trim().replace(/^\d+ /, '') }))
}

export class RayNodes {
  readonly nodes: RayNode[] = []
  readonly networks = Networks.make()
  readonly folder = rayFolder
  /** Where the one who starts the head has the token of the cluster. */
  readonly token: string
  private readonly headHome: string

  /** A head with `cpus` CPUs, in the first network. Its token is made as docs/scale.md says. `storeBytes`: of each node's object store. */
  static async start(cpus: number, storeBytes = 200_000_000): Promise<RayNodes> {
    const cluster = new RayNodes(storeBytes)
    await cluster.add('--head', `--port=${PORT}`, '--include-dashboard=false', `--num-cpus=${cpus}`)
    return cluster
  }

  private constructor(private readonly storeBytes: number) {
    this.headHome = this.home()
    this.token = path.join(this.headHome, '.ray', 'auth_token')
    const { status, stderr } = spawnSync(python, ['-c', CLI, 'get-auth-token', '--generate'], {
      env: this.env(this.headHome),
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`ray get-auth-token --generate: ${stderr}`)
  }

  get address(): string {
    return `${this.nodes[0]!.ip}:${PORT}`
  }

  /** Another node, in the second network, with a home of its own to which the token is copied. */
  async join(cpus: number): Promise<RayNode> {
    return await this.add(`--address=${this.address}`, `--num-cpus=${cpus}`)
  }

  /** A Python for the bridge that runs on the head's machine: with `token`, as a user with a home of their own to which it was copied. */
  driver({ token }: { token: boolean }): string {
    const home = this.home(token)
    const file = path.join(home, 'python')
    writeFileSync(
      file,
      `#!/bin/sh\nexport HOME=${home} RAY_TMPDIR=${this.nodes[0]!.folder}\nexec ${[...this.within(0), python].join(' ')} "$@"\n`,
      {
        mode: 0o755,
      },
    )
    return file
  }

  stop(): void {
    for (const node of this.nodes) node.end()
    this.networks?.remove()
  }

  private async add(...args: string[]): Promise<RayNode> {
    const place = this.nodes.length === 0 ? 0 : 1
    const home = place === 0 ? this.headHome : this.home(true)
    const folder = path.join(this.folder, `t${this.nodes.length}`)
    mkdirSync(folder)
    const ip = this.networks?.ip(place) ?? '127.0.0.1'
    const all = [
      ...args,
      '--block',
      `--node-ip-address=${ip}`,
      `--temp-dir=${folder}`,
      '--disable-usage-stats',
      `--object-store-memory=${this.storeBytes}`,
    ]
    const node = new RayNode(folder, ip, [...this.within(place), python, '-c', CLI, 'start', ...all], this.env(home))
    this.nodes.push(node)
    return await node.started()
  }

  private within(place: 0 | 1): string[] {
    return this.networks ? ['ip', 'netns', 'exec', this.networks.name(place)] : []
  }

  private home(token = false): string {
    const home = mkdtempSync(path.join(this.folder, 'h'))
    if (token) {
      mkdirSync(path.join(home, '.ray'))
      copyFileSync(this.token, path.join(home, '.ray', 'auth_token'))
    }
    return home
  }

  private env(home: string): NodeJS.ProcessEnv {
    const { RAY_ADDRESS, RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH, ...env } = process.env
    return { ...env, HOME: home, RAY_AUTH_MODE: 'token', RAY_worker_niceness: '0' }
  }
}
