/** The figures as rows of text, for the documentation and the page alike. */

import type { CrossedEstimate } from '../../src/report/crossed.ts'
import { formatEstimate, formatValue, type Unit } from '../../src/report/format.ts'
import { type Claim, type Decided, decideClaims } from './claims.ts'
import {
  accuracy,
  type Column,
  criticalPath,
  estimateMean,
  estimateShare,
  fewestSamples,
  firstAndLastOf,
  type Measured,
  parallelRatio,
  passAt,
  totalTokens,
} from './measured.ts'

export interface ArmRow {
  title: string
  /** Seeds it rests on. */
  seeds: number
  cells: string[]
  accuracy?: CrossedEstimate
}

export interface Figures {
  heads: string[]
  arms: ArmRow[]
  claims: Decided[]
}

const UNKNOWN = '–'

export function figuresOf(measured: Measured): Figures {
  const k = fewestSamples(measured.columns)
  return {
    heads: [
      'accuracy',
      k > 0 ? `pass@${k}` : 'pass@k',
      'critical path',
      'total tokens',
      'parallel ratio',
      'position of blocks, first → last steps',
    ],
    arms: measured.columns.map((column) => armRow(measured, column, k)),
    claims: decideClaims(measured),
  }
}

function armRow({ trained }: Measured, column: Column, k: number): ArmRow {
  const shown = (estimate: CrossedEstimate | undefined, unit: Unit): string => (estimate ? formatEstimate(estimate, unit) : UNKNOWN)
  const right = estimateShare(column, accuracy)
  const run = column.plain ? undefined : trained.find(({ arm }) => arm === column.arm)
  const spans = run ? firstAndLastOf(run, 'kept.position') : []
  const mean = (of: 'first' | 'last') => formatValue(spans.reduce((sum, span) => sum + span[of], 0) / spans.length, 'share')
  return {
    title: column.title,
    seeds: column.bySeed.size,
    accuracy: right,
    cells: [
      shown(right, 'share'),
      shown(k > 0 ? estimateShare(column, passAt(k)) : undefined, 'share'),
      shown(estimateMean(column, criticalPath), 'tokens'),
      shown(estimateMean(column, totalTokens), 'tokens'),
      shown(estimateShare(column, parallelRatio), 'share'),
      spans.length > 0 ? `${mean('first')} → ${mean('last')}` : UNKNOWN,
    ],
  }
}

/** `+2.3 points (−0.1 to +4.7)`, or nothing where an arm was not run. */
export function measuredText({ estimate }: Pick<Decided, 'estimate'>): string {
  return estimate ? formatEstimate(estimate, 'points') : UNKNOWN
}

/** The claims of one origin, under their heading. */
export const ORIGINS: readonly [Claim['by'], string][] = [
  ['paper', 'Claims of the paper'],
  ['third party', 'Found by a third party'],
  ['control', 'Controls'],
]

/** `5 seen, 2 not seen, 9 undecided at this size`. */
export function verdictCounts(claims: readonly Decided[]): string {
  const counts = new Map<string, number>()
  for (const { verdict } of claims) counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
  return [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')
}

/** What must be said of the figures beside them, a sentence each. */
export function remarksOf(measured: Measured): string[] {
  const { small, done, parts, idle, suites, columns, problems } = measured
  const seeds = new Set(columns.flatMap(({ bySeed }) => [...bySeed.keys()])).size
  return [
    ...(small ? [`This is a try-out at a small size${problems === undefined ? '' : `, on ${problems} problems`}. Its verdicts say nothing about the method.`] : []),
    ...(done < parts ? [`${done} of ${parts} parts are done. A dash stands where nothing was measured.`] : []),
    ...(seeds === 1 ? ['One seed has no interval over seeds, so every claim is undecided.'] : []),
    ...(idle.length > 0 ? [`No update changed the model in ${idle.join('; ')}: its rewards never differed.`] : []),
    ...(suites.size > 1 ? [`The files of the suite changed between parts: ${suites.size} states of them were used. Begin again for figures of one recipe.`] : []),
  ] // biome-ignore format: a remark a line
}
