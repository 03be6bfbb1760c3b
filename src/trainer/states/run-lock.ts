/**
 * One trainer a folder. Who trains into a folder leaves an empty file in it whose name says who it is:
 *
 *   lock-<host>-<process>-<its start>-<random>
 *
 * A name is made in one step, so there is no half-written lock. Each holder has a name of its own, so removing a stale lock never
 * removes a fresh one. Two that begin at once see each other, step back and try again.
 */

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdir, rm, rmdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { duration } from '../../cli/progress.ts'
import { errorCode } from '../../engine/checkpoint/problem.ts'
import { ParallelR1Error } from '../../engine/errors.ts'

const TRIES = 5

interface Holder {
  file: string
  host: string
  pid: number
  /** What tells the process from a later one with its id; `unknown` where the system does not say. */
  start: string
}

export class RunLock {
  private readonly file: string
  private readonly folder: string
  private readonly made: boolean

  private constructor(folder: string, made: boolean) {
    this.folder = folder
    this.made = made
    this.file = join(folder, nameOf({ host: thisHost(), pid: process.pid, start: startOf(process.pid) ?? 'unknown' }))
  }

  /**
   * Takes the folder, which is made where it is not there. A lock whose process is gone from this machine is taken over.
   * @throws ParallelR1Error that names the holder and says how to release the folder
   */
  static async take(folder: string, program = 'pr1-train'): Promise<RunLock> {
    for (let tries = 1; ; tries++) {
      const lock = await RunLock.claim(folder)
      const holder = await otherHolder(lock.file, folder)
      if (!holder) return lock
      const message = inUse(folder, holder, program)
      await lock.release()
      if (tries === TRIES) throw new ParallelR1Error(message)
      await sleep(100 * Math.random())
    }
  }

  private static async claim(folder: string): Promise<RunLock> {
    try {
      const made = (await mkdir(folder, { recursive: true })) !== undefined
      const lock = new RunLock(folder, made)
      writeFileSync(lock.file, '', { flag: 'wx' })
      return lock
    } catch (error) {
      const message = `The folder of the run, ${folder}, cannot be written (${(error as Error).message}). Choose another --output.`
      throw new ParallelR1Error(message, { cause: error })
    }
  }

  /** Shows that the holder lives. Throws a system error where lock or folder are gone. */
  renew(): void {
    const now = new Date()
    utimesSync(this.file, now, now)
  }

  async release(): Promise<void> {
    await rm(this.file, { force: true })
    // Fails where a run left something in it, as it should.
    if (this.made) await rmdir(this.folder).catch(() => {})
  }
}

/** Its name as a part of a file's. */
function thisHost(): string {
  return hostname()
    .replace(/[^\w.-]/g, '_')
    .slice(0, 100)
}

function nameOf({ host, pid, start }: Omit<Holder, 'file'>): string {
  return `lock-${host}-${pid}-${start}-${randomBytes(4).toString('hex')}`
}

/** Who trains into the folder now; undefined where nobody does. */
export function holderOf(folder: string): Promise<Holder | undefined> {
  return otherHolder('', folder)
}

/** Another that holds the folder; stale locks are removed. */
async function otherHolder(own: string, folder: string): Promise<Holder | undefined> {
  for (const name of readdirSync(folder)) {
    const [, host, pid, start] = /^lock-(.+)-(\d+)-(\w+)-[0-9a-f]{8}$/.exec(name) ?? []
    const file = join(folder, name)
    if (host === undefined || file === own) continue
    if (host !== thisHost() || isAlive(Number(pid), start)) return { file, host, pid: Number(pid), start }
    // One that stays is stale to the next trainer, too.
    await rm(file, { force: true }).catch(() => {})
  }
  return undefined
}

function inUse(folder: string, { file, host, pid }: Holder, program: string): string {
  const where = host === thisHost() ? `process ${pid} of this machine` : `process ${pid} on ${host}`
  const seen = existsSync(file) ? `, last seen ${duration((Date.now() - statSync(file).mtimeMs) / 1000)} ago` : ''
  return `${folder} is in use by another ${program} (${where}${seen}). Two would mix their files. Wait for it, or choose another ${program === 'pr1-train' ? '--output' : 'folder'}. If it no longer runs, delete ${file}.`
}

/** Whether the process runs that had this id and this start. */
export function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it runs and is not ours.
    if (errorCode(error) === 'ESRCH') return false
  }
  const now = startOf(pid)
  return now === undefined || start === 'unknown' || now === start
}

/** Tells a process from a later one with its id, also after a restart of the machine. `ended` where only its entry is left. */
export function startOf(pid: number): string | undefined {
  try {
    // proc(5): the fields after the name, which may hold anything; the first is the state, the twentieth the start since boot.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return 'ended'
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8)}x${fields[19]}`
  } catch {
    // No such file on macOS.
  }
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } })
    const seconds = Date.parse(text.trim()) / 1000
    return Number.isFinite(seconds) ? String(seconds) : undefined
  } catch {
    return undefined
  }
}
