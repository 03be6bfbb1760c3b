/** CPU milliseconds of this process so far: a busy machine does not make a grader slow. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** CPU milliseconds of the fastest of up to six runs, which end as soon as one is within `enough`. `before` is called before each. */
export function fastest(run: () => void, enough: number, before = () => {}): number {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 6 && best > enough; i++) {
    before()
    const start = cpuTime()
    run()
    best = Math.min(best, cpuTime() - start)
  }
  return best
}
