import { beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { program, type Ran, run } from './build.ts'

/**
 * NEON without an Arm machine: the C++ tests built by a cross compiler and run in emulation. What they compute has the bits of AVX2 on this
 * machine. Debian, Ubuntu: apt-get install g++-aarch64-linux-gnu qemu-user.
 */
const cross = 'aarch64-linux-gnu-g++'
const emulator = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu', '-cpu', 'max']

let missing = ''
beforeAll(async () => {
  if (process.arch !== 'x64') missing = `compares with AVX2, and this CPU is ${process.arch}`
  for (const tool of [cross, emulator[0]]) {
    if (!missing && (await run(tool, ['--version'])).status !== 0) missing = `${tool} is not installed`
  }
  if (missing) console.warn(`skipped: ${missing}`)
})

const emulated = (file: string, args: readonly string[]): Promise<Ran> => run(emulator[0], [...emulator.slice(1), file, ...args])

function expectDone({ status, output }: Ran): void {
  expect(output).toMatch(/^done$/m)
  expect(status).toBe(0)
}

/** What a program computed, by the name of each line. */
function digestsOf(output: string): Record<string, string> {
  const lines = [...output.matchAll(/^ok (?:neon |avx2 )?(.*?) ([0-9a-f]{16})\b/gm)]
  return Object.fromEntries(lines.map(([, name, digest]) => [name, digest]))
}

/** The program with these arguments on AVX2 here and on NEON there. */
async function expectSameBits(context: TestContext, main: string, least: number, ...args: string[]): Promise<void> {
  if (missing) return context.skip(missing)
  const here = await run(await program(main), ['avx2', ...args])
  if (here.status === 2) return context.skip(here.output.trim())
  const there = await emulated(await program(main, [], cross), ['neon', ...args])
  for (const ran of [here, there]) expectDone(ran)
  const digests = digestsOf(there.output)
  expect(Object.keys(digests).length).toBeGreaterThanOrEqual(least)
  expect(digests).toEqual(digestsOf(here.output))
}

describe('NEON has the bits of AVX2', { timeout: 1_800_000 }, () => {
  it.for(['f32', 'bf16'])('ops, %s', (precision, context) => expectSameBits(context, 'test/ops_test.cpp', 80, precision, 'digests'))
  it('blocks of every type', (context) => expectSameBits(context, 'test/blocks_test.cpp', 70))
  it.for(['f32', 'bf16', 'blocks', 'bytes'])('the decoder, %s', (precision, context) =>
    expectSameBits(context, '../test/native/model_driver.cpp', 5, precision, '2', 'short'),
  )
})

describe('NEON has the bits of plain C++', { timeout: 1_800_000 }, () => {
  it('products of 8-bit rows', async (context) => {
    if (missing) return context.skip(missing)
    const ran = await emulated(await program('test/integers_test.cpp', [], cross), [])
    expectDone(ran)
    expect(ran.output).toMatch(/^ok NEON dot product$/m)
  })

  it('products as the matrix units of AMX have them', async (context) => {
    if (missing) return context.skip(missing)
    expectDone(await emulated(await program('test/tiles_test.cpp', [], cross), ['amx-bf16:neon']))
  })
})
