/** A value as an error message shows it: JSON, cut at 80 characters. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  let text: string | undefined
  try {
    text = typeof value === 'bigint' || typeof value === 'number' ? `${value}` : JSON.stringify(value)
  } catch {
    text = undefined
  }
  text ??= String(value)
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** `1 step`, `2 steps`. */
export const counted = (n: number, one: string): string => `${n} ${one}${n === 1 ? '' : 's'}`

/** What an error says, to its first line break and without the full stop. */
export function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error)
    .split('\n', 1)[0]
    .replace(/\.$/, '')
}
