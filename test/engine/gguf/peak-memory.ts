import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * What a call takes of this process at its peak. Knows nothing of vitest: `npm run torture` uses it too. Linux tells it and forgets its
 * last peak when asked to (proc_pid_clear_refs(5)).
 */

export const measuresPeak = existsSync('/proc/self/clear_refs')

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Bytes in memory and bytes of address space, now and at the peak. */
function memory(): Record<'VmRSS' | 'VmHWM' | 'VmSize' | 'VmPeak', number> {
  const status = readFileSync('/proc/self/status', 'utf8')
  const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)![1]) * 1024
  return { VmRSS: bytes('VmRSS'), VmHWM: bytes('VmHWM'), VmSize: bytes('VmSize'), VmPeak: bytes('VmPeak') }
}

/**
 * Bytes that a call held at once beyond what was there before, memory that it asked for and never touched counted in. V8 reserves space of its
 * own now and then, so a peak above `most` is measured again, up to four times. 0 where nothing is measured.
 */
export async function peakOf(call: () => Promise<unknown>, most = Number.POSITIVE_INFINITY): Promise<number> {
  let least = await measure(call)
  for (let again = 0; again < 3 && least > most; again++) least = Math.min(least, await measure(call))
  return least
}

async function measure(call: () => Promise<unknown>): Promise<number> {
  if (!measuresPeak) {
    await call()
    return 0
  }
  collect()
  writeFileSync('/proc/self/clear_refs', '5')
  const { VmPeak, VmSize } = memory()
  // The peak of the address space is never forgotten: it is filled up to there, untouched, so that whatever is asked for shows.
  const filler = new ArrayBuffer(VmPeak - VmSize)
  const before = memory()
  await call()
  const after = memory()
  return Math.max(after.VmHWM - before.VmRSS, after.VmPeak - Math.max(before.VmPeak, VmSize + filler.byteLength))
}
