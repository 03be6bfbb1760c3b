/** A Thinker whose requests decode on the workers of a crew. What a thought is follows from its request and the weights, wherever it was had. */

import { setMaxListeners } from 'node:events'
import type { Thinker } from '../thinking/thinker.ts'
import type { ThinkRequest, Thought } from '../thinking/types.ts'
import type { Crew, Member } from './crew.ts'
import { ClusterError } from './errors.ts'
import type { Outcome } from './protocol.ts'
import { requestToWire, thoughtFromWire } from './requests.ts'
import { fromWire } from './wire-errors.ts'

interface Asked {
  request: ThinkRequest
  signal: AbortSignal | undefined
  resolve(thought: Thought): void
  reject(error: unknown): void
  settled: boolean
}

/** Requests of a piece at most: one prompt's samples share what was read of it. */
const MOST_TOGETHER = 16

/** `weights`: those that the workers decode with. `close` ends what it asked, not the crew unless it owns it. */
export function clusterThinker(crew: Crew, weights: string, { ownsCrew = false } = {}): Thinker {
  let asked: Asked[] = []
  const underWay = new Set<Asked>()
  let closed = false

  function flush(): void {
    const now = asked
    asked = []
    for (let at = 0; at < now.length; ) {
      const { promptIds } = now[at].request
      let end = at + 1
      while (end < now.length && end - at < MOST_TOGETHER && now[end].request.promptIds === promptIds) end++
      submit(now.slice(at, end))
      at = end
    }
  }

  function submit(group: Asked[]): void {
    crew.submit({
      size: group.length,
      run: (member) => decode(group, member),
      fail: (error) => {
        for (const one of group) one.reject(error)
      },
    })
  }

  async function decode(group: readonly Asked[], member: Member): Promise<void> {
    const open = group.filter(({ settled }) => !settled)
    if (open.length === 0) return
    const call = crew.name('think')
    const cancel = () => {
      // The answer is then that it was cancelled, and nobody waits for it.
      if (open.every(({ settled }) => settled)) void crew.call(member, { op: 'cancel', call }).catch(() => {})
    }
    for (const { signal } of open) signal?.addEventListener('abort', cancel, { once: true })
    try {
      const requests = open.map(({ request }) => requestToWire(request))
      const { header } = await crew.call(member, { op: 'think', weights, call, requests }, { weights })
      const outcomes = header.outcomes as Outcome[]
      for (const [i, one] of open.entries()) {
        const outcome = outcomes[i]
        if ('error' in outcome) one.reject(fromWire(outcome.error))
        else one.resolve(thoughtFromWire(outcome.thought, one.request))
      }
    } finally {
      for (const { signal } of open) signal?.removeEventListener('abort', cancel)
    }
  }

  return {
    think(request, signal) {
      if (signal) setMaxListeners(0, signal)
      if (closed) return Promise.reject(new ClusterError('The thinker was closed.'))
      return new Promise<Thought>((resolve, reject) => {
        const one: Asked = {
          request,
          signal,
          settled: false,
          resolve: (thought) => settle(() => resolve(thought)),
          reject: (error) => settle(() => reject(error)),
        }
        const aborted = () => one.reject(signal!.reason)
        const settle = (how: () => void) => {
          if (one.settled) return
          one.settled = true
          underWay.delete(one)
          signal?.removeEventListener('abort', aborted)
          how()
        }
        if (signal?.aborted) return aborted()
        signal?.addEventListener('abort', aborted, { once: true })
        underWay.add(one)
        if (asked.push(one) === 1) setImmediate(flush)
      })
    },
    async close() {
      closed = true
      for (const one of [...underWay]) one.reject(new ClusterError('The thinker was closed.'))
      if (ownsCrew) await crew.close()
    },
  }
}
