/**
 * The arithmetic of a try: take two of the numbers, put their result back, until one number is left.
 *
 * Only moves to whole numbers from 1 to 60 count, the larger number stands first, so that every state of a try is a short
 * list of one-token numbers and one move has one spelling. `x * 1` and `x / 1` change nothing and can always be put off
 * to the end, hence they are moves only as a last step (and `1 * 1`, which is how a second 1 goes away); see `lastMoves`.
 */

export type Op = '+' | '-' | '*' | '/'

/** Of results. Small enough for a model of a million parameters to know every sum and product (docs/log.md). */
export const MAX_NUMBER = 60

export interface Move {
  /** The larger of the two. */
  a: number
  op: Op
  b: number
  result: number
}

/** All legal moves on two numbers, in the order + - * /, trivial ones left out. */
function movesOn(x: number, y: number, out: Move[]): void {
  const a = Math.max(x, y)
  const b = Math.min(x, y)
  if (a + b <= MAX_NUMBER) out.push({ a, op: '+', b, result: a + b })
  if (a > b) out.push({ a, op: '-', b, result: a - b })
  if (a * b <= MAX_NUMBER && (b > 1 || a === 1)) out.push({ a, op: '*', b, result: a * b })
  if (b > 1 && a % b === 0) out.push({ a, op: '/', b, result: a / b })
}

/** Distinct legal moves on a list of numbers. */
export function moves(numbers: readonly number[]): Move[] {
  const out: Move[] = []
  const seen = new Set<number>()
  for (let i = 0; i < numbers.length; i++) {
    for (let j = i + 1; j < numbers.length; j++) {
      const a = Math.max(numbers[i], numbers[j])
      const b = Math.min(numbers[i], numbers[j])
      if (seen.has(a * 128 + b)) continue
      seen.add(a * 128 + b)
      movesOn(a, b, out)
    }
  }
  return out
}

/** Legal moves on the last two numbers: here `x * 1` belongs to them. */
export function lastMoves(x: number, y: number): Move[] {
  const out: Move[] = []
  movesOn(x, y, out)
  const a = Math.max(x, y)
  if (Math.min(x, y) === 1 && a > 1) out.push({ a, op: '*', b: 1, result: a })
  return out
}

/** The numbers after a move: the two it takes are gone, its result stands at the end. */
export function apply(numbers: readonly number[], move: Move): number[] {
  const out = numbers.slice()
  out.splice(out.indexOf(move.a), 1)
  out.splice(out.indexOf(move.b), 1)
  out.push(move.result)
  return out
}

/**
 * The move on two numbers that ends nearest to the target, the first in the order + - * / among equals: on it if one
 * operation reaches it. This is arithmetic, not search: it looks at two numbers only.
 */
export function nearestMove(x: number, y: number, target: number): Move {
  let best: Move | undefined
  for (const move of lastMoves(x, y)) {
    if (best === undefined || Math.abs(move.result - target) < Math.abs(best.result - target)) best = move
  }
  // Two numbers always have a legal move: a − b, or a / b for equal ones (1 * 1 for ones).
  return best as Move
}

/** Every target that the numbers reach by legal moves, each number used once. */
export function reachable(numbers: readonly number[]): Set<number> {
  const out = new Set<number>()
  const visit = (state: readonly number[]): void => {
    if (state.length === 1) out.add(state[0])
    else if (state.length === 2) for (const move of lastMoves(state[0], state[1])) out.add(move.result)
    else for (const move of moves(state)) visit(apply(state, move))
  }
  visit(numbers)
  return out
}

/** One way to reach the target by legal moves, or undefined: a complete depth-first search. */
export function solve(numbers: readonly number[], target: number): Move[] | undefined {
  if (numbers.length === 1) return numbers[0] === target ? [] : undefined
  if (numbers.length === 2) {
    const move = nearestMove(numbers[0], numbers[1], target)
    return move.result === target ? [move] : undefined
  }
  for (const move of moves(numbers)) {
    const rest = solve(apply(numbers, move), target)
    if (rest !== undefined) return [move, ...rest]
  }
  return undefined
}
