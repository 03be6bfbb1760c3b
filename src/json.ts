/** JSON that somebody else wrote. `JSON.parse` takes any depth, but what walks through its result afterwards runs out of stack. */

export type JsonObject = Record<string, unknown>

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Deeper than any file of ours and of promptfoo's. */
const DEEPEST = 500

/**
 * `JSON.parse` for text that may be nested without end.
 * @throws SyntaxError, also where lists and objects are nested too deep
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  refuseDeep(value)
  return value
}

/** Throws SyntaxError where lists and objects are nested too deep. */
export function refuseDeep(value: unknown): void {
  let level = [value].filter(isNested)
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > DEEPEST) throw new SyntaxError(`lists and objects nested more than ${DEEPEST} deep`)
    const next: object[] = []
    for (const one of level) {
      if (Array.isArray(one)) {
        for (const inner of one) if (isNested(inner)) next.push(inner)
      } else for (const key in one) if (isNested(one[key as keyof typeof one])) next.push(one[key as keyof typeof one])
    }
    level = next
  }
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
