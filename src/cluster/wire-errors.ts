import { CacheFullError, CheckpointError, ConfigError, NonFiniteError, OutOfMemoryError, UnavailableError } from '../engine/errors.ts'
import { ClusterError } from './errors.ts'
import type { WireError } from './protocol.ts'

const CLASSES = [CacheFullError, CheckpointError, ConfigError, NonFiniteError, OutOfMemoryError, UnavailableError]
const BY_NAME = new Map(CLASSES.map((one) => [one.name, one]))

export function toWire(error: unknown): WireError {
  return error instanceof Error ? { name: error.name, message: error.message } : { name: 'Error', message: String(error) }
}

/** The error that a worker met, of the class that it had there. */
export function fromWire({ name, message }: WireError): Error {
  const error = new (BY_NAME.get(name) ?? ClusterError)(message)
  if (name === 'AbortError') error.name = name
  return error
}
