/** Text that the provider wrote at the beginning of each path of a block (`pathStarts`): the model did not say it. */

/** As the provider reports it, undefined where it wrote nothing. */
export function pathStarts({ pathStarts }: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const known = Array.isArray(pathStarts) && pathStarts.every((text) => typeof text === 'string')
  return known ? pathStarts : undefined
}

/** Path k of a block without its start. */
export function withoutStart(path: string, k: number, starts: readonly string[] | undefined): string {
  const start = starts?.[k]
  return start !== undefined && path.startsWith(start) ? path.slice(start.length) : path
}
