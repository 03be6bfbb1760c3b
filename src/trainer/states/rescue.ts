/** What becomes of a run whose disk fails or is full, or whose folder is gone: deleted, unmounted, read-only. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { errorCode } from '../../engine/checkpoint/problem.ts'
import { ParallelR1Error } from '../../engine/errors.ts'
import type { Reader, Session } from '../model/session.ts'
import { stateName, type TrainerState } from './state.ts'
import { States } from './states.ts'

/** Code of the system error behind an error of a save. */
export function diskCode(error: unknown): string | undefined {
  return errorCode(error) ?? errorCode((error as Error | undefined)?.cause)
}

/** A full disk is none of these: there the last state stays, and room brings everything back. */
export function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(diskCode(error) ?? '')
}

/**
 * Writes the state of a run whose folder takes no more files to the first place that does: beside it, the current folder, the
 * system's temporary one. Returns the error that ends the run, which says where the state is.
 */
export async function rescue(
  session: Session | Reader,
  state: TrainerState,
  run: string,
  resumeCommand: string,
  error: unknown,
): Promise<Error> {
  const failed = `The folder of the run, ${run}, can no longer be written (${(error as Error).message}).`
  for (const parent of [dirname(run), process.cwd(), tmpdir()]) {
    let folder: string | undefined
    try {
      folder = await mkdtemp(join(parent, `${basename(run)}-rescued-`))
      await new States(folder, () => {}).save(session, state, 1)
    } catch {
      if (folder) await rm(folder, { recursive: true, force: true }).catch(() => {})
      continue
    }
    const saved = join(folder, 'checkpoints', stateName(state.total))
    const next = `Move it into ${join(run, 'checkpoints')} and go on with: ${resumeCommand}`
    return new ParallelR1Error(`${failed} Everything up to step ${state.total} is saved in ${saved}. ${next}`, { cause: error })
  }
  return new ParallelR1Error(`${failed} No other place could be written either, so the steps since the last save are lost.`, {
    cause: error,
  })
}

/** An error of the disk as one sentence; any other as it is. */
export function diskProblem(error: unknown): unknown {
  const { message, syscall } = error as NodeJS.ErrnoException
  // Sockets and processes have system calls, too.
  const disk = syscall !== undefined && !/^(spawn|kill|connect|getaddrinfo|listen|bind)/.test(syscall)
  if (!isFull(error) && !disk) return error
  const [what, first] = isFull(error) ? ['The disk is full', 'free some space'] : ['The disk failed', 'mend that']
  return new ParallelR1Error(`${what}. The last saved state is whole: ${first}, then go on with --resume. (${message})`, { cause: error })
}
