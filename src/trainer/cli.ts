#!/usr/bin/env node
/** `pr1-train`: arguments, signals, exit codes. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { runCommand, runMain, UsageError } from '../cli/arguments.ts'
import { readInt } from '../config-keys.ts'
import { nearestName } from '../nearest-name.ts'
import type { TrainOptions } from './run/options.ts'

const USAGE = `pr1-train -c train.yaml [options]
pr1-train doctor -c train.yaml [options]
pr1-train suites -c train.yaml -o <folder>
pr1-train show | replay | regrade <run> [options]

Trains a model in stages (sft, grpo) whose prompts, tests and rewards are promptfoo configs. "doctor" trains nothing: it samples a few
responses of every stage and says whether the reward tells them apart, which graders are slow, what carries loss, and what a step costs.
"suites" writes the rows of the promptfoo configs for a machine without promptfoo.

"show" prints rollouts that a run keeps, "replay" makes a step of them again, "regrade" scores them with other assertions or another reward.
Each of these has a --help of its own.

  -c, --config <file>      the training file (YAML)
  -o, --output <folder>    folder of the run, instead of the file's "output"
      --resume[=previous]  go on from the last saved state, or from the last that is whole
      --allow-change reward
                           with --resume: take the file's reward where it was corrected, and note it in metrics.jsonl
      --stage <name>       train this stage only, from the export of the stage before it
      --set <path=value>   override a value, e.g. --set stages.rl.lr=1e-5 (repeatable)
      --device <name>      auto, cpu, cuda or tfjs. A precision in the file that this device lacks gives way
      --suites <folder>    take the rows that "suites" or another run left there, and do without promptfoo
      --ray <address>      decode and compute gradients on workers that Ray places: auto, local or HOST:PORT
      --workers <n>        with --ray: how many (2)
      --dry-run            print the settings and the plan, train nothing
      --all-settings       print every setting, those at their defaults too
      --prompts <n>        of doctor: prompts that are sampled (8)
      --group <n>          of doctor: responses a prompt (16)
  -h, --help               this text
      --version            version of the package

The first Ctrl-C finishes the step and saves; the second one stops at once. SIGTERM and SIGHUP (a terminal that closes) save, too.`

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  output: { type: 'string', short: 'o' },
  resume: { type: 'string' },
  'allow-change': { type: 'string', multiple: true },
  stage: { type: 'string' },
  set: { type: 'string', multiple: true },
  device: { type: 'string' },
  suites: { type: 'string' },
  ray: { type: 'string' },
  workers: { type: 'string' },
  'dry-run': { type: 'boolean' },
  'all-settings': { type: 'boolean' },
  prompts: { type: 'string' },
  group: { type: 'string' },
} as const

/** Signals that save, and the exit code after each: 128 and the signal's number, as shells report it. */
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }
type Signal = keyof typeof EXIT_CODES

type Command = (args: readonly string[], print: (text: string) => void) => Promise<number>

/** What is done beside training: each command has options of its own. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  suites: async () => (await import('./suites-command.ts')).suitesCommand,
  show: async () => (await import('./kept/show.ts')).showCommand,
  replay: async () => (await import('./kept/replay-command.ts')).replayCommand,
  regrade: async () => (await import('./kept/regrade-command.ts')).regradeCommand,
}

/** What to type where nothing was typed. */
function missing(): string {
  const here = existsSync('train.yaml') ? ' There is a train.yaml in this folder.' : ''
  return `Name a training file: pr1-train -c train.yaml.${here}`
}

async function trainCommand(args: readonly string[], print: (text: string) => void): Promise<number> {
  const [name = '', ...own] = args
  if (Object.hasOwn(COMMANDS, name)) return (await COMMANDS[name]())(own, print)
  // parseArgs knows no option whose value may be left out.
  const full = args.map((arg) => (arg === '--resume' ? '--resume=newest' : arg))
  return runCommand({ name: 'pr1-train', usage: USAGE, options: OPTIONS, missing }, full, print, async ({ values, positionals }) => {
    const doctor = positionals[0] === 'doctor'
    const extra = positionals[doctor ? 1 : 0]
    if (extra !== undefined || values.config === undefined) {
      const command = nearestName(positionals[0] ?? '', ['doctor', ...Object.keys(COMMANDS)])
      const next = command && !doctor ? `Did you mean pr1-train ${command}?` : `Run: pr1-train -c ${values.config ?? extra ?? 'train.yaml'}`
      throw new UsageError(`pr1-train takes one training file, after -c. Got ${extra === undefined ? 'none' : `"${extra}"`}. ${next}`)
    }
    const { resume, stage, suites, config: file, output, device, ray, set: sets } = values
    if (resume !== undefined && resume !== 'newest' && resume !== 'previous') {
      throw new UsageError(`--resume takes no value, or "previous". Got "${resume}".`)
    }
    const workers = values.workers === undefined ? undefined : readInt(values, 'workers', 2, 'the options of pr1-train', { min: 1 })
    const allowChange = values['allow-change'] ?? []
    const unknown = allowChange.find((key) => key !== 'reward')
    if (unknown !== undefined) throw new UsageError(`--allow-change takes only "reward". Got "${unknown}".`)
    if (allowChange.length > 0 && resume === undefined) throw new UsageError('--allow-change goes with --resume. A new run needs no leave.')
    const examined = doctor ? doctorOptions(values) : undefined
    if (!doctor && (values.prompts ?? values.group) !== undefined)
      throw new UsageError('--prompts and --group are options of pr1-train doctor.')
    if (doctor && (resume !== undefined || values['dry-run'])) throw new UsageError('pr1-train doctor takes no --resume and no --dry-run.')
    // The engine and promptfoo load after the command line was understood.
    const [{ readTrainConfig }, { train }] = await Promise.all([import('./config/config-file.ts'), import('./train.ts')])
    const overrides = { output, device, ray, workers, sets }
    const config = readTrainConfig(file, overrides)
    const interrupt = new AbortController()
    let received: Signal | undefined
    for (const signal of Object.keys(EXIT_CODES) as Signal[]) {
      process.on(signal, () => {
        // A terminal that closes sends several: the system's and its shell's.
        if (received && signal === 'SIGHUP') return
        if (received) process.exit(EXIT_CODES[received])
        received = signal
        process.stderr.write(`\n${signal}: finishing this step and saving; once more to stop at once\n`)
        interrupt.abort()
      })
    }
    const outcome = await train(config, {
      overrides,
      resume: resume === 'previous' ? resume : resume !== undefined,
      allowChange,
      stage,
      suites: suites === undefined ? undefined : resolve(suites),
      dryRun: values['dry-run'] || doctor,
      allSettings: values['all-settings'],
      doctor: examined,
      signal: interrupt.signal,
    })
    if (outcome === 'interrupted' && received === 'SIGHUP') hangUp()
    return outcome === 'interrupted' ? EXIT_CODES[received ?? 'SIGINT'] : 0
  })
}

function doctorOptions(values: { prompts?: string; group?: string }): NonNullable<TrainOptions['doctor']> {
  const where = 'the options of pr1-train doctor'
  return {
    prompts: readInt(values, 'prompts', 8, where, { min: 1 }),
    group: readInt(values, 'group', 16, where, { min: 2 }),
    color: process.stdout.isTTY === true && !process.env.NO_COLOR,
  }
}

/** Ends by the signal itself: an exit would set a terminal right that is gone, and Node aborts over that. */
function hangUp(): void {
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}

// promptfoo's own timers and pools would keep the process alive.
process.exit(await runMain('pr1-train', trainCommand))
