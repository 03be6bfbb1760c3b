/** The command line of every program of this package: options, commands, `--help`, `--version`, exit codes, and the nearest name for a slip of the pen. */

import { type ParseArgsConfig, parseArgs } from 'node:util'
import { ParallelR1Error } from '../engine/errors.ts'
import { nearestName } from '../nearest-name.ts'
import { plain, plainButStyled } from '../plain.ts'
import { packageVersion } from '../version.ts'

/** An error with an exit code of its own; any other ends a program with 1. */
export abstract class ExitError extends ParallelR1Error {
  abstract readonly exitCode: number
}

/** A command line that cannot be read. */
export class UsageError extends ExitError {
  override name = 'UsageError'
  readonly exitCode = 2
}

type Options = NonNullable<ParseArgsConfig['options']>

interface Program<O extends Options = Options> {
  /** As in package.json's `bin`. */
  name: string
  /** What `--help` prints, without a line break at its end. */
  usage: string
  /** `--help` and `--version` are added. */
  options: O
  /** Where the first argument is a command: their names. */
  commands?: readonly string[]
  /** It does its work without arguments, too. Otherwise no arguments print the usage. */
  alone?: boolean
  /** What a command line without arguments lacks. It stands above the usage then. */
  missing?: () => string
}

const everywhere = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } } as const satisfies Options

type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O & typeof everywhere; allowPositionals: true }>>

/**
 * Reads `args` and runs `action` with them, or prints what was asked for. Returns the exit code.
 * @throws UsageError on an option or command that is unknown, naming the nearest one
 */
export async function runCommand<const O extends Options>(
  program: Program<O>,
  args: readonly string[],
  print: (text: string) => void,
  action: (parsed: Parsed<O>) => number | Promise<number>,
): Promise<number> {
  const { name, usage, commands, alone, missing } = program
  const parsed = readArguments(program, args)
  const { help, version } = parsed.values as { help?: boolean; version?: boolean }
  if (help || (args.length === 0 && !alone)) {
    print(`${!help && missing ? `${missing()}\n\n` : ''}${usage}\n`)
    return help ? 0 : 2
  }
  if (version) {
    print(`${packageVersion()}\n`)
    return 0
  }
  const [command] = parsed.positionals
  if (commands && !commands.includes(command ?? '')) {
    if (command === undefined) throw new UsageError(`${name} needs a command. Got none. Use one of ${commands.join(', ')}.`)
    throw new UsageError(`Unknown command "${command}". ${instead(command, commands, name)}`)
  }
  return action(parsed)
}

/**
 * The edge of a program: what it prints goes to standard output, an error to standard error as one sentence. Resolves to the exit
 * code, that of the error where it has one.
 */
export async function runMain(
  name: string,
  command: (args: readonly string[], print: (text: string) => void) => Promise<number>,
): Promise<number> {
  // Who reads only the first lines (`| head`), or closes the terminal, still gets the files.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    })
  }
  try {
    return await command(process.argv.slice(2), (text) => process.stdout.write(plainButStyled(text)))
  } catch (error) {
    const known = error instanceof ParallelR1Error
    process.stderr.write(plain(`${name}: ${known ? error.message : ((error as Error).stack ?? error)}\n`))
    return error instanceof ExitError ? error.exitCode : 1
  }
}

function readArguments<O extends Options>({ name, options }: Program<O>, args: readonly string[]): Parsed<O> {
  const config = { args: [...args], options: { ...options, ...everywhere }, allowPositionals: true } as const
  try {
    return parseArgs(config) as Parsed<O>
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!code?.startsWith('ERR_PARSE_ARGS')) throw error
    const { tokens } = parseArgs({ ...config, strict: false, tokens: true })
    const unknown = tokens.find((token) => token.kind === 'option' && !Object.hasOwn(config.options, token.name))
    if (unknown?.kind !== 'option') throw new UsageError(`${message.replace(/\.?\n.*/s, '')}. See ${name} --help.`)
    const known = Object.keys(config.options).map((key) => `--${key}`)
    throw new UsageError(`Unknown option ${unknown.rawName}. ${instead(unknown.rawName, known, name)}`)
  }
}

function instead(got: string, known: readonly string[], program: string): string {
  const nearest = nearestName(got, known)
  return nearest ? `Did you mean ${nearest}?` : `Known: ${known.join(', ')}. See ${program} --help.`
}
