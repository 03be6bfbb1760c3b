#!/usr/bin/env node

import { runMain } from '../cli/arguments.ts'
import { reportCommand } from './command.ts'

process.exitCode = await runMain('pr1-report', reportCommand)
