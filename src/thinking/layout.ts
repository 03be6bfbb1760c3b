/**
 * Who sees whom: positions, visibility and loss of a trajectory packed for training. The decoder makes the same choice
 * with fork and join (decoder.ts); the tests hold the two together: every sampled token sees here the same
 * (id, position) pairs as when it was sampled.
 *
 * structured — one stretch: prompt, text, blocks in reading order.
 *   Every path starts at the position after `<Parallel>`; `</Parallel>` takes that position plus the longest path; then
 *   consecutive. A path's tokens do not see [start of the block's first path, start of their own path). All later
 *   tokens see every path.
 *
 *     p p <Parallel> <Path> a b </Path> <Path> c </Path> </Parallel> \n <Summary> s </Summary> z
 *     0 1 2          3      4 5 6       3      4 5       7           8  9         10 11        12
 *
 * causal — a trunk and copies: the trunk is the same stretch under plain causal attention with consecutive positions,
 *   which is what everything outside the paths was sampled in, and path 1 too. Path 2 … N were sampled without their
 *   siblings, so each is appended once more behind the trunk, at the positions of path 1. A copy does not see
 *   [start of the block's first path in the trunk, its own start): it sees prompt … `<Parallel>` and itself. So the trunk
 *   before a block is computed once, whatever the number of paths; shared-prompt.ts does the same for a prompt's responses.
 *
 * Outlines. The model names the paths of a block behind `<Parallel>`, an outline each, and a path is forked for every outline. An outline
 *   sees those before it. A path sees its own outline and none of its siblings', and it begins at the position after the last one:
 *
 *     p p <Parallel> <Outline> u </Outline> <Outline> v </Outline> <Path> a b </Path> <Path> c </Path> </Parallel> …
 *     0 1 2          3         4 5          6         7 8          9      10 11 12    9      10 11     13            (structured)
 *
 *   In structured mode path k does not see [start of the first outline, start of outline k) and [end of outline k, its own start).
 *   In causal mode path 1 saw less than its place in the trunk shows. So where a block has two outlines or more, path 1 has a copy like the
 *   others, and a copy does not see those two ranges. The token that follows an outline has seen all of them: `<Outline>` again, or the
 *   `<Path>` of path 1, which the model samples to end its plan.
 *
 * Loss. A target at packed index i stands for ids[i + 1] given what i sees. `predictor` below names, for each token of
 * the response, the one index that may stand for it:
 *   - the index before it in the stretch (structured) or in the trunk (causal), but
 *   - for the tokens of a causal path with a copy behind its `<Path>`, the index before it in the copy: its linear twin in
 *     the trunk sees the siblings and carries no loss.
 * A copy's `<Path>` is its first token, so nothing before the copy predicts into it, and its `</Path>` predicts nothing.
 * A sampled token is the first of a path only in path 1 behind outlines, and the index before it, the end of the last outline, is what it was
 * drawn after. So for all of them the index before is in the context they were sampled in. In SFT all response tokens are targets: `<Path>` of a later path and `</Parallel>` are then predicted from the
 * preceding `</Path>`, which has seen its own path only (structured) or everything so far (causal). The decoder injects
 * both, so no sampled log-probability depends on it; plain sequential decoding of the checkpoint does, and learns it here.
 */

import { ParallelR1Error } from '../engine/errors.ts'
import type { TokenRange, TrainBatch } from '../engine/types.ts'
import { runsOf } from './trajectory.ts'
import type { AttentionMode, Block, Layout, TokenRun, Trajectory } from './types.ts'

interface LayoutOptions {
  /** `sampled`: exactly the tokens the model sampled (RL). `response`: every token of the response, tags included (SFT). */
  loss: 'sampled' | 'response'
}

/** Lays one trajectory out; T = prompt + response, in causal mode plus the paths that have a copy. */
export function layoutTrajectory(trajectory: Trajectory, attention: AttentionMode, options: LayoutOptions): Layout {
  if (trajectory.promptIds.length === 0) {
    throw new ParallelR1Error('A trajectory needs a prompt of at least one token. Got none. Nothing would predict the first token.')
  }
  const levels = trajectory.segments.some((segment) => segment.kind === 'block' && (segment.outlines?.length ?? 0) > 1) ? 2 : 1
  const packed = new Packing(packedLength(trajectory, attention), levels)
  packed.append(trajectory.promptIds, 0)
  const predictor = attention === 'structured' ? layStructured(trajectory, packed) : layCausal(trajectory, packed)
  return withLoss(trajectory, packed, predictor, options.loss)
}

/** Packed trajectories and where each begins. */
interface Packed {
  batch: TrainBatch
  /** starts[k] + an index of layout k = the packed index. */
  starts: number[]
}

/** Packs layouts one behind the other; exclusion sets that say the same become one. */
export function packLayouts(layouts: readonly Layout[]): Packed {
  const total = layouts.reduce((sum, layout) => sum + layout.ids.length, 0)
  const hiddenLevels = layouts.reduce((most, layout) => Math.max(most, layout.hiddenLevels), 1)
  const batch = {
    ids: new Int32Array(total),
    positions: new Int32Array(total),
    bounds: new Int32Array(layouts.length + 1),
    hidden: new Int32Array(total * hiddenLevels * 2),
    hiddenLevels,
    targets: new Uint8Array(total),
    exclusion: new Int32Array(total).fill(-1),
    exclusionSets: [] as number[][],
  }
  const setIndex = new Map<string, number>()
  const starts: number[] = []
  let start = 0
  layouts.forEach((layout, k) => {
    const length = layout.ids.length
    starts.push(start)
    batch.bounds[k + 1] = start + length
    batch.ids.set(layout.ids, start)
    batch.positions.set(layout.positions, start)
    batch.targets.set(layout.targets, start)
    for (let i = 0; i < length; i++) {
      for (let level = 0; level < layout.hiddenLevels; level++) {
        const from = layout.hidden[(i * layout.hiddenLevels + level) * 2]
        const to = layout.hidden[(i * layout.hiddenLevels + level) * 2 + 1]
        if (to <= from) continue
        const at = ((start + i) * hiddenLevels + level) * 2
        batch.hidden[at] = start + from
        batch.hidden[at + 1] = start + to
      }
    }
    const renumbered = layout.exclusionSets.map((set) => {
      const key = [...set].sort((a, b) => a - b).join(',')
      const known = setIndex.get(key)
      if (known !== undefined) return known
      setIndex.set(key, batch.exclusionSets.length)
      return batch.exclusionSets.push([...set]) - 1
    })
    for (let i = 0; i < length; i++) {
      if (layout.exclusion[i] >= 0) batch.exclusion[start + i] = renumbered[layout.exclusion[i]]
    }
    start += length
  })
  return { batch, starts }
}

/** Tokens that a trajectory takes when packed. */
function packedLength(trajectory: Trajectory, attention: AttentionMode): number {
  let length = trajectory.promptIds.length
  for (const run of runsOf(trajectory)) length += run.ids.length
  if (attention === 'structured') return length
  for (const segment of trajectory.segments) {
    if (segment.kind === 'block') for (const path of copiedPaths(segment)) length += path.ids.length
  }
  return length
}

/** The arrays under construction. */
class Packing {
  readonly ids: Int32Array
  readonly positions: Int32Array
  readonly hidden: Int32Array
  readonly hiddenLevels: number
  /** Tokens laid so far. */
  length = 0

  constructor(total: number, hiddenLevels: number) {
    this.ids = new Int32Array(total)
    this.positions = new Int32Array(total)
    this.hidden = new Int32Array(total * hiddenLevels * 2)
    this.hiddenLevels = hiddenLevels
  }

  /** Lays ids at consecutive positions, each not seeing some ranges of packed indices; returns the first index. */
  append(ids: readonly number[], position: number, unseen: readonly TokenRange[] = []): number {
    const start = this.length
    const hidden = unseen.filter(([from, to]) => to > from).flat()
    for (let k = 0; k < ids.length; k++) {
      const i = start + k
      this.ids[i] = ids[k]
      this.positions[i] = position + k
      if (hidden.length > 0) this.hidden.set(hidden, i * this.hiddenLevels * 2)
    }
    this.length += ids.length
    return start
  }
}

/** Paths that saw less when they were sampled than their place in a causal trunk shows. */
function copiedPaths({ paths, outlines = [] }: Block): readonly TokenRun[] {
  return outlines.length > 1 ? paths : paths.slice(1)
}

/** What path k of a block does not see where it begins at packed index `start`. `firstPath`: where the first one begins, behind the outlines. */
function unseen(outlines: readonly TokenRange[], k: number, firstPath: number, start: number): TokenRange[] {
  if (outlines.length === 0) return [[firstPath, start]]
  const [from, to] = outlines[k]
  return [
    [outlines[0][0], from],
    [to, start],
  ]
}

/** For every token of the response, in the order of {@link runsOf}: the packed index that predicts it. */
type Predictor = Int32Array

function layStructured(trajectory: Trajectory, packed: Packing): Predictor {
  const promptLength = packed.length
  let position = promptLength
  const lay = (run: TokenRun): TokenRange => {
    const start = packed.append(run.ids, position)
    position += run.ids.length
    return [start, packed.length]
  }
  for (const segment of trajectory.segments) {
    if (segment.kind === 'text') {
      lay(segment.tokens)
      continue
    }
    lay(segment.open)
    const outlines = (segment.outlines ?? []).map(lay)
    const firstPath = packed.length
    let longest = 0
    for (const [k, path] of segment.paths.entries()) {
      packed.append(path.ids, position, unseen(outlines, k, firstPath, packed.length))
      longest = Math.max(longest, path.ids.length)
    }
    position += longest
    lay(segment.close)
  }
  return Int32Array.from({ length: packed.length - promptLength }, (_, k) => promptLength + k - 1)
}

function layCausal(trajectory: Trajectory, packed: Packing): Predictor {
  const promptLength = packed.length
  /** `twin` is where path `index` of its block lies in the trunk. */
  const copies: { path: TokenRun; twin: number; outlines: TokenRange[]; index: number; firstPath: number }[] = []
  const lay = (run: TokenRun): TokenRange => [packed.append(run.ids, packed.length), packed.length]
  for (const segment of trajectory.segments) {
    if (segment.kind === 'text') {
      lay(segment.tokens)
      continue
    }
    lay(segment.open)
    const outlines = (segment.outlines ?? []).map(lay)
    const firstPath = packed.length
    const copied = copiedPaths(segment)
    for (const [index, path] of segment.paths.entries()) {
      const [twin] = lay(path)
      if (copied.includes(path)) copies.push({ path, twin, outlines, index, firstPath })
    }
    lay(segment.close)
  }
  const predictor = Int32Array.from({ length: packed.length - promptLength }, (_, k) => promptLength + k - 1)
  for (const { path, twin, outlines, index, firstPath } of copies) {
    // In the trunk index and position are the same, so firstPath is also the position that paths begin at.
    const start = packed.append(path.ids, firstPath, unseen(outlines, index, firstPath, packed.length))
    for (let k = 1; k < path.ids.length; k++) predictor[twin - promptLength + k] = start + k - 1
  }
  return predictor
}

function withLoss(trajectory: Trajectory, packed: Packing, predictor: Predictor, loss: 'sampled' | 'response'): Layout {
  const targets = new Uint8Array(packed.length)
  const exclusion = new Int32Array(packed.length).fill(-1)
  const sampledIndex: number[] = []
  let k = 0
  for (const run of runsOf(trajectory)) {
    for (let j = 0; j < run.ids.length; j++, k++) {
      const i = predictor[k]
      if (run.sampled[j]) sampledIndex.push(i)
      if (loss === 'response' || run.sampled[j]) {
        targets[i] = 1
        exclusion[i] = run.exclusions[j]
      }
    }
  }
  return {
    promptLength: trajectory.promptIds.length,
    ids: packed.ids,
    positions: packed.positions,
    hidden: packed.hidden,
    hiddenLevels: packed.hiddenLevels,
    targets,
    exclusion,
    exclusionSets: trajectory.exclusionSets,
    sampledIndex: Int32Array.from(sampledIndex),
  }
}
