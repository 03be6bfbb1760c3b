/**
 * What a stage of `kind: generate` leaves in its folder, beside answers.jsonl:
 *
 *   kept.jsonl            the kept answers, each a test of promptfoo: its row's vars and `response`
 *   kept-tag-free.jsonl   the same lines, tags taken out of `response`
 *   rejected.jsonl        every other answer, and why it fell
 *   card.json, README.md  the data card
 *
 * All follow from the answers alone, in the order of the suite. kept.jsonl comes last: where it is, the others are.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type FileOps, writeFileAtomic } from '../../engine/checkpoint/atomic.ts'
import { plainVars, verbatimVars } from '../../gate/verbatim.ts'
import { writeLines } from '../../json-lines.ts'
import { hideTags } from '../../providers/response.ts'
import { type Card, cardPage } from './card.ts'
import { CARD_FILE, KEPT_FILE, PAGE_FILE, REJECTED_FILE, TAG_FREE_FILE } from './files.ts'
import { type AskedRow, RESPONSE } from './rows.ts'
import { type Candidate, keptAnswers, type Selected } from './select.ts'

export async function writeOutputs(
  folder: string,
  selected: readonly Selected[],
  failures: readonly { row: string; try: number; error: string }[],
  card: Card,
  ops: FileOps,
): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const kept = keptAnswers(selected)
  const places = new Map(selected.map(({ row }, i) => [row.key, i]))
  const rejected = [
    ...selected.flatMap(({ row, candidates }) =>
      candidates
        .filter(({ reasons }) => reasons.length > 0)
        .map(({ try: attempt, reasons, metrics, text }) => ({ row: row.key, try: attempt, reasons, metrics, response: text })),
    ),
    ...failures.map(({ row, try: attempt, error }) => ({ row, try: attempt, reasons: [`no answer: ${error}`] })),
  ].sort((a, b) => places.get(a.row)! - places.get(b.row)! || a.try - b.try)
  const write = (name: string, lines: readonly object[]) => writeLines(join(folder, name), lines, ops)
  await write(REJECTED_FILE, rejected)
  await write(
    TAG_FREE_FILE,
    kept.map((test) => testOf(test, hideTags(test.text))),
  )
  await writeFileAtomic(join(folder, CARD_FILE), `${JSON.stringify(card, null, 2)}\n`, ops)
  await writeFileAtomic(join(folder, PAGE_FILE), cardPage(card), ops)
  await write(
    KEPT_FILE,
    kept.map((test) => testOf(test, test.text)),
  )
}

/** Texts of others are no templates: promptfoo prints them as they are. */
function testOf({ row, try: attempt, seed, metrics }: Candidate & { row: AskedRow }, response: string) {
  const vars = Object.fromEntries(Object.entries(plainVars(row.row.vars)).filter(([name]) => !name.startsWith('_')))
  return {
    vars: verbatimVars({ ...vars, [RESPONSE]: response }),
    metadata: { row: row.key, try: attempt, seed, ...metrics },
    options: { disableVarExpansion: true },
  }
}
