/** Numbers as the terminal, the page and the docs show them. */

import type { Estimate } from './intervals.ts'
import type { Behaviour } from './statistics.ts'

export type Unit = Behaviour['unit'] | 'points'

/** A value alone: `8.1 %`, `+2.3 points`, `1.71`, `205`, `–` where there is none. */
export function formatValue(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return '–'
  if (unit === 'share') return `${bare(value, unit)} %`
  return unit === 'points' ? `${bare(value, unit)} points` : bare(value, unit)
}

/** A value with its interval: `8.1 % (4.6 – 13.9)`. */
export function formatEstimate({ value, low, high }: Estimate, unit: Unit): string {
  const shown = formatValue(value, unit)
  return Number.isFinite(low) && Number.isFinite(high)
    ? `${shown} (${bare(low, unit)}${unit === 'points' ? ' to ' : ' – '}${bare(high, unit)})`
    : shown
}

/** `p = 0.024`, or a bound where the bootstrap cannot tell smaller ones apart. */
export function formatP(p: number): string {
  if (!Number.isFinite(p)) return 'p: –'
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`
}

/** Below so many problems the percentiles of the bootstrap are too narrow (docs/statistics.md, Comparisons). */
const FEW = 20

/** Whether the interval of a difference says more than its problems can. */
export const isTooNarrow = ({ low, high, problems }: Estimate): boolean => problems < FEW && Number.isFinite(low) && Number.isFinite(high)

/** What to say of it. `p`: the one to trust, where the sentence stands alone. */
export const tooNarrow = (problems: number, p?: number): string =>
  `With ${problems} problems, fewer than ${FEW}, the interval of a difference is too narrow. Trust ${p === undefined ? 'p' : formatP(p)}.`

function bare(value: number, unit: Unit): string {
  switch (unit) {
    case 'share':
      return (100 * value).toFixed(1)
    case 'points': {
      const points = (100 * value).toFixed(1)
      return Number(points) > 0 ? `+${points}` : points.replace(/^-0\.0$/, '0.0').replace('-', '−')
    }
    case 'tokens':
      return value.toFixed(0)
    default:
      return Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
  }
}
