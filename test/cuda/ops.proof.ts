import { spawn, spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { emulatedLibrary, hostTest, opsCheck } from './build.ts'

/** The CUDA ops without a GPU: plain host code by itself, and every kernel run on the host against its CPU twin and float64. */
function output(program: string, args: string[], env: Record<string, string> = {}): Promise<{ text: string; status: number | null }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env: { ...process.env, PR1_CUBLASLT: 'off', ...env } })
    let text = ''
    child.stdout.on('data', (data) => (text += data))
    child.stderr.on('data', (data) => (text += data))
    child.on('close', (status) => resolve({ text, status }))
  })
}

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')('CUDA ops, emulated', () => {
  let library: string
  let program: string
  beforeAll(() => {
    library = emulatedLibrary()
    program = opsCheck()
  })

  it('the arena, the staging ring and the plans of attention keep their promises', () => {
    const run = spawnSync(hostTest(), { encoding: 'utf8' })
    expect(run.stdout + run.stderr).toMatch(/^done$/m)
    expect(run.status).toBe(0)
  })

  // In the second order the last thread of a block runs first: what depends on a barrier that is missing differs.
  it.each([
    ['forward', 'small', 150],
    ['reverse', 'brief', 40],
  ])('every op equals its CPU twin, threads in %s order', async (order, cases, atLeast) => {
    const run = await output(program, [library, cases], { PR1_EMULATE_ORDER: order })
    expect(run.text.match(/^FAILED.*/gm) ?? []).toEqual([])
    expect(run.text).toMatch(/^done$/m)
    expect(run.text.match(/^ok /gm)!.length).toBeGreaterThan(atLeast)
    expect(run.status).toBe(0)
  })

  it('measures its ceilings', async () => {
    const { text } = await output(program, [library, 'ceilings'])
    const measured = JSON.parse(text)
    expect(measured.copyBytesPerSecond).toBeGreaterThan(0)
    expect(measured.ownFlops).toBeGreaterThan(0)
  })

  it('a program that finds no library says so', async () => {
    expect((await output(program, ['/nowhere/parallel_r1_cuda.so'])).text).toMatch(/^unavailable: .*nowhere/)
  })
})
