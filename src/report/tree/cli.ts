#!/usr/bin/env node
/** `pr1-tree`: exit codes and errors. */

import { ParallelR1Error } from '../../engine/errors.ts'
import { treeCommand } from './command.ts'

// Who reads only the first lines (`| head`) gets them.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

treeCommand(process.argv.slice(2), (text) => process.stdout.write(text), process.stdout).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const known = error instanceof ParallelR1Error || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')
    process.stderr.write(`pr1-tree: ${known ? (error as Error).message : ((error as Error).stack ?? error)}\n`)
    process.exitCode = 1
  },
)
