#!/usr/bin/env node

import { runMain } from '../cli/arguments.ts'
import { initCommand } from './command.ts'

process.exitCode = await runMain('pr1-init', initCommand)
