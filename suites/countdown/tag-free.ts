/**
 * The tag-free control: the cold start of the parallel form with its tags taken out. What the model learns from is the same word for word, so a
 * difference to the parallel model is one of tags and of the fork, and not of the texts. `npm run evidence` trains it (docs/evidence.md).
 */
import { type CountdownTest, coldStartParallel } from './data.ts'

const TAGS = /\s*<\/?(?:Parallel|Path|Summary)>\s*/g

/** A response without the six tags: each path and each summary is a line of its own. */
export function withoutTags(text: string): string {
  return text
    .replace(TAGS, '\n')
    .replace(/\n{2,}/g, '\n')
    .trim()
}

/** The rows of `coldStartParallel` of data.ts with the same config. */
export function coldStartTagFree(config?: Record<string, unknown>): CountdownTest[] {
  return coldStartParallel(config).map((row) => ({
    ...row,
    vars: { ...row.vars, trajectories: row.vars.trajectories?.map(withoutTags) },
  }))
}
