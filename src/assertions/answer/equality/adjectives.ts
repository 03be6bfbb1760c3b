/** Adjectives before one noun in another order: a right isosceles triangle is an isosceles right triangle. */

import { inWords } from './branches.ts'

/** Each tells a property of its own, so that their order says nothing. */
const ADJECTIVES = new Set(
  `isosceles right acute obtuse scalene equilateral equiangular regular irregular convex concave cyclic even odd continuous discontinuous
bounded unbounded closed compact connected disconnected finite infinite abelian commutative increasing decreasing periodic positive negative
real rational irrational prime composite square symmetric orthogonal invertible singular bipartite planar directed undirected
injective surjective bijective differentiable integrable smooth linear quadratic cubic parallel congruent similar oblique hyperbolic`.split(
    /\s+/,
  ),
)
const NOUN =
  /^(?:triangle|quadrilateral|polygon|pentagon|hexagon|trapezoid|trapezium|prism|pyramid|function|map|mapping|set|interval|group|ring|field|number|integer|sequence|series|matrix|matrices|graph|curve|space|operator|relation|figure|equation|polynomial)s?$/
const SAME: Readonly<Record<string, string>> = { 'right-angled': 'right', 'acute-angled': 'acute', 'obtuse-angled': 'obtuse' }

/** Adjectives and noun, in one order. Undefined: it is something else. */
function described(text: string): string | undefined {
  const plain = inWords(text)
    .toLowerCase()
    .replace(/^(?:(?:it|this|that|the triangle)(?: is|'s) )?(?:(?:an?|the) )?/, '')
    .replace(/[\s.!]+$/, '')
  const words = plain.split(/,?\s(?:and\s)?/)
  const last = words.at(-1)!
  const noun = NOUN.test(last) ? last : ''
  const adjectives = (noun === '' ? words : words.slice(0, -1)).map((word) => SAME[word] ?? word)
  if (adjectives.length < 2 || adjectives.length > 4 || !adjectives.every((word) => ADJECTIVES.has(word))) return undefined
  return new Set(adjectives).size === adjectives.length ? `${adjectives.sort().join()} ${noun.replace(/s$/, '')}` : undefined
}

/** Whether two texts say the same of the same noun. */
export function sameAdjectives(text: string, reference: string): boolean {
  if (text.length > 120 || reference.length > 120) return false
  const meant = described(reference)
  return meant !== undefined && described(text) === meant
}
