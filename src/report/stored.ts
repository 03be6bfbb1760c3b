/** Evaluations that promptfoo keeps: read by their id, through promptfoo's own export. */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promptfooScript } from '../installed-promptfoo.ts'
import { ReportError, type Results, readResults } from './rows.ts'

/** What promptfoo calls an evaluation; `latest` is the last one. */
export const isEvaluationId = (name: string): boolean => /^(latest|eval-[\w:.-]{1,100})$/.test(name)

/** Throws ReportError where promptfoo has no such evaluation. */
export async function readStored(id: string): Promise<Results> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-report-'))
  try {
    const file = path.join(folder, 'results.json')
    const { code, log } = await runPromptfoo(['export', 'eval', id, '-o', file])
    if (code !== 0) {
      const why = log.split('\n').find((line) => /no eval|not found/i.test(line)) ?? log.slice(-300)
      throw new ReportError(
        `promptfoo could not hand out the evaluation ${id}: ${why.trim()}. List what there is with: npx promptfoo list evals.`,
      )
    }
    return { ...readResults(file), source: id }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runPromptfoo(args: readonly string[]): Promise<{ code: number | null; log: string }> {
  const env = { ...process.env, PROMPTFOO_DISABLE_TELEMETRY: '1', PROMPTFOO_DISABLE_UPDATE: '1', NODE_NO_WARNINGS: '1' }
  const child = spawn(process.execPath, [promptfooScript(path.resolve('package.json')), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  const collect = (data: Buffer) => {
    log = (log + data.toString()).slice(-20_000)
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail)
    child.once('close', done)
  })
  return { code, log }
}
