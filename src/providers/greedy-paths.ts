import type { ThinkRequest } from '../thinking/types.ts'

/**
 * What to say of paths that are all the same, and cost as much as if they were not; undefined where they differ. Every path of a block begins
 * after the same tokens, so the likeliest continuation is the same in all.
 */
export function equalPaths({ mode, paths, maxBlocks, temperature, topK }: ThinkRequest, who: string): string | undefined {
  if (mode !== 'parallel' || paths < 2 || maxBlocks === 0 || (temperature > 0 && topK !== 1)) return undefined
  const got = temperature === 0 ? 'temperature: 0' : 'topK: 1'
  return `${got} makes the ${paths} paths of a block equal, at ${paths} times the tokens of one ("${who}"). Use temperature: 1 (the paths then differ), or mode: sequential for greedy decoding.`
}
