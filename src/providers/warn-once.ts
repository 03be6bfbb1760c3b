import type { CallApiContextParams } from 'promptfoo'
import { notice, plain } from '../plain.ts'

const said = new WeakMap<object, Set<string>>()

/** Says a warning once for a subject (a checkpoint, a provider entry), not at every row. Undefined says nothing. */
export function warnOnce(
  subject: object,
  kind: string,
  warning: () => string | undefined,
  context: CallApiContextParams | undefined,
): void {
  const kinds = said.get(subject) ?? new Set()
  const text = kinds.has(kind) ? undefined : warning()
  if (text === undefined) return
  said.set(subject, kinds.add(kind))
  if (context?.logger) context.logger.warn(`parallel-r1: ${plain(text)}`)
  else notice(text)
}
