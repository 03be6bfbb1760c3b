// node --import tsx attempts.mjs MODULE FOLDER: tries one attempt after another in a process that may crash or hang; supervise.mjs
// watches it. The seed under way stands in FOLDER/seed, so that it is known after the end of this process.

import { openSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'

/** Reports go in batches: most attempts take less time than a message. */
const REPORT_MS = 250

const [area, folder] = process.argv.slice(2)
const { open } = await import(area)
const under = openSync(path.join(folder, 'seed'), 'w')
const work = path.join(folder, 'work')
const { attempt, note } = await open(work)
process.on('disconnect', () => process.exit(1))
process.send({ kind: 'ready', note })
process.on('message', async ({ from, to, until }) => {
  let done = []
  let reported = Date.now()
  let seed = from
  for (; seed < to && Date.now() < until; seed++) {
    writeSync(under, String(seed).padStart(16), 0)
    done.push({ seed, ...(await attempt(seed).catch((error) => ({ what: 'any', outcome: 'lost', lost: error.stack ?? String(error) }))) })
    if (Date.now() - reported < REPORT_MS) continue
    process.send({ kind: 'attempts', attempts: done })
    done = []
    reported = Date.now()
  }
  process.send({ kind: 'end', attempts: done }, () => {
    rmSync(work, { recursive: true, force: true, maxRetries: 5 })
    process.exit(0)
  })
})
