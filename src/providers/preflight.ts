/**
 * Looks at every provider's checkpoint before the first row of a run: a column whose turn comes last would else say after minutes that its
 * folder is not there.
 */

import { CheckpointError, ParallelR1Error } from '../engine/errors.ts'
import { isPromptfoo } from '../installed-promptfoo.ts'
import { notice } from '../plain.ts'

/** A provider that can look at its model without loading it. */
interface Checked {
  label?: string
  id(): string
  /** Throws ParallelR1Error where no row could be answered. No weights are loaded. */
  preflight(): Promise<void>
}

/** Entries that were constructed, and not looked at or asked yet. */
const unseen = new Set<Checked>()

/** What promptfoo's command line constructs is looked at: by the hook beforeAll, or beside the first row that any entry is asked. */
export function enrol(entry: Checked): void {
  if (isPromptfoo()) unseen.add(entry)
}

/** The hook's look at the providers of a run, those of others left out. Throws CheckpointError that names each that cannot answer, and why. */
export async function checkProviders(providers: readonly unknown[] = []): Promise<void> {
  const faults = await faultsOf(providers.filter(isChecked))
  if (faults.length > 0) throw new CheckpointError(`${faults.join('\n')}\nNo row was asked.`)
}

/** Without the hook: once for each entry, says of those that wait for their turn what they will answer. */
export async function warnOfOthers(asked: Checked): Promise<void> {
  unseen.delete(asked)
  if (unseen.size === 0) return
  const waiting = [...unseen]
  unseen.clear()
  for (const fault of await faultsOf(waiting))
    notice(`${fault}\nEach of its rows will be an error. Ctrl-C ends the run, and samples are kept.`)
}

async function faultsOf(entries: readonly Checked[]): Promise<string[]> {
  const faults: string[] = []
  for (const entry of entries) {
    unseen.delete(entry)
    try {
      await entry.preflight()
    } catch (error) {
      // What nobody foresaw comes again in its rows, with its stack.
      if (error instanceof ParallelR1Error) faults.push(`The provider "${entry.label || entry.id()}" cannot answer. ${error.message}`)
    }
  }
  return faults
}

/** The package may be loaded twice in a process, so the class tells nothing. */
function isChecked(provider: unknown): provider is Checked {
  if (typeof provider !== 'object' || provider === null) return false
  return provider.constructor?.name === 'ParallelThinkingProvider' && 'preflight' in provider
}
