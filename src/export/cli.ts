#!/usr/bin/env node

import { runMain } from '../cli/arguments.ts'
import { exportCommand } from './command.ts'

process.exitCode = await runMain('pr1-export', exportCommand)
