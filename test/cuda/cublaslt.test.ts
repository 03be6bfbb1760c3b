import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { cublasLtTest, fakeCublasLt } from './build.ts'

/** What surrounds cuBLASLt, over one on the host: no test machine has a GPU. */
function run(told: string, args: string[] = []): { text: string; status: number | null } {
  const env = { ...process.env, PR1_CUBLASLT: fakeCublasLt(), PR1_FAKE_CUBLASLT: told }
  const { stdout, stderr, status } = spawnSync(cublasLtTest(), args, { encoding: 'utf8', env })
  return { text: stdout + stderr, status }
}

describe.skipIf(process.platform !== 'linux')('cuBLASLt', () => {
  it('is asked again where addresses are aligned in another way, keeps a bounded number of plans and frees them', () => {
    const { text, status } = run('')
    expect(text).toBe('ok alignment\nok plans\ndone\n')
    expect(status).toBe(0)
  })

  it.each([
    ['matmul', /5 x 70 x 24: cublasLtMatmul gave status 15, CUBLAS_STATUS_NOT_SUPPORTED\n/],
    ['heuristic', /5 x 70 x 24: cublasLtMatmulAlgoGetHeuristic found no algorithm\n/],
  ])('says what it refused and why: %s', (told, reason) => {
    const { text, status } = run(told, ['refused'])
    expect(status, text).toBe(0)
    expect(text).toMatch(reason)
    expect(text.match(/refused a product, /g)).toHaveLength(1)
    expect(text).toMatch(/cuBLASLt refused 2 of 2 products; own kernels computed them/)
  })

  it('says why it cannot be opened', () => {
    expect(run('create').text).toMatch(
      /^unavailable: .*fake_cublaslt\.so could not be initialised: it gave status 1, CUBLAS_STATUS_NOT_INITIALIZED$/m,
    )
  })
})
