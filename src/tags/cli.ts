#!/usr/bin/env node

import { runMain } from '../cli/arguments.ts'
import { tagsCommand } from './command.ts'

process.exitCode = await runMain('pr1-tags', tagsCommand)
