/** What `pr1-report` does with folders of runs. */

import { UsageError } from '../../cli/arguments.ts'
import { readInt } from '../../config-keys.ts'
import { DEFAULT_SAMPLES } from '../page/payload.ts'
import { ReportError } from '../rows.ts'
import { writeWhole } from '../write.ts'
import { isFolder, readRuns } from './read.ts'
import { describeRuns } from './terminal.ts'

/** Options of an evaluation. */
const OTHERS = ['serve', 'port', 'json', 'metric', 'baseline', 'seed'] as const

type RunOptions = { output: string; samples?: string } & Partial<Record<(typeof OTHERS)[number], unknown>>

/** Prints what the runs came to and writes their page. Returns the exit code. */
export async function reportRuns(inputs: readonly string[], options: RunOptions, print: (text: string) => void): Promise<number> {
  const other = inputs.find((input) => !isFolder(input))
  if (other !== undefined) {
    throw new ReportError(`A page is of runs or of evaluations. Got ${other} beside the folder of a run. Report on each by itself.`)
  }
  const given = OTHERS.find((name) => options[name] !== undefined)
  if (given) throw new UsageError(`--${given} is an option for evaluations. Got the folder of a run. Leave it out.`)
  const limit = readInt({ ...options }, 'samples', DEFAULT_SAMPLES, 'the options of pr1-report', { min: 0 })
  // Loading the charts takes longer than the rest.
  const [{ drawRunPage }, { readKept }] = await Promise.all([import('./page.ts'), import('./samples.ts')])
  const kept = readKept(readRuns(inputs), limit)
  print(describeRuns(kept))
  print(writeWhole(options.output, drawRunPage(kept)))
  return 0
}
