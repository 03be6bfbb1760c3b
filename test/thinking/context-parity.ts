/** Context parity: what a sampled token sees in its layout is what it saw when it was drawn. */

import { expect } from 'vitest'
import { pathStream } from '../../src/thinking/decoder.ts'
import { layoutTrajectory } from '../../src/thinking/layout.ts'
import { sampledLogprobs } from '../../src/thinking/trajectory.ts'
import type { AttentionMode, Thought } from '../../src/thinking/types.ts'
import { drawKey, type ToyModel } from './toy-model.ts'
import { pairs, visible } from './trees.ts'

/** Streams of the sampled tokens in the order of Layout.sampledIndex. */
function sampledStreams(thought: Thought): number[] {
  const streams: number[] = []
  let block = 0
  for (const segment of thought.trajectory.segments) {
    if (segment.kind === 'text') for (const sampled of segment.tokens.sampled) sampled && streams.push(0)
    else {
      for (const run of [segment.open, ...(segment.outlines ?? [])]) for (const sampled of run.sampled) sampled && streams.push(0)
      segment.paths.forEach((run, k) => {
        // The parent drew the tag that ends its outlines.
        for (const [i, sampled] of run.sampled.entries()) sampled && streams.push(i === 0 ? 0 : pathStream(block, k))
      })
      for (const sampled of segment.close.sampled) sampled && streams.push(0)
      block++
    }
  }
  return streams
}

/** Context parity: every sampled token sees in the layout what it saw when it was drawn, with the same exclusions. */
export function expectParity(thought: Thought, toy: ToyModel, attention: AttentionMode, seed: number): void {
  const layout = layoutTrajectory(thought.trajectory, attention, { loss: 'sampled' })
  const streams = sampledStreams(thought)
  const logprobs = sampledLogprobs(thought.trajectory)
  expect(layout.sampledIndex.length).toBe(streams.length)
  layout.sampledIndex.forEach((i, k) => {
    const draw = toy.draws.get(drawKey(seed, streams[k], layout.positions[i]))
    if (!draw) throw new Error(`no draw of stream ${streams[k]} after position ${layout.positions[i]}`)
    expect(pairs(visible(layout, i))).toBe(pairs(draw.context))
    expect(layout.ids[i + 1]).toBe(draw.id)
    expect(logprobs[k]).toBe(draw.logprob)
    expect(layout.targets[i]).toBe(1)
    const excluded = layout.exclusion[i] < 0 ? [] : layout.exclusionSets[layout.exclusion[i]]
    expect(excluded).toEqual([...draw.excluded])
  })
  expect(layout.targets.reduce((sum, target) => sum + target, 0)).toBe(streams.length)
}
