/** Where two makings of the same step differ. */

import { isDeepStrictEqual } from 'node:util'
import type { KeptRollout, KeptStep } from '../../rollouts/format.ts'

/** The first thing that differs in a rollout; what follows from it is not listed. */
export interface Difference {
  group: number
  member: number
  /** Such as `text`, `log-probabilities`, `metric answer`. */
  what: string
  was: unknown
  is: unknown
  /** First character of a text that differs. */
  at?: number
}

export function compareSteps(kept: KeptStep, made: KeptStep): Difference[] {
  const found = new Map(made.rollouts.map((one) => [placeOf(one), one]))
  const differences = kept.rollouts.flatMap((was): Difference[] => {
    const is = found.get(placeOf(was))
    found.delete(placeOf(was))
    const { group, member } = was
    const difference = is ? differenceOf(was, is) : { what: 'rollout', was: 'there', is: 'none' }
    return difference ? [{ group, member, ...difference }] : []
  })
  const more = [...found.values()].map(({ group, member }) => ({ group, member, what: 'rollout', was: 'none', is: 'there' }))
  return [...differences, ...more]
}

const placeOf = ({ group, member }: KeptRollout): string => `${group} ${member}`

type Found = Omit<Difference, 'group' | 'member'>

function differenceOf(was: KeptRollout, is: KeptRollout): Found | undefined {
  return (
    textDifference('prompt', was.prompt, is.prompt) ??
    textDifference('text', was.text, is.text) ??
    (was.digest === is.digest ? undefined : { what: 'log-probabilities', was: was.digest, is: is.digest }) ??
    fieldDifference('metadata', was.metadata, is.metadata) ??
    fieldDifference('metric', was.metrics, is.metrics) ??
    valueDifference(was, is)
  )
}

function textDifference(what: string, was: string, is: string): Found | undefined {
  if (was === is) return undefined
  let at = 0
  while (was[at] === is[at]) at += 1
  return { what, was: was.slice(at, at + EXCERPT), is: is.slice(at, at + EXCERPT), at }
}

/** Characters of a text that are shown from where it differs. */
const EXCERPT = 40

function fieldDifference(what: string, was: Readonly<Record<string, unknown>>, is: Readonly<Record<string, unknown>>): Found | undefined {
  const name = [...new Set([...Object.keys(was), ...Object.keys(is)])].find((key) => !isDeepStrictEqual(was[key], is[key]))
  return name === undefined ? undefined : { what: `${what} ${name}`, was: was[name], is: is[name] }
}

function valueDifference(was: KeptRollout, is: KeptRollout): Found | undefined {
  const fields = ['row', 'problem', 'rewards', 'reward', 'penalty', 'advantage', 'paths', 'outside', 'teaches'] as const
  const what = fields.find((field) => !isDeepStrictEqual(was[field], is[field]))
  return what && { what, was: was[what], is: is[what] }
}
