/**
 * Which TensorFlow.js runs: the addon of `@tensorflow/tfjs-node-gpu` where it is installed and loads (on a GPU where
 * TensorFlow finds one, else its CPU kernels), else the backend in JavaScript that comes with `@tensorflow/tfjs`: right, and
 * slow. Loaded in the worker only.
 */

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { firstLine } from '../../show.ts'
import { UnavailableError } from '../errors.ts'
import type { Tensor, TensorInfo, Tf } from './tensors.ts'

/** `auto`: the addon if it loads. The other two for tests and for those who insist (PR1_TFJS). */
export type BackendChoice = 'auto' | 'tensorflow' | 'javascript'

export const backendChoices: readonly BackendChoice[] = ['auto', 'tensorflow', 'javascript']

export interface BackendInfo {
  backend: 'tensorflow' | 'javascript'
  gpu: boolean
  threads: number
  /** Why this one, one line. */
  reason: string
}

const addonPackage = '@tensorflow/tfjs-node-gpu'
const plainPackage = '@tensorflow/tfjs'
const require = createRequire(import.meta.url)

/** What the addon's package has besides a Tf. */
interface AddonBackend {
  isUsingGpuDevice: boolean
  binding: { TF_Version: string }
}

/** What the backend in JavaScript offers to its kernels. */
interface PlainBackend {
  data: { get(id: object): { values: Float32Array | Int32Array } }
  makeTensorInfo(shape: number[], dtype: TensorInfo['dtype'], values: Float32Array): TensorInfo
}

/** @throws UnavailableError where the choice cannot be had, with the next step */
export async function openBackend(choice: BackendChoice, threads: number | undefined): Promise<{ tf: Tf; info: BackendInfo }> {
  let problem = 'PR1_TFJS=javascript asks for it'
  if (choice !== 'javascript') {
    const addon = loadAddon(threads)
    if (typeof addon !== 'string') return addon
    problem = addon
    if (choice === 'tensorflow') throw new UnavailableError(`PR1_TFJS=tensorflow: ${problem}. docs/tfjs.md says how to build it.`)
  }
  let tf: Tf
  try {
    tf = require(plainPackage) as Tf
  } catch (error) {
    throw new UnavailableError(
      `device: tfjs needs TensorFlow.js, an optional peer that is not installed (${firstLine(error)}). ` +
        `Run \`npm install ${addonPackage}\`, or ${plainPackage} for the slow backend in JavaScript.`,
    )
  }
  // Checks of every value, and a banner that advertises the addon, are off.
  tf.enableProdMode()
  await tf.setBackend('cpu')
  replaceSegmentSum(tf)
  const reason = `TensorFlow.js ${tf.version.tfjs} in plain JavaScript, right and slow, because ${problem}`
  return { tf, info: { backend: 'javascript', gpu: false, threads: 1, reason } }
}

/**
 * The gradient of a gather is a sum over segments; the kernel in JavaScript passes over all rows once for every segment. This
 * one passes over them once.
 */
function replaceSegmentSum(tf: Tf): void {
  const name = { kernelName: 'UnsortedSegmentSum', backendName: 'cpu' }
  tf.unregisterKernel(name.kernelName, name.backendName)
  tf.registerKernel({
    ...name,
    kernelFunc({ inputs, attrs }) {
      const [x, segments] = [inputs.x as Tensor, inputs.segmentIds as Tensor]
      const backend = tf.backend() as unknown as PlainBackend
      const [values, ids] = [x, segments].map(({ dataId }) => backend.data.get(dataId).values)
      const shape = [Number(attrs?.numSegments), ...x.shape.slice(1)]
      const width = x.size / Math.max(1, segments.size)
      const sums = new Float32Array(shape.reduce((product, size) => product * size, 1))
      for (let i = 0; i < ids.length; i++) {
        for (let j = 0, to = ids[i] * width; j < width && ids[i] >= 0; j++) sums[to + j] += values[i * width + j]
      }
      return backend.makeTensorInfo(shape, x.dtype, sums)
    },
  })
}

/** The loaded addon, or why there is none. */
function loadAddon(threads: number | undefined): { tf: Tf; info: BackendInfo } | string {
  if (!addonIsBuilt()) return `${addonPackage} is not installed here or its addon is not built`
  // Node 23 removed it; the addon's package still calls it.
  const util = require('node:util') as { isNullOrUndefined?: (value: unknown) => boolean }
  util.isNullOrUndefined ??= (value) => value === null || value === undefined
  // The environment is the process's own (the worker shares it): TensorFlow reads it when it is loaded.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '1'
  if (threads !== undefined) process.env.TF_NUM_INTRAOP_THREADS ??= String(threads)
  try {
    const tf = require(addonPackage) as Tf
    tf.enableProdMode()
    const { isUsingGpuDevice, binding } = tf.backend() as unknown as AddonBackend
    const where = isUsingGpuDevice ? 'on a GPU' : 'with its CPU kernels, as it finds no GPU it can use'
    const info = {
      backend: 'tensorflow' as const,
      gpu: isUsingGpuDevice,
      threads: Number(process.env.TF_NUM_INTRAOP_THREADS) || availableParallelism(),
      reason: `TensorFlow ${binding.TF_Version} ${where}`,
    }
    return { tf, info }
  } catch (error) {
    return `${addonPackage} does not load (${firstLine(error)})`
  }
}

/** True where the package is installed with its addon; loads nothing. */
export function addonIsBuilt(): boolean {
  const file = `lib/napi-v${addonVersion()}/tfjs_binding.node`
  return (require.resolve.paths(addonPackage) ?? []).some((folder) => existsSync(path.join(folder, addonPackage, file)))
}

/** The package's addon is built for Node-API 3 to 8. */
function addonVersion(): number {
  return Math.min(8, Number(process.versions.napi))
}

/** True where a driver for an NVIDIA GPU runs (Linux, WSL); asks no library. */
export function gpuDriverIsThere(): boolean {
  return ['/dev/nvidiactl', '/proc/driver/nvidia/version', '/dev/dxg'].some((file) => existsSync(file))
}
