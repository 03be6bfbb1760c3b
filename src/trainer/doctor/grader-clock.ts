/** Times graders as they begin and end. One that waits for a service counts its waiting, too. */

import type { GraderWatch } from '../grading/scoring.ts'

export class GraderClock implements GraderWatch {
  private readonly totals = new Map<string, { seconds: number; calls: number }>()
  private readonly open = new Map<string, number[]>()

  begins(grader: string): void {
    const open = this.open.get(grader) ?? []
    open.push(performance.now())
    this.open.set(grader, open)
  }

  ends(grader: string): void {
    // Of several calls at once the first to begin is taken for the first to end: the sum is the same.
    const began = this.open.get(grader)?.shift()
    if (began === undefined) return
    const { seconds, calls } = this.totals.get(grader) ?? { seconds: 0, calls: 0 }
    this.totals.set(grader, { seconds: seconds + (performance.now() - began) / 1000, calls: calls + 1 })
  }

  /** Milliseconds a call. */
  get milliseconds(): Map<string, number> {
    return new Map([...this.totals].map(([grader, { seconds, calls }]) => [grader, (1000 * seconds) / calls]))
  }
}
