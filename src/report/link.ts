/** The address of a sample on the page that `pr1-report --serve` serves. */

import { createHash } from 'node:crypto'

/** Beside promptfoo's own view, which listens at 15500. */
export const DEFAULT_PORT = 15501

interface LinkedSample {
  /** promptfoo's name of the evaluation; without one nothing is kept that a page could show. */
  evaluationId?: string
  /** Of the provider. */
  label: string
  /** Of the request: it differs between problems and repeats. */
  seed: number
  env?: NodeJS.ProcessEnv
}

/** `http://localhost:15501/eval-abc#/s0123456789ab`. PR1_REPORT names another server, or `off` for no links. */
export function reportLink({ evaluationId, label, seed, env = process.env }: LinkedSample): string | undefined {
  const server = env.PR1_REPORT || `http://localhost:${DEFAULT_PORT}`
  if (evaluationId === undefined || server === 'off') return undefined
  const name = createHash('sha256').update(`${label}\0${seed}`).digest('hex').slice(0, 12)
  return `${server.replace(/\/+$/, '')}/${encodeURIComponent(evaluationId).replaceAll('%3A', ':')}#/s${name}`
}

/** The sample's name in such an address, as it stands in a row that may hold anything. */
export function linkedName(link: unknown): string | undefined {
  return typeof link === 'string' ? /#\/(s[0-9a-f]{12})$/.exec(link)?.[1] : undefined
}
