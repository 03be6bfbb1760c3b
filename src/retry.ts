/** When to ask a server again. */

const FIRST_WAIT_MS = 1000

/**
 * Milliseconds before the next try after `attempt` of them (1 is the first): a second unless told otherwise, doubled at every try up to the
 * longest, and up to a quarter more or less, so that many who wait do not come at once.
 */
export function backoffMs(attempt: number, { firstMs = FIRST_WAIT_MS, longestMs = Infinity } = {}): number {
  return Math.min(firstMs * 2 ** (attempt - 1), longestMs) * (0.75 + Math.random() / 2)
}

/** Milliseconds of a Retry-After header, which is in seconds or a date (RFC 9110, section 10.2.3); undefined where it asks for no pause. */
export function retryAfterMs(header: string | null | undefined): number | undefined {
  const value = header?.trim()
  if (!value) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return ms > 0 ? ms : undefined
}
