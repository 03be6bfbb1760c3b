/** A configuration without what nobody else may read, for the disk and the data card. */

const SECRET = /key|token(?!s)|secret|password|auth|credential|cookie/i

/** For the disk and the card. A limit such as max_tokens is no token. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  // A name and a password before the host.
  if (typeof value === 'string') return value.replace(/(?<=:\/\/)[^/@\s]+@/g, '')
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      SECRET.test(name) && typeof inner !== 'number' ? 'left out' : withoutSecrets(inner),
    ]),
  )
}
