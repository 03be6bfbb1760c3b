/** The data card: who was asked what, what was kept, why the rest fell, what it cost. The same answers give the same card. */

import type { GenerateStage } from '../config/config.ts'
import { withoutSecrets } from '../suite/secrets.ts'
import type { Suite } from '../suite/suite.ts'
import type { Excluded } from './exclude.ts'
import { ANSWERS_FILE, CARD_FILE, KEPT_FILE, REJECTED_FILE, TAG_FREE_FILE } from './files.ts'
import type { JournalLine } from './journal.ts'
import { keptAnswers, type Selected } from './select.ts'
import { counted, meansOf, sum } from './tally.ts'

export interface Card {
  stage: string
  teacher: { name: string; config: unknown }
  /** The promptfoo config, and the file of the prompt where it is not the config's own. */
  suite: string
  prompt: { file?: string; first: string }
  accept: readonly string[]
  /** Settings that decide what is kept. */
  settings: { tries: number; keep: number; duplicates: number }
  counts: {
    problems: number
    /** Problems with a kept answer. */
    solved: number
    answers: number
    kept: number
    rejected: number
    /** Questions to which the teacher gave no answer. */
    failed: number
  }
  /** Why answers fell: one may fall for several reasons. */
  rejected: Record<string, number>
  excluded?: { tests: number; exact: number; near: number; threshold: number }
  /** Sums over the answers that report them. */
  tokens: { prompt: number; completion: number; total: number; reported: number }
  /** US dollars, as the provider reports them; absent where it does not. */
  cost?: { dollars: number; reported: number }
  /** Means over the kept answers. */
  metrics: Record<string, number>
}

interface CardInput {
  stage: GenerateStage
  suite: Suite
  teacher: string
  selected: readonly Selected[]
  answer(row: string, attempt: number): JournalLine | undefined
  failures: readonly unknown[]
  excluded?: Excluded
}

export function cardOf({ stage, suite, teacher, selected, answer, failures, excluded }: CardInput): Card {
  const judged = selected.flatMap(({ row, candidates }) => candidates.map((one) => ({ ...one, row: row.key })))
  const answers = judged.flatMap((one) => answer(one.row, one.try) ?? [])
  const kept = keptAnswers(selected)
  const costs = answers.flatMap(({ cost }) => cost ?? [])
  const { tries, keep, duplicates, accept, prompt, exclude } = stage
  return {
    stage: stage.name,
    teacher: { name: teacher, config: withoutSecrets(suite.provider.config) },
    suite: suite.file,
    prompt: { ...(prompt !== undefined && { file: prompt }), first: selected[0]?.row.row.prompt ?? '' },
    accept,
    settings: { tries, keep, duplicates },
    counts: {
      problems: selected.length,
      solved: new Set(kept.map(({ row }) => row.key)).size,
      answers: judged.length,
      kept: kept.length,
      rejected: judged.length - kept.length,
      failed: failures.length,
    },
    rejected: Object.fromEntries(counted(judged.flatMap(({ reasons }) => reasons))),
    ...(excluded && { excluded: { tests: excluded.tests, exact: excluded.exact, near: excluded.near, threshold: exclude!.near } }),
    tokens: tokensOf(answers),
    ...(costs.length > 0 && { cost: { dollars: sum(costs), reported: costs.length } }),
    metrics: Object.fromEntries(meansOf(kept)),
  }
}

function tokensOf(answers: readonly JournalLine[]): Card['tokens'] {
  const usages = answers.flatMap(({ tokenUsage }) => tokenUsage ?? [])
  const total = (name: 'prompt' | 'completion' | 'total') => sum(usages.map((usage) => usage[name] ?? 0))
  return { prompt: total('prompt'), completion: total('completion'), total: total('total'), reported: usages.length }
}

/** One line for the log of the run. */
export function cardLine({ counts, rejected, cost, tokens }: Card): string {
  const why = Object.entries(rejected)
    .slice(0, 4)
    .map(([reason, count]) => `${reason} ${count}`)
    .join(', ')
  const paid = cost ? `, ${dollars(cost.dollars)}` : ''
  return `kept ${counts.kept} of ${counts.answers} answers to ${counts.problems} problems, of which ${counts.solved} have one${why ? `  fell: ${why}` : ''}${counts.failed > 0 ? `  no answer ${counts.failed}` : ''}  ${tokens.completion.toLocaleString('en')} tokens${paid}`
}

const dollars = (amount: number): string => `$${amount.toFixed(amount < 1 ? 4 : 2)}`

/** The card as a page, in the form that the hub shows of a data set. */
export function cardPage(card: Card): string {
  const { counts, tokens, cost, excluded, settings, prompt } = card
  const rows = (entries: readonly (readonly [string, unknown])[]) =>
    entries.map(([name, value]) => `| ${cell(name)} | ${cell(String(value))} |`).join('\n')
  return `---
configs:
- config_name: default
  data_files: ${KEPT_FILE}
- config_name: tag-free
  data_files: ${TAG_FREE_FILE}
---

# Answers of a teacher

Written by \`pr1-train\`, stage \`${card.stage}\`. The same figures are in \`${CARD_FILE}\`, each rejected answer with its reasons in \`${REJECTED_FILE}\`,
and everything that the teacher said in \`${ANSWERS_FILE}\`.

| | |
|---|---|
${rows([
  ['teacher', card.teacher.name],
  ['its config', JSON.stringify(card.teacher.config)],
  ['problems', card.suite],
  ['prompt', prompt.file ?? 'that of the config'],
  ['kept where', card.accept.join('; ')],
  ['asked', `until ${settings.keep} answers of a problem are kept, at most ${settings.tries} times`],
  ['duplicates', `answers to a problem with a similarity of ${settings.duplicates} or more`],
  ...(excluded ? [['left out', excludedLine(excluded)] as const] : []),
])}

| count | |
|---|---|
${rows([
  ['problems', counts.problems],
  ['problems with a kept answer', counts.solved],
  ['answers', counts.answers],
  ['kept', counts.kept],
  ['rejected', counts.rejected],
  ['questions without an answer', counts.failed],
  ['tokens of prompts', tokens.prompt],
  ['tokens of answers', tokens.completion],
  ...(tokens.reported < counts.answers ? [['answers that report their tokens', tokens.reported] as const] : []),
  ...(cost ? [['cost', `${dollars(cost.dollars)}, reported by ${cost.reported} answers`] as const] : []),
])}

An answer may fall for several reasons:

| reason | answers |
|---|---|
${rows(Object.entries(card.rejected))}

Means of the kept answers:

| metric | |
|---|---|
${rows(Object.entries(card.metrics).map(([name, value]) => [name, Number(value.toPrecision(4))]))}

The first prompt:

${fenced(prompt.first)}
`
}

/** Text of others in one cell of a table. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\\|<>`[\]*_]/g, '\\$&')
}

/** A fence longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${text}\n${fence}`
}

function excludedLine({ tests, exact, near, threshold }: NonNullable<Card['excluded']>): string {
  const alike =
    threshold > 0 ? ` and ${near} near one (similarity of ${threshold} or more, numbers masked)` : '; near ones were not looked for'
  return `${exact} problems of a test set${alike} (${tests} tests)`
}
