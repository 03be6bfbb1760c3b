#!/usr/bin/env node

import { runMain } from '../cli/arguments.ts'
import { serveCommand } from './command.ts'

// Pools of promptfoo and of graders would keep the process alive.
process.exit(await runMain('pr1-serve', serveCommand))
