/** A configuration without what nobody else may read, for the disk and the data card. */

/** Words by which a name says that its value is secret. */
const SECRET = new Set(
  (
    'key keys token secret secrets password passwords passwd passphrase pwd pass auth authorization bearer credential credentials cookie cookies ' +
    'jwt signature sig'
  ).split(' '),
)
/** The same words behind another, as one writes them in a row: apikey. */
const JOINED = /^(?:api|access|account|auth|app|bearer|client|id|private|refresh|secret|session|shared|user)(?:key|token|secret|password)$/
/** Words of apiKey, API_KEY, APIKey, x-api-key. */
const WORDS = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g

/** What stands in the place of a secret. */
const LEFT_OUT = 'left out'
/** The same in a URL. */
const LEFT_OUT_OF_URL = 'left-out'

/** Texts, lists and objects with no value whose name says that it is secret, and no password in a URL. A limit such as max_tokens is no token. */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value === 'string') return withoutUrlSecrets(value)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, isSecret(name) && typeof inner !== 'number' ? LEFT_OUT : withoutSecrets(inner)]),
  )
}

/** A text with no name and password before the host of a URL, and no secret value in its query. */
export function withoutUrlSecrets(text: string): string {
  return text
    .replace(/(?<=:\/\/)[^/?#@\s]+@/g, '')
    .replace(/([?&#;])([\w.~%[\]-]+)=([^&#;\s"']+)/g, (all, mark, name) =>
      isSecret(decoded(name)) ? `${mark}${name}=${LEFT_OUT_OF_URL}` : all,
    )
}

function isSecret(name: string): boolean {
  return (name.match(WORDS) ?? []).some((word) => SECRET.has(word.toLowerCase()) || JOINED.test(word.toLowerCase()))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
