import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { type EvalRow, promptfooEval, root, run } from '../package/route.ts'
import { sharedPath } from '../shared.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-elsewhere-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const OWN = {
  id: 'own',
  answer: '4',
  trace:
    'Let C.\n\n<Parallel>\n<Path>\nOne way: 4.\n</Path>\n\n<Path>\nAnother: 2 + 2.\n</Path>\n</Parallel>\n\n<Summary>\nBoth say 4.\n</Summary>\n\nFinal Answer: 4',
}
/** Published traces that break a rule, and whether a valid block is left in them. */
const MALFORMED: Record<string, number> = { 'pgsm8k-127': 0, 'pgsm8k-178': 0, 'pgsm8k-475': 1 }

/** Our own trace, and of the published ones every tenth and those that are malformed. */
function traces(): (typeof OWN)[] {
  const sample = sharedPath('data/parallel_gsm8k_sample.jsonl')
  if (!sample) return [OWN]
  const lines = readFileSync(sample, 'utf8').trimEnd().split('\n')
  const published: (typeof OWN)[] = lines.map((line) => JSON.parse(line))
  return [OWN, ...published.filter(({ id }, i) => i % 10 === 0 || id in MALFORMED)]
}

/** What a plugin of a user is: a class that gives the answer of a chat API on as it came. */
const PROVIDER = `export default class {
  id() { return 'api' }
  async callApi(prompt, { vars }) {
    return { output: { choices: [{ message: { role: 'assistant', content: vars.trace } }] } }
  }
}
`

it('responses of providers that know nothing of this package are scored: as text, in chat form, as the answer of an API', async () => {
  run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
  const rows = traces()
  writeFileSync(path.join(folder, 'api.mjs'), PROVIDER)
  const assert = ['parallelStructure', 'parallelUsed', 'pathDiversity', 'pathAgreement', 'parallelEfficiency', 'mathAnswer'].map(
    (name) => ({
      type: 'javascript',
      metric: name,
      value: `file://${path.join(root, 'dist/index.js')}:${name}`,
    }),
  )
  writeFileSync(
    path.join(folder, 'promptfooconfig.yaml'),
    JSON.stringify({
      prompts: ['{{ trace }}', '[{"role": "user", "content": "How many?"}, {"role": "assistant", "content": {{ trace | dump | safe }}}]'],
      providers: ['echo', 'file://api.mjs'],
      defaultTest: { assert },
      tests: rows.map(({ id, answer, trace }) => ({ vars: { id, answer, trace } })),
    }),
  )
  const { rows: done } = await promptfooEval(folder, 'promptfooconfig.yaml')
  expect(done).toHaveLength(rows.length * 4)
  const byTest = new Map<string, EvalRow[]>()
  for (const row of done) byTest.set(row.vars.id, [...(byTest.get(row.vars.id) ?? []), row])
  for (const [id, four] of byTest) {
    const well = id in MALFORMED ? 0 : 1
    // Every way in gives the same scores.
    for (const row of four) expect(row.namedScores).toEqual(four[0].namedScores)
    expect(four[0].namedScores, id).toMatchObject({ parallelStructure: well, parallelUsed: MALFORMED[id] ?? 1 })
    if (well === 1) expect(four[0].namedScores, id).toMatchObject({ mathAnswer: 1 })
  }
  const [own] = byTest.get('own')!
  expect(own.namedScores).toMatchObject({ parallelStructure: 1, parallelUsed: 1, pathAgreement: 1, mathAnswer: 1 })
  expect(own.namedScores.parallelEfficiency).toBeGreaterThan(0)
  expect(own.namedScores.pathDiversity).toBeGreaterThan(0.5)
}, 120_000)
