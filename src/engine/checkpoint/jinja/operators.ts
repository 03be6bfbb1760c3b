import { BudgetError } from './nodes.ts'
import { Float, iterate, numberOf, refuseUndefined, Tuple, typeName, type Value, whole } from './values.ts'

/** `+ - * / // % **` as Python has them. `most` bounds the length of a text or list that is repeated. Throws TypeError where Python has no such sum. */
export function arithmetic(operator: string, a: Value, b: Value, most: number): Value {
  refuseUndefined(a)
  refuseUndefined(b)
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x !== undefined && y !== undefined) return calculate(operator, x, y, a instanceof Float || b instanceof Float)
  if (operator === '+') {
    if (typeof a === 'string' && typeof b === 'string') return a + b
    if (Array.isArray(a) && Array.isArray(b) && a instanceof Tuple === b instanceof Tuple)
      return a instanceof Tuple ? Tuple.holding([...a, ...b]) : [...a, ...b]
  }
  if (operator === '*') {
    const [times, repeated] = typeof a === 'number' ? [a, b] : [b, a]
    if (typeof times === 'number' && (typeof repeated === 'string' || Array.isArray(repeated))) {
      const count = Math.max(0, times)
      if (count * repeated.length > most) throw new BudgetError(`a text of it has more than ${most.toLocaleString('en')} characters`)
      if (typeof repeated === 'string') return repeated.repeat(count)
      const items = Array.from({ length: count }, () => [...repeated]).flat()
      return repeated instanceof Tuple ? Tuple.holding(items) : items
    }
  }
  throw new TypeError(`there is no ${typeName(a)} ${operator} ${typeName(b)}`)
}

function calculate(operator: string, x: number, y: number, isFloat: boolean): Value {
  const result = (value: number): Value => (isFloat ? new Float(value) : whole(value))
  if (y === 0 && ['/', '//', '%'].includes(operator)) throw new Error('division by zero')
  switch (operator) {
    case '+':
      return result(x + y)
    case '-':
      return result(x - y)
    case '*':
      return result(x * y)
    case '/':
      return new Float(x / y)
    case '//':
      return result(Math.floor(x / y))
    case '%':
      // The sign of the divisor, unlike JavaScript's.
      return result(x - y * Math.floor(x / y))
    case '**':
      return y < 0 ? new Float(x ** y) : result(x ** y)
    default:
      throw new Error(`there is no operator ${operator}`)
  }
}

/** `value[start:stop:step]` of a text or a list. */
export function sliced(owner: Value, ...ends: (Value | undefined)[]): Value {
  const [start, stop, step = 1] = ends.map((end) => {
    if (end === undefined || end === null) return undefined
    if (typeof end !== 'number') throw new TypeError(`a slice needs whole numbers, not ${typeName(end)}`)
    return end
  })
  if (step === 0) throw new Error('the step of a slice cannot be 0')
  if (typeof owner !== 'string' && !Array.isArray(owner)) throw new TypeError(`a ${typeName(owner)} cannot be sliced`)
  const items = iterate(owner)
  const count = items.length
  const [least, most] = step > 0 ? [0, count] : [-1, count - 1]
  const clamp = (end: number | undefined, other: number) =>
    end === undefined ? other : Math.min(Math.max(end < 0 ? end + count : end, least), most)
  const [from, to] = [clamp(start, step > 0 ? least : most), clamp(stop, step > 0 ? most : least)]
  const part: Value[] = []
  for (let i = from; step > 0 ? i < to : i > to; i += step) part.push(items[i])
  if (typeof owner === 'string') return part.join('')
  return owner instanceof Tuple ? Tuple.holding(part) : part
}
