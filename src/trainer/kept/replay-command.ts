/** `pr1-train replay`: arguments and words. */

import { join } from 'node:path'
import { runCommand } from '../../cli/arguments.ts'
import { Progress } from '../../cli/progress.ts'
import { writeFileAtomic } from '../../engine/checkpoint/atomic.ts'
import { plainJson, plainLine } from '../../plain.ts'
import { stepFile } from '../../rollouts/format.ts'
import { rolloutsFolder } from '../../rollouts/reader.ts'
import { parseStep, runOf } from './choose.ts'
import type { Difference } from './compare.ts'
import { type Replay, replay } from './replay.ts'
import { grpoStageOf, settingsOf } from './settings.ts'

const USAGE = `pr1-train replay <run> --step <n> [options]

Makes the rollouts of a step again, bit for bit, from the newest saved state before it, or from the beginning of the run where none is kept. Steps
between are done again in memory. Says whether they equal the kept ones, or where they differ. The run is not changed.

      --step <n>       step of the stage, counted from 1
      --stage <name>   stage, where several have such a step
  -c, --config <file>  training file of the run, instead of the configuration that the run keeps
      --device <name>  auto, cpu, cuda or tfjs; bits are equal on the same device and instruction set
      --write          keep the step in the run's folder where it is missing or damaged
      --json           the result as JSON
  -h, --help           this text
      --version        version of the package

Exit code: 0 equal, or made where nothing is kept; 1 an error; 2 a command line that cannot be read; 4 they differ.`

const OPTIONS = {
  step: { type: 'string' },
  stage: { type: 'string' },
  config: { type: 'string', short: 'c' },
  device: { type: 'string' },
  write: { type: 'boolean' },
  json: { type: 'boolean' },
} as const

/** Of a command that compares: something differs. */
export const DIFFERS = 4

/** Runs the command and returns its exit code. Throws ParallelR1Error on what the user can mend. */
export function replayCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  return runCommand({ name: 'pr1-train replay', usage: USAGE, options: OPTIONS }, args, print, async ({ values, positionals }) => {
    const run = runOf(positionals, 'replay')
    const step = parseStep(values.step ?? '')
    const config = settingsOf(run, values)
    const stage = grpoStageOf(config, values.stage, step)
    const bar = new Progress({ label: 'replay', unit: 'steps' })
    const say = (line: string): void => bar.above(() => process.stderr.write(`${plainLine(line)}\n`))
    try {
      const result = await replay({
        run,
        config,
        stage,
        step,
        say,
        onStep: (done, of) => bar.update(done, of),
      })
      bar.stop()
      const written = values.write && !result.kept ? await keep(run, result) : undefined
      print(values.json ? `${plainJson(resultOf(result, written))}\n` : describe(result, written))
      return result.differences.length > 0 ? DIFFERS : 0
    } finally {
      bar.stop()
    }
  })
}

async function keep(run: string, { place, bytes }: Replay): Promise<string> {
  const file = join(rolloutsFolder(run), stepFile(place))
  await writeFileAtomic(file, bytes)
  return file
}

function resultOf({ place, from, made, kept, damaged, differences, diverged }: Replay, written: string | undefined): object {
  return {
    ...place,
    from: from ?? null,
    rollouts: made.rollouts.length,
    kept: kept !== undefined,
    ...(damaged !== undefined && { damaged }),
    equal: kept ? differences.length === 0 : null,
    differing: differences.length,
    differences,
    diverged: diverged ?? null,
    ...(written !== undefined && { written }),
  }
}

/** Differences that are printed; JSON has all. */
const SHOWN = 10

function describe({ place, made, kept, damaged, differences, diverged }: Replay, written: string | undefined): string {
  const what = `Step ${place.step} of ${place.stage}`
  const count = made.rollouts.length
  if (!kept) {
    const why = damaged === undefined ? 'It was not kept, so there is nothing to compare with.' : damaged
    const next = written === undefined ? 'Keep it with --write.' : `Wrote ${written}`
    return `${what}: ${count} rollouts made. ${why} ${next}\n`
  }
  if (differences.length === 0) return `${what}: ${count} rollouts made again, equal to the kept ones bit for bit\n`
  const lines = [`${what}: ${differences.length} of ${count} rollouts differ from the kept ones`]
  if (diverged) lines.push(`Step ${diverged.step} of ${diverged.stage}, on the way, is the first that differs`)
  lines.push(...differences.slice(0, SHOWN).map((one) => `  ${lineOf(one)}`))
  if (differences.length > SHOWN) lines.push(`  and ${differences.length - SHOWN} more: --json has all`)
  return `${lines.join('\n')}\n`
}

function lineOf({ group, member, what, was, is, at }: Difference): string {
  const where = `prompt ${group + 1}, response ${member + 1}: ${what}`
  return plainLine(`${where}${at === undefined ? '' : ` from character ${at + 1} on`} was ${JSON.stringify(was)}, is ${JSON.stringify(is)}`)
}
