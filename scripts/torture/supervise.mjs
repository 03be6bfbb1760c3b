// Runs the attempts of one area in a process of its own. Where that crashes or hangs, the attempt under way is lost, the process is
// started anew and goes on behind it.

import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Loading and preparing, before the first attempt. */
const START_SECONDS = 600
const POLL_MS = 500

/**
 * What an attempt gives.
 * @typedef {object} Attempt
 * @property {string} what      the row of the table that it counts in
 * @property {string} outcome   how it went
 * @property {string} [lost]    what was lost; absent where nothing was
 * @property {Record<string, number>} [tally]  what else is counted, under the names of the area's `bars`
 */

/**
 * A module of scripts/torture/areas. An attempt follows from its seed alone, so that each loss can be tried again.
 * @typedef {object} Area
 * @property {string} name
 * @property {number} share         of the time of a long run
 * @property {number} short         attempts of the short form
 * @property {number} limitSeconds  an attempt that takes longer hangs
 * @property {Record<string, number>} bars  how much of what an hour of a whole run should do
 * @property {(folder: string) => Promise<{ attempt(seed: number): Promise<Attempt>, note?: string }>} open
 */

/**
 * Attempts of an area from the seed `from` on, as many as `count` and as long as `until` (epoch milliseconds) says.
 * @param {Area} area
 * @param {(attempt: Attempt & { seed: number }) => void} report
 * @returns {Promise<string[]>} what the user should know
 */
export async function supervise(area, { from, count, until }, report) {
  const notes = new Set()
  const to = from + count
  for (let next = from; next < to && Date.now() < until; ) next = await stretch(area, { from: next, to, until }, report, notes)
  return [...notes]
}

/** One life of the process; the seed to go on with. */
function stretch(area, range, report, notes) {
  const folder = mkdtempSync(path.join(os.tmpdir(), `pr1-torture-${area.name}-`))
  mkdirSync(path.join(folder, 'work'))
  const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'attempts.mjs')
  // A group of its own, so that the processes it started end with it.
  const child = fork(script, [area.name, folder], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let errors = ''
  child.stderr.on('data', (data) => {
    errors = (errors + data).slice(-4000)
  })
  return new Promise((resolve) => {
    let ready = false
    let ended
    let seed = range.from
    let since = Date.now()
    let hung = false
    const watch = setInterval(() => {
      const now = ready ? seedUnderWay(folder, range.from) : range.from
      if (now !== seed) [seed, since] = [now, Date.now()]
      if (Date.now() - since < (ready ? area.limitSeconds : START_SECONDS) * 1000) return
      hung = true
      endGroup(child)
    }, POLL_MS)
    child.on('message', ({ kind, note, attempts = [], next }) => {
      if (kind === 'ready') {
        if (note) notes.add(note)
        ;[ready, since] = [true, Date.now()]
        child.send(range)
      }
      for (const attempt of attempts) report(attempt)
      if (kind === 'end') ended = next
    })
    child.on('close', (code, signal) => {
      clearInterval(watch)
      if (ended === undefined) {
        seed = ready ? seedUnderWay(folder, range.from) : range.from
        const how = hung ? `hung for ${area.limitSeconds} s` : `the process ended with ${signal ?? `code ${code}`}`
        report({ seed, what: ready ? 'any' : 'the preparation', outcome: 'lost', lost: `${how}\n${errors.trim()}` })
        endGroup(child)
      }
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
      // Without a preparation nothing can be tried.
      resolve(ended ?? (ready ? seed + 1 : range.to))
    })
  })
}

function seedUnderWay(folder, otherwise) {
  const text = readFileSync(path.join(folder, 'seed'), 'utf8').trim()
  return text === '' ? otherwise : Number(text)
}

function endGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // All of it has ended.
  }
}
