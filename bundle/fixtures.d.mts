import type { Engine } from '../src/engine/types.ts'

export const fromTwin: number
export const fromPyTorch: number
export function logprobsOf(engine: Engine, root: string): Promise<{ family: string; got: number[]; want: number[] }[]>
export function judged(
  got: readonly number[],
  twin: readonly number[],
  want: readonly number[],
  rounds?: boolean,
): { ok: boolean; detail: string }
