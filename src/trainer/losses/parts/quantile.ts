import type { Update } from '../loss.ts'

/**
 * From which entropy on a token belongs to the share `top` of highest entropy, and how many do: the quantile 1 − top with linear
 * interpolation, as torch.quantile.
 */
export function highEntropy(entropies: readonly Float32Array[], top: number): NonNullable<Update['highEntropy']> {
  const all = Float64Array.from(entropies.flatMap((some) => [...some])).sort()
  if (all.length === 0) return { least: Number.POSITIVE_INFINITY, tokens: 0 }
  const place = (1 - top) * (all.length - 1)
  const below = Math.floor(place)
  const above = Math.min(below + 1, all.length - 1)
  const least = all[below] + (place - below) * (all[above] - all[below])
  return { least, tokens: all.filter((entropy) => entropy >= least).length }
}
