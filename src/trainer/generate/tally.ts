/** What many answers come to: for the data card and for the doctor. */

/** How often each text is there, the most frequent first, equals by their text. */
export function counted(texts: readonly string[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
}

/** The mean of each metric over the answers that have it, by name. */
export function meansOf(answers: readonly { metrics: Readonly<Record<string, number>> }[]): [string, number][] {
  const names = [...new Set(answers.flatMap(({ metrics }) => Object.keys(metrics)))].sort()
  return names.map((name) => {
    const values = answers.flatMap(({ metrics }) => metrics[name] ?? [])
    return [name, sum(values) / values.length]
  })
}

export function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0)
}
