import type { ThinkRequest } from '../thinking/types.ts'

/** Whether a request takes the likeliest token always, and so draws nothing. */
export function isGreedy({ temperature, topK }: Pick<ThinkRequest, 'temperature' | 'topK'>): boolean {
  return temperature === 0 || topK === 1
}

/**
 * What to say of paths that are all the same, and cost as much as if they were not; undefined where they differ. Every path of a block begins
 * after the same tokens, so the likeliest continuation is the same in all. Behind outlines and with starts of their own they do not.
 */
export function equalPaths(request: ThinkRequest, who: string): string | undefined {
  const { mode, paths, maxBlocks, temperature, outlines, pathStarts } = request
  if (mode !== 'parallel' || outlines || pathStarts || paths < 2 || maxBlocks === 0 || !isGreedy(request)) return undefined
  const got = temperature === 0 ? 'temperature: 0' : 'topK: 1'
  return `${got} makes the ${paths} paths of a block equal, at ${paths} times the tokens of one ("${who}"). Use temperature: 1 (the paths then differ), or mode: sequential for greedy decoding.`
}
