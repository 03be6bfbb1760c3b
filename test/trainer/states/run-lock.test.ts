import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ParallelR1Error } from '../../../src/engine/errors.ts'
import { isAlive, RunLock, startOf } from '../../../src/trainer/states/run-lock.ts'

let folder: string
const children: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'pr1-lock-test-'))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const names = () => readdirSync(folder)

/** A lock as another process would leave it. */
function leave(host: string, pid: number, start: string): string {
  const file = path.join(folder, `lock-${host}-${pid}-${start}-0123abcd`)
  writeFileSync(file, '')
  return file
}

/** A process that does nothing. */
function idle(): ChildProcess & { pid: number } {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  children.push(child)
  return child as ChildProcess & { pid: number }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await exit
}

describe('the lock of a run', () => {
  it('lets one in, and the next one after it', async () => {
    const lock = await RunLock.take(folder)
    expect(names()).toEqual([expect.stringContaining(`-${process.pid}-`)])
    await expect(RunLock.take(folder)).rejects.toThrow(
      new RegExp(`in use by another pr1-train \\(process ${process.pid} of this machine, last seen .* ago\\).*choose another --output`),
    )
    await lock.release()
    expect(names()).toEqual([])
    await (await RunLock.take(folder)).release()
  })

  it('is taken by one of many that ask at once', async () => {
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => RunLock.take(folder)))
    const locks = asked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    expect(locks.length).toBeLessThanOrEqual(1)
    for (const result of asked) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ParallelR1Error)
    for (const lock of locks) await lock.release()
    expect(names()).toEqual([])
    // Two see each other and step back; one of them gets it, now or after a moment.
    await (await RunLock.take(folder)).release()
  })

  it('of a process that runs is respected, and taken over when that is dead', async () => {
    const holder = idle()
    const file = leave(hostname(), holder.pid, startOf(holder.pid)!)
    await expect(RunLock.take(folder)).rejects.toThrow(`process ${holder.pid} of this machine`)
    expect(names()).toEqual([path.basename(file)])
    await ended(holder)
    const lock = await RunLock.take(folder)
    expect(existsSync(file)).toBe(false)
    expect(names()).toHaveLength(1)
    await lock.release()
  })

  it('of a process whose id another one has now is taken over', async () => {
    const other = idle()
    leave(hostname(), other.pid, '0123abcdx7')
    leave(hostname(), process.pid, '0123abcdx7')
    await (await RunLock.take(folder)).release()
    expect(names()).toEqual([])
  })

  it('of another machine is an error that says how to release it', async () => {
    const file = leave('node-7.example', 4711, 'unknown')
    const old = Date.now() / 1000 - 7200
    utimesSync(file, old, old)
    const error = await RunLock.take(folder).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(ParallelR1Error)
    expect(String(error)).toContain('process 4711 on node-7.example, last seen 2h')
    expect(String(error)).toContain(`If it no longer runs, delete ${file}.`)
    expect(names()).toEqual([path.basename(file)])
    rmSync(file)
    await (await RunLock.take(folder)).release()
  })

  it('tells when it, or its folder, is gone', async () => {
    const lock = await RunLock.take(folder)
    lock.renew()
    rmSync(folder, { recursive: true })
    expect(() => lock.renew()).toThrow('ENOENT')
    await lock.release()
  })

  it('takes a folder that it made away when nothing was left in it', async () => {
    const made = path.join(folder, 'deep', 'run')
    await (await RunLock.take(made)).release()
    expect(existsSync(made)).toBe(false)
    const lock = await RunLock.take(made)
    writeFileSync(path.join(made, 'metrics.jsonl'), '')
    await lock.release()
    expect(readdirSync(made)).toEqual(['metrics.jsonl'])
    writeFileSync(path.join(folder, 'file'), '')
    await expect(RunLock.take(path.join(folder, 'file'))).rejects.toThrow(/cannot be written \(EEXIST.*Choose another --output/)
  })
})

describe('a process', () => {
  it('is alive by its id and its start', async () => {
    const child = idle()
    const start = startOf(child.pid)!
    expect(start).toMatch(/^\w+$/)
    expect(startOf(child.pid)).toBe(start)
    expect(isAlive(child.pid, start)).toBe(true)
    expect(isAlive(child.pid, 'unknown')).toBe(true)
    expect(isAlive(child.pid, `${start}0`)).toBe(false)
    await ended(child)
    expect(isAlive(child.pid, start)).toBe(false)
    expect(isAlive(child.pid, 'unknown')).toBe(false)
  })
})
