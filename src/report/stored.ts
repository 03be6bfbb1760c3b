/** Evaluations that promptfoo keeps: read by their id, through promptfoo's own export. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { runPromptfoo } from '../installed-promptfoo.ts'
import { ReportError, type Results, readResults } from './rows.ts'

/** What promptfoo calls an evaluation; `latest` is the last one. */
export const isEvaluationId = (name: string): boolean => /^(latest|eval-[\w:.-]{1,100})$/.test(name)

/** Throws ReportError where promptfoo has no such evaluation. */
export async function readStored(id: string): Promise<Results> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-report-'))
  try {
    const file = path.join(folder, 'results.json')
    const { code, log } = await runPromptfoo(['export', 'eval', id, '-o', file], {
      near: path.resolve('package.json'),
      env: { NODE_NO_WARNINGS: '1' },
    })
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
