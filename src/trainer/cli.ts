#!/usr/bin/env node
/** `pr1-train`: arguments, signals, exit codes. */

import { parseArgs } from 'node:util'
import { ParallelR1Error } from '../engine/errors.ts'
import { readTrainConfig } from './config-file.ts'
import { train } from './train.ts'

const USAGE = `pr1-train -c train.yaml [options]

Trains a model in stages (sft, grpo) whose prompts, tests and rewards are promptfoo configs.

  -c, --config <file>      the training file (YAML)
  -o, --output <folder>    folder of the run, instead of the file's "output"
      --resume             go on from the last saved state
      --stage <name>       train this stage only, from the export of the stage before it
      --set <path=value>   override a value, e.g. --set stages.rl.lr=1e-5 (repeatable)
      --device <name>      auto, cpu, cuda or tfjs
      --dry-run            print the resolved table and the plan, train nothing
  -h, --help               this text

The first Ctrl-C finishes the step and saves; the second one stops at once.`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string', short: 'c' },
      output: { type: 'string', short: 'o' },
      resume: { type: 'boolean' },
      stage: { type: 'string' },
      set: { type: 'string', multiple: true },
      device: { type: 'string' },
      'dry-run': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help || !values.config) {
    process.stdout.write(`${USAGE}\n`)
    return values.help ? 0 : 2
  }
  const config = readTrainConfig(values.config, { output: values.output, device: values.device, sets: values.set })
  const interrupt = new AbortController()
  let received: NodeJS.Signals | undefined
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (received) process.exit(exitCode(received))
      received = signal
      process.stderr.write(`\n${signal}: finishing this step and saving; once more to stop at once\n`)
      interrupt.abort()
    })
  }
  const { resume, stage } = values
  const outcome = await train(config, { resume, stage, dryRun: values['dry-run'], signal: interrupt.signal })
  return outcome === 'interrupted' ? exitCode(received) : 0
}

/** 128 + the signal's number, as shells report it. */
function exitCode(signal: NodeJS.Signals | undefined): number {
  return signal === 'SIGTERM' ? 143 : 130
}

main().then(
  // promptfoo's own timers and pools would keep the process alive.
  (code) => process.exit(code),
  (error: unknown) => {
    const known = error instanceof ParallelR1Error || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')
    process.stderr.write(`\npr1-train: ${known ? (error as Error).message : ((error as Error).stack ?? error)}\n`)
    process.exit(1)
  },
)
