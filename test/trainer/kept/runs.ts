/** A small Countdown run whose rollouts are looked at, with the real engine and the real assertions. */

import { cpSync } from 'node:fs'
import path from 'node:path'
import { readTrainConfig } from '../../../src/trainer/config/config-file.ts'
import { train } from '../../../src/trainer/train.ts'
import { once } from '../../once.ts'
import { fixture, newFolder } from '../runs.ts'

/** Four steps of 2 x 4 rollouts, states after the second and the last. Made once for all tests: change nothing in it. */
export async function countdownRun(): Promise<string> {
  const home = await once('countdown-rollouts', async (folder) => {
    const config = readTrainConfig(fixture('countdown.yaml'), { output: path.join(folder, 'run') })
    await train(config, { output: { write() {} } })
  })
  return path.join(home, 'run')
}

/** A copy to change something in. */
export function copyOf(run: string): string {
  const copy = path.join(newFolder(), 'run')
  cpSync(run, copy, { recursive: true })
  return copy
}

export interface Called {
  code: number
  said: string
  /** On standard error. */
  noted: string
}

type Command = (args: readonly string[], print: (text: string) => void) => Promise<number>

/** What a command prints and its exit code. */
export async function call(command: Command, ...args: string[]): Promise<Called> {
  let said = ''
  let noted = ''
  const { write } = process.stderr
  process.stderr.write = ((text: string) => {
    noted += text
    return true
  }) as typeof process.stderr.write
  try {
    const code = await command(args, (text) => {
      said += text
    })
    return { code, said, noted }
  } finally {
    process.stderr.write = write
  }
}
