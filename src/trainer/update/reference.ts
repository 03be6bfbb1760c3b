/**
 * The policy that a KL is taken to: the weights as they were when a stage began, or when the policy was last followed. It is scored by
 * the model in training itself, its weights put in place for a while. So no second model is held, and where policy and reference
 * agree the KL is 0 to the bit. With adapters it is those alone, beside the same base.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { FileOps } from '../../engine/checkpoint/atomic.ts'
import { openSafetensorsFile, writeSafetensors } from '../../engine/checkpoint/safetensors.ts'
import { NonFiniteError } from '../../engine/errors.ts'
import type { Model } from '../../engine/types.ts'
import { type LaidOut, type MicroBatchOptions, score } from './micro-batches.ts'

/** Of a saved state. */
const referenceFile = join('trainer', 'reference.safetensors')

export class ReferencePolicy {
  private readonly model: Model
  /** While it is in place: those of the policy. */
  private readonly weights: Map<string, Float32Array>

  private constructor(model: Model, weights: Map<string, Float32Array>) {
    this.model = model
    this.weights = weights
  }

  /** The policy as it is now. */
  static of(model: Model): ReferencePolicy {
    return new ReferencePolicy(model, new Map(model.parameters.map(({ name }) => [name, model.read(name)])))
  }

  /** As it was saved with the state in `folder`; undefined where that has none. Throws CheckpointError. */
  static async restore(model: Model, folder: string): Promise<ReferencePolicy | undefined> {
    const file = join(folder, referenceFile)
    if (!existsSync(file)) return undefined
    const source = await openSafetensorsFile(file)
    try {
      const weights = new Map<string, Float32Array>()
      for (const { name } of model.parameters) weights.set(name, await source.read(name))
      return new ReferencePolicy(model, weights)
    } finally {
      await source.close()
    }
  }

  async save(folder: string, ops: FileOps): Promise<void> {
    const tensors = this.model.parameters.map(({ name, shape }) => ({ name, shape, data: () => this.weights.get(name)! }))
    await writeSafetensors(join(folder, referenceFile), tensors, 'float32', ops)
  }

  /** Bytes that a reference to `model` holds. */
  static bytes({ parameters }: Model): number {
    return parameters.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0)
  }

  /** Takes the share `mix` of the policy: reference = mix · policy + (1 − mix) · reference (TR-DPO, arXiv 2404.09656). */
  follow(mix: number): void {
    for (const [name, own] of this.weights) {
      const now = this.model.read(name)
      this.weights.set(name, mix === 1 ? now : own.map((value, i) => mix * now[i] + (1 - mix) * value))
    }
  }

  /** Log-probabilities of the tokens with loss of each sample. Throws NonFiniteError where they are none. */
  async score(samples: readonly LaidOut[], options: MicroBatchOptions): Promise<Float32Array[]> {
    this.exchange()
    try {
      return await score(this.model, samples, options)
    } catch (error) {
      if (!(error instanceof NonFiniteError)) throw error
      throw new NonFiniteError(`The reference policy of the KL gives no finite log-probabilities. ${error.message}`, { cause: error })
    } finally {
      this.exchange()
    }
  }

  /** Model and reference change places. Twice leaves every bit as it was. */
  private exchange(): void {
    for (const [name, other] of this.weights) {
      const own = this.model.read(name)
      this.model.write(name, other)
      this.weights.set(name, own)
    }
  }
}
