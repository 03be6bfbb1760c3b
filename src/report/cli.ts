#!/usr/bin/env node
/** `pr1-report`: exit codes and errors. */

import { ParallelR1Error } from '../engine/errors.ts'
import { reportCommand } from './command.ts'

// Who reads only the first lines (`| head`) still gets the page.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

reportCommand(process.argv.slice(2), (text) => process.stdout.write(text)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    const known = error instanceof ParallelR1Error || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')
    process.stderr.write(`pr1-report: ${known ? (error as Error).message : ((error as Error).stack ?? error)}\n`)
    process.exitCode = 1
  },
)
