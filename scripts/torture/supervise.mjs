// See supervise.d.mts, which holds the interface of an area.

import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Loading and preparing, before the first attempt. */
const START_SECONDS = 600
const POLL_MS = 500

export async function supervise(module, { from, count, until }, report) {
  const { name, limitSeconds } = await import(module)
  const notes = new Set()
  const ranges = [{ from, to: from + count, until }]
  while (ranges.length > 0 && Date.now() < until) {
    const life = new Life(name, module, limitSeconds)
    ranges.unshift(...(await life.run(ranges.shift(), report, notes)))
  }
  return [...notes]
}

/** One life of the process that attempts. */
class Life {
  #limitSeconds
  #folder
  #child
  #ready = false
  #hung = false
  #errors = ''

  constructor(name, module, limitSeconds) {
    this.#limitSeconds = limitSeconds
    this.#folder = mkdtempSync(path.join(os.tmpdir(), `pr1-torture-${name}-`))
    mkdirSync(path.join(this.#folder, 'work'))
    const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'attempts.mjs')
    this.#child = fork(script, [String(module), this.#folder], {
      execArgv: ['--import', 'tsx'],
      // A group of its own, so that the processes it started end with it.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child.stderr.on('data', (data) => {
      this.#errors = (this.#errors + data).slice(-4000)
    })
  }

  /** Tries the seeds of `range`; returns the ranges that are left where the process did not live to its end. */
  run(range, report, notes) {
    // Reports come in batches: what was done since the last one is done again after a crash.
    let unreported = range.from
    let ended = false
    const watch = this.#watch(range.from)
    this.#child.on('message', ({ kind, note, attempts = [] }) => {
      if (kind === 'ready') {
        if (note) notes.add(note)
        this.#ready = true
        this.#child.send(range)
      }
      for (const attempt of attempts) {
        report(attempt)
        unreported = attempt.seed + 1
      }
      if (kind === 'end') ended = true
    })
    return new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        clearInterval(watch)
        const seed = this.#seed(range.from)
        if (!ended) {
          this.#endGroup()
          const how = this.#hung ? `hung for ${this.#limitSeconds} s` : `the process ended with ${signal ?? `code ${code}`}`
          const lost = `${how}\n${this.#errors}`.trim()
          report({ seed, what: this.#ready ? 'any' : 'the preparation', outcome: 'lost', lost })
        }
        rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 })
        // Without a preparation nothing can be tried.
        if (ended || !this.#ready) resolve([])
        else
          resolve(
            [
              { ...range, from: unreported, to: seed },
              { ...range, from: seed + 1 },
            ].filter(({ from, to }) => from < to),
          )
      })
    })
  }

  /** Ends the process where an attempt takes too long. */
  #watch(first) {
    let seed = first
    let since = Date.now()
    let ready = false
    return setInterval(() => {
      const now = this.#seed(first)
      if (now !== seed || this.#ready !== ready) since = Date.now()
      seed = now
      ready = this.#ready
      if (Date.now() - since < (ready ? this.#limitSeconds : START_SECONDS) * 1000) return
      this.#hung = true
      this.#endGroup()
    }, POLL_MS)
  }

  /** The seed under way. */
  #seed(first) {
    try {
      return Number(readFileSync(path.join(this.#folder, 'seed'), 'utf8').trim() || first)
    } catch {
      return first
    }
  }

  #endGroup() {
    try {
      process.kill(-this.#child.pid, 'SIGKILL')
    } catch {
      // All of it has ended.
    }
  }
}
