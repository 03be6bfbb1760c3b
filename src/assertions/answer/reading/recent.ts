/** Values by text, made once: the least recently used one makes room. */
export class Recent<T> {
  private readonly kept = new Map<string, T>()
  private readonly most: number
  /** The last one asked for: samples of a group ask for the same again and again. */
  private last: { text: string; value: T } | undefined

  constructor(most: number) {
    this.most = most
  }

  of(text: string, make: (text: string) => T): T {
    const { kept, last } = this
    if (last?.text === text) return last.value
    const known = kept.get(text)
    const value = known === undefined ? make(text) : known
    kept.delete(text)
    kept.set(text, value)
    if (kept.size > this.most) kept.delete(kept.keys().next().value!)
    this.last = { text, value }
    return value
  }
}
