/** Keys and values of every token in the cache: per layer two tensors (slots, kvHeads · headDim), as large as what is in use needs. */

import type { ModelSpec } from '../spec.ts'
import type { Tensor, Tf } from './tensors.ts'

const leastSlots = 256

export class KeyValueCache {
  private readonly tf: Tf
  private readonly width: number
  private readonly layers: { k: Tensor; v: Tensor }[]
  private slots = 0

  constructor(tf: Tf, { layers, kvHeads, headDim }: ModelSpec) {
    this.tf = tf
    this.width = kvHeads * headDim
    this.layers = layers.map(() => ({ k: tf.zeros([0, this.width]), v: tf.zeros([0, this.width]) }))
  }

  /** Slots that the tensors have. */
  get size(): number {
    return this.slots
  }

  /** Makes room for slots below `extent`; gives memory back when far less is in use than there is room. */
  fit(extent: number): void {
    const { tf, width } = this
    const wanted = Math.max(leastSlots, 2 ** Math.ceil(Math.log2(Math.max(1, extent))))
    if (wanted === this.slots || (wanted < this.slots && wanted > this.slots / 4)) return
    const resized = (old: Tensor) =>
      tf.tidy(() =>
        wanted < this.slots ? tf.slice(old, [0, 0], [wanted, width]) : tf.concat([old, tf.zeros([wanted - this.slots, width])]),
      )
    for (const [layer, { k, v }] of this.layers.entries()) this.replace(layer, resized(k), resized(v))
    this.slots = wanted
  }

  /** Puts k and v (T, width) at `slots` (T, 1); returns all of the layer's. */
  store(layer: number, slots: Tensor, k: Tensor, v: Tensor): { k: Tensor; v: Tensor } {
    const { tf } = this
    const held = this.layers[layer]
    return this.replace(layer, tf.tensorScatterUpdate(held.k, slots, k), tf.tensorScatterUpdate(held.v, slots, v))
  }

  dispose(): void {
    for (const { k, v } of this.layers) {
      k.dispose()
      v.dispose()
    }
  }

  private replace(layer: number, k: Tensor, v: Tensor): { k: Tensor; v: Tensor } {
    const old = this.layers[layer]
    old.k.dispose()
    old.v.dispose()
    this.layers[layer] = { k: this.tf.keep(k), v: this.tf.keep(v) }
    return this.layers[layer]
  }
}
