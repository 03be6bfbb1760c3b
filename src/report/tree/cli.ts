#!/usr/bin/env node

import { runMain } from '../../cli/arguments.ts'
import { treeCommand } from './command.ts'

process.exitCode = await runMain('pr1-tree', (args, print) => treeCommand(args, print, process.stdout))
