import { describe, expect, it } from 'vitest'
import { edgesOf, joinEdges, strangeEdge } from '../../src/engine/prompt-edges.ts'

/** `count` prompts that begin with 1 and end with one of `ends` in turn. */
const prompts = (count: number, ends: number[]) => Array.from({ length: count }, (_, i) => [1, 50, ends[i % ends.length]])

describe('edges of prompts', () => {
  it('are the few ids that prompts begin and end with', () => {
    expect(edgesOf(prompts(8, [9, 3]))).toEqual({ firstIds: [1], lastIds: [3, 9] })
  })

  it('are empty where ids are many, or prompts too few to tell', () => {
    const nine = [2, 3, 4, 5, 6, 7, 8, 9, 10]
    expect(edgesOf(prompts(900, nine))).toEqual({ firstIds: [1], lastIds: [] })
    expect(edgesOf(prompts(900, nine.slice(1))).lastIds).toHaveLength(8)
    expect(edgesOf(prompts(7, [9, 3]))).toEqual({ firstIds: [1], lastIds: [] })
    expect(edgesOf(prompts(3, [9]))).toEqual({ firstIds: [], lastIds: [] })
    expect(edgesOf([])).toEqual({ firstIds: [], lastIds: [] })
  })

  it('of two stages are those of both, and free text stays free', () => {
    const [a, b, free] = [prompts(8, [9]), prompts(8, [3]), prompts(2, [4])].map(edgesOf)
    expect(joinEdges(undefined, a)).toEqual(a)
    expect(joinEdges(a, b)).toEqual({ firstIds: [1], lastIds: [3, 9] })
    expect(joinEdges(joinEdges(a, b), b)).toEqual(joinEdges(a, b))
    expect(joinEdges(joinEdges(a, free), b)).toEqual({ firstIds: [], lastIds: [] })
    expect(joinEdges(edgesOf(prompts(40, [2, 3, 4, 5, 6])), edgesOf(prompts(40, [7, 8, 9, 10]))).lastIds).toEqual([])
  })

  it('tell a prompt that begins or ends otherwise, the end first', () => {
    const edges = edgesOf(prompts(8, [9, 3]))
    expect(strangeEdge(edges, [1, 4, 3])).toBeUndefined()
    expect(strangeEdge(edges, [1, 4, 5])).toEqual({ edge: 'lastIds', id: 5 })
    expect(strangeEdge(edges, [2, 9])).toEqual({ edge: 'firstIds', id: 2 })
    expect(strangeEdge(edges, [2, 5])).toEqual({ edge: 'lastIds', id: 5 })
    expect(strangeEdge({ firstIds: [], lastIds: [] }, [2, 5])).toBeUndefined()
  })
})
