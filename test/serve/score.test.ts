import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SuiteAssertion } from '../../src/grading/references.ts'
import { ServedSuite } from '../../src/serve/suite.ts'
import { openGraders } from '../../src/trainer/grading/grader-host.ts'
import type { loadSuite, Suite } from '../../src/trainer/suite/suite.ts'
import { openedGraders } from '../trainer/opened-graders.ts'
import { fixture } from '../trainer/runs.ts'
import { ask, errorOf, type Served, startServer } from './running.ts'

const js = (name: string, metric: string): SuiteAssertion => ({ type: 'javascript', metric, value: name })
const own = [js('package:parallel-r1:mathAnswer', 'answer'), js('package:parallel-r1:parallelStructure', 'structure')]

const suiteOf = (assert: SuiteAssertion[], prompts: string[]): Suite => ({
  file: fixture('rl.yaml'),
  folder: fixture(''),
  provider: { label: 'p', config: {}, ours: true },
  rows: prompts.map((prompt, k) => ({ prompt, promptConfig: {}, vars: { answer: String(k + 2) }, test: { assert } })),
})

/** As promptfoo would give them: it takes seconds to start. */
const suites: Record<string, Suite> = {
  math: suiteOf(own, ['1+1=?', '1+2=?', '2+2=?', '1+1=?']),
  files: suiteOf([js('file://graders.ts:digits', 'digits')], ['a', 'b']),
  hangs: suiteOf([js('file://graders.ts:digits', 'digits'), js('file://crashes.mjs:endless', 'm')], ['a']),
  throws: suiteOf([js('file://crashes.mjs:throws', 'm')], ['a']),
}
const resolve = (async (file: string) => suites[file.split('/').at(-1)!]) as typeof loadSuite

let served: Served
beforeAll(async () => {
  served = await startServer(
    {
      models: [],
      suites: [
        { name: 'math', suite: 'math', reward: '2 * answer - 1 + 0.1 * structure' },
        { name: 'files', suite: 'files' },
        { name: 'hangs', suite: 'hangs', graderTimeout: 0.5 },
        { name: 'throws', suite: 'throws' },
      ],
      limits: { scoreItems: 100, textCharacters: 5000, scoreQueue: 2 },
    },
    { resolve },
  )
})
afterAll(async () => {
  await served.stop({ now: true })
})

const score = (body: object) => ask(served, { path: '/v1/score', body: JSON.stringify(body) })
const right = 'It is \\boxed{2}.'

describe('a suite', () => {
  const entry = (suite: string, reward: string) => ({ name: 's', suite, reward, graderTimeout: 60 })
  const opened = (one: ReturnType<typeof entry>) => openedGraders(() => ServedSuite.open(one, { resolve }))

  it('that cannot be served leaves no graders open', async () => {
    const misspelt = await opened(entry('math', '2 * anwser'))
    expect(misspelt).toMatchObject({ error: { message: expect.stringContaining('Did you mean "answer"?') }, opens: [] })
    // Only grading tells that no assertion reports it.
    const missing = await opened(entry('files', 'unheard_of'))
    expect(missing.error).toMatchObject({ message: expect.stringContaining('uses "unheard_of", which no assertion') })
    expect(missing.opens).toHaveLength(1)
    expect(missing.closes).toEqual(missing.opens)
  })
})

describe('/v1/score', () => {
  it('grades in batches as training does, by row or by prompt, with the reward of the suite', async () => {
    const items = Array.from({ length: 70 }, (_, k) => ({ row: k % 3, response: k % 2 === 0 ? right : `\\boxed{${(k % 3) + 2}}` }))
    const answer = await score({ suite: 'math', items: [...items, { prompt: '1+2=?', response: 'It is 3.' }] })
    const { data } = JSON.parse(answer.text)
    const graders = await openGraders(suites.math, 60)
    for (const [k, { row, response }] of items.entries()) {
      const scores = await graders.score(suites.math.rows[row], { output: response })
      expect(data[k].scores).toEqual(scores)
      expect(data[k].reward).toBe(2 * scores.answer - 1 + 0.1 * scores.structure)
    }
    expect(new Set(data.map(({ scores }: { scores: { answer: number } }) => scores.answer))).toEqual(new Set([0, 1]))
    expect(data.at(-1).scores.answer).toBe(1)
    await graders.close()
  })

  it('takes what an answer of the server said of itself, as the provider hands it to assertions', async () => {
    const items = [
      { row: 0, response: '12ab', metadata: { tree: { blocks: [] } } },
      { row: 1, response: '1234' },
    ]
    expect(JSON.parse((await score({ suite: 'files', items })).text).data).toEqual([{ scores: { digits: 0.5 } }, { scores: { digits: 1 } }])
  })

  it('lists suites and rows, without their answers', async () => {
    const get = async (path: string) => JSON.parse((await ask(served, { method: 'GET', path })).text)
    expect((await get('/v1/suites')).data[0]).toEqual({ id: 'math', object: 'suite', rows: 4, metrics: ['answer', 'structure'] })
    expect(await get('/v1/suites/math/rows?offset=1&limit=2')).toEqual({
      object: 'list',
      data: [
        { row: 1, prompt: '1+2=?' },
        { row: 2, prompt: '2+2=?' },
      ],
      total: 4,
    })
    expect((await ask(served, { method: 'GET', path: '/v1/suites/math/rows?offset=-1' })).status).toBe(400)
  })

  it.each<[object, number, RegExp]>([
    [{ suite: 'none', items: [{ row: 0, response: '' }] }, 404, /There is no suite "none"/],
    [{ suite: 'math', items: [] }, 400, /one entry or more/],
    [{ suite: 'math', items: [{ row: 9, response: '' }] }, 400, /Item 0 names row 9 of math, which has 4/],
    [{ suite: 'math', items: [{ response: '' }] }, 400, /Item 0 must name its row or its prompt/],
    [{ suite: 'math', items: [{ row: 0, prompt: '1+1=?', response: '' }] }, 400, /one of them/],
    [{ suite: 'math', items: [{ prompt: '9+9', response: '' }] }, 400, /a prompt that no row/],
    [{ suite: 'math', items: [{ prompt: '1+1=?', response: '' }] }, 400, /a prompt that 2 rows of math have/],
    [{ suite: 'math', items: [{ row: 0, response: 7 }] }, 400, /must be text/],
    [{ suite: 'math', items: [{ row: 0, response: '', vars: {} }] }, 400, /Unknown key "vars"/],
    [{ suite: 'math', items: [{ row: 0, response: 'x'.repeat(5001) }] }, 413, /Item 0 has more/],
    [{ suite: 'math', items: Array.from({ length: 101 }, () => ({})) }, 413, /at most 100 responses/],
    [{ suite: 'math', items: [{ row: 0, response: '' }], step: 0 }, 400, /of 1 or more/],
  ])('%j is refused', async (body, status, message) => {
    const answer = await score(body)
    expect(answer.status).toBe(status)
    expect(errorOf(answer).message).toMatch(message)
  })

  it('ends a grader that never ends, gives no score for it, serves others meanwhile and grades again', async () => {
    let ended = false
    const hanging = score({ suite: 'hangs', items: [{ row: 0, response: '12' }] }).finally(() => (ended = true))
    await sleep(50)
    expect((await ask(served, { method: 'GET', path: '/health' })).status).toBe(200)
    expect(ended).toBe(false)
    const answer = await hanging
    expect([answer.status, errorOf(answer).code]).toEqual([500, 'grader_failed'])
    expect(JSON.parse((await score({ suite: 'math', items: [{ row: 0, response: right }] })).text).data[0].scores.answer).toBe(1)
  })

  it('fails the batch where a grader fails, and tells a client nothing of the inside', async () => {
    const answer = await score({ suite: 'throws', items: [{ row: 0, response: '12' }] })
    expect([answer.status, errorOf(answer).code]).toEqual([500, 'grader_failed'])
    expect(answer.text).not.toContain('crashes.mjs')
  })

  it('has a queue', async () => {
    const items = Array.from({ length: 100 }, () => ({ row: 0, response: right }))
    const answers = await Promise.all(Array.from({ length: 8 }, () => score({ suite: 'math', items })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]))
    expect(answers.find(({ status }) => status === 429)!.headers['retry-after']).toMatch(/^\d+$/)
  })
})
