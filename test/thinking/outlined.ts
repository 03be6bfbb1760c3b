/** Toys and random responses with outlines. */

import fc from 'fast-check'
import type { InitialWeights } from '../../src/engine/types.ts'
import type { TagIds, ThinkRequest } from '../../src/thinking/types.ts'
import { largeWeights, SMALL } from './small-model.ts'
import { type Chances, FIRST_WORD, hash, randomScript, type Script, TOY_TAGS } from './toy-model.ts'
import { type Tree, tree } from './trees.ts'

/** The two highest ids of the toy's vocabulary. */
export const OUTLINED: TagIds & { outline: number; outlineEnd: number } = { ...TOY_TAGS, outline: 62, outlineEnd: 63 }

const T = OUTLINED
const TAGGED = new Set([T.parallel, T.parallelEnd, T.path, T.pathEnd, T.summary, T.summaryEnd, T.outline, T.outlineEnd])

export function outlinedRequest(overrides: Partial<ThinkRequest> = {}): ThinkRequest {
  return {
    promptIds: [20, 21],
    mode: 'parallel',
    attention: 'structured',
    tags: T,
    paths: 3,
    outlines: true,
    maxBlocks: 2,
    budgets: { response: 140 },
    temperature: 1,
    seed: 7,
    ...overrides,
  }
}

/** What the parent says, draw after draw, and each path of each block. Whatever is past its end repeats the filler. */
export function saying(parent: readonly number[], paths: readonly (readonly (readonly number[])[])[] = [], filler = FIRST_WORD): Script {
  const cursors = new Map<number, number>()
  return (_context, { stream }) => {
    const at = cursors.get(stream) ?? 0
    cursors.set(stream, at + 1)
    const says = stream === 0 ? parent : (paths[Math.floor((stream - 1) / 16)]?.[(stream - 1) % 16] ?? [])
    return says[at] ?? filler
  }
}

export interface OutlineChances extends Chances {
  /** In an outline. */
  outlineEnd: number
  /** Behind one: another one, enough; else it says something else. */
  more: number
  enough: number
}

/** A script of chance that writes outlines, too. */
export function outlinedScript(chances: OutlineChances): Script {
  const plain = randomScript(chances)
  return (context, sampling, attempt) => {
    const last = context[context.length - 1]
    const draw = (k: number): number => hash(sampling.seed, sampling.stream, last.position, context.length, attempt, k) / 2 ** 32
    const word = FIRST_WORD + Math.floor(draw(11) * (T.outline - FIRST_WORD))
    const tag = sampling.stream === 0 ? context.findLast(({ id }) => TAGGED.has(id))?.id : undefined
    if (tag === T.outline && draw(10) >= chances.stray) return draw(12) < chances.outlineEnd ? T.outlineEnd : word
    if (last.id === T.outlineEnd && tag === T.outlineEnd) {
      const u = draw(13)
      return u < chances.more ? T.outline : u < chances.more + chances.enough ? T.path : word
    }
    const id = plain(context, sampling, attempt)
    return chances.stray === 0 && id >= T.outline ? word : id
  }
}

/**
 * Weights of the small model in which what a token sees matters to its log-probability. Rows of tags are alike where one tag may follow
 * another, so that a model which nobody trained opens blocks behind `</Summary>` and names several paths.
 */
export const outlinedWeights: InitialWeights = (spec) => {
  const large = largeWeights(spec)
  if (spec.name !== 'model.embed_tokens.weight') return large
  const { hiddenSize } = SMALL
  const row = (id: number): Float32Array => large.slice(id * hiddenSize, (id + 1) * hiddenSize)
  const [outlineEnd, summaryEnd] = [row(T.outlineEnd), row(T.summaryEnd)]
  for (const [id, scale, like, own] of [
    [T.outlineEnd, 3, outlineEnd, 0],
    [T.outline, 4.2, outlineEnd, 0.3],
    [T.path, 3.5, outlineEnd, 0.3],
    [T.summaryEnd, 3, summaryEnd, 0],
    [T.parallel, 8, summaryEnd, 0.3],
  ] as const) {
    const made = row(id).map((value, c) => scale * (like[c] + own * value))
    large.set(made, id * hiddenSize)
  }
  return large
}

/** A tree whose blocks have an outline for each path, or none. */
export interface OutlinedTree extends Tree {
  /** By block; empty: none. */
  outlines: number[][][]
}

export const outlinedTree: fc.Arbitrary<OutlinedTree> = fc
  .tuple(tree, fc.infiniteStream(fc.boolean()), fc.infiniteStream(fc.integer({ min: 1, max: 3 })))
  .map(([random, coins, lengths]) => {
    const clean = (ids: number[]) => ids.map((id) => (id >= T.outline ? FIRST_WORD : id))
    const blocks = random.blocks.map(({ paths, summary, after }) => ({
      paths: distinct(paths.map(clean)),
      summary: clean(summary),
      after: clean(after),
    }))
    const outlines = blocks.map(({ paths }) =>
      coins.next().value ? paths.map((_, k) => [FIRST_WORD + k, ...Array.from({ length: lengths.next().value }, () => 40)]) : [],
    )
    return { prompt: random.prompt, text: clean(random.text), blocks, outlines }
  })

function distinct(paths: number[][]): number[][] {
  return [...new Map(paths.map((path) => [path.join(), path])).values()]
}

/** The response of a tree, eos included. */
export function outlinedIds({ text, blocks, outlines }: OutlinedTree): number[] {
  const ids = [...text]
  for (const [b, { paths, summary, after }] of blocks.entries()) {
    ids.push(T.parallel)
    for (const each of outlines[b]) ids.push(T.outline, ...each, T.outlineEnd)
    for (const each of paths) ids.push(T.path, ...each, T.pathEnd)
    ids.push(T.parallelEnd, 8, T.summary, ...summary, T.summaryEnd, ...after)
  }
  ids.push(1)
  return ids
}
