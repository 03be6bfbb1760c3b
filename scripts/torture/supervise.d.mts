/** What an attempt gives. */
export interface Attempt {
  /** The row of the table that it counts in. */
  what: string
  /** How it went. */
  outcome: string
  /** What was lost; absent where nothing was. */
  lost?: string
  /** What else is counted, under the names of the area's `bars`. */
  tally?: Record<string, number>
}

/** A module of scripts/torture/areas. An attempt follows from its seed alone, so that each loss can be tried again. */
export interface Area {
  name: string
  /** Of the time of a long run. */
  share: number
  /** Attempts of the short form. */
  short: number
  /** An attempt that takes longer hangs. */
  limitSeconds: number
  /** How much of what an hour of a whole run should do. */
  bars: Record<string, number>
  /** `folder` is empty and goes at the end. `note`: what the user should know. */
  open(folder: string): Promise<{ attempt(seed: number): Promise<Attempt>; note?: string }>
}

/**
 * Attempts of the area in `module` from the seed `from` on, as many as `count` and as long as `until` (epoch milliseconds) says, in a process
 * of its own. Where that crashes or hangs, the attempt under way is lost, and the others are tried in a new one. Resolves to the notes.
 */
export function supervise(
  module: URL,
  range: { from: number; count: number; until: number },
  report: (attempt: Attempt & { seed: number }) => void,
): Promise<string[]>
