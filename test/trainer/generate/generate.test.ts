/** A stage that asks a teacher, whole: promptfoo's own provider of OpenAI asks a server, and the next stage learns what is kept. */

import { spawn } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { loadSuite } from '../../../src/trainer/suite/suite.ts'
import { run as runProcess } from '../../package/route.ts'
import { inProofs } from '../../proofs.ts'
import { root } from '../runs.ts'
import { type Asked, openAiServer, type Reply, type TeacherServer } from './openai-server.ts'
import { learn, lines, type ProjectOptions, project, read, runFile, sums } from './project.ts'

beforeAll(() => {
  runProcess(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
}, 900_000)

// promptfoo takes four seconds to start, on a machine that does other work many more.
vi.setConfig({ testTimeout: 900_000 })

const servers: TeacherServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function teacher(reply: (asked: Asked, index: number) => Reply): Promise<TeacherServer> {
  const server = await openAiServer(reply)
  servers.push(server)
  return server
}

const provider = ({ url }: TeacherServer) => ({
  id: 'openai:chat:gpt-4.1-mini',
  label: 'api',
  config: { apiBaseUrl: url, apiKey: 'sk-not-a-real-key', temperature: 1 },
})

/** Thinks in parallel, in the layout of an API's model; every third seed is wrong by one. */
function solve({ prompt, seed }: Asked): string {
  const [a, b] = prompt.match(/\d+/g)!.map(Number)
  const sum = a + b + (seed % 3 === 0 ? 1 : 0)
  const block = `<Parallel>\n<Path>\n${a} plus ${b} is ${sum}.\n</Path>\n<Path>\nTake ${b}, then count on by ${a}: that makes ${sum}. Way ${seed % 7}.\n</Path>\n</Parallel>\n\n<Summary>\n${sum}\n</Summary>`
  return `${block}\n\nFinal Answer: ${sum}`
}

const problemsOf = (server: TeacherServer) => server.asked.map(({ prompt }) => prompt)

describe('a teacher behind the protocol of OpenAI', () => {
  it('is asked until enough is kept; the next stage learns it, and a card says what became of all', async () => {
    const server = await teacher(solve)
    const twin = { ...learn, name: 'twin', tags: 'removed' }
    const file = await project({ provider: provider(server), resolve: true, generate: { tries: 6, keep: 2 }, stages: [learn, twin] })
    const { outcome, text } = await runFile(file)
    expect(outcome).toBe('finished')

    const kept = lines(read(file, 'kept.jsonl'))
    const answers = lines(read(file, 'answers.jsonl')).slice(1)
    const rejected = lines(read(file, 'rejected.jsonl'))
    expect(answers).toHaveLength(server.asked.length)
    expect(kept.length + rejected.length).toBe(answers.length)
    expect(new Set(server.asked.map(({ prompt, seed }) => `${prompt} ${seed}`)).size).toBe(server.asked.length)
    for (const { problem } of sums) expect(kept.filter(({ vars }) => vars.problem === problem).length).toBeLessThanOrEqual(2)
    expect(kept.length).toBeGreaterThan(6)
    for (const { vars, metadata } of kept) {
      expect(vars.response).toMatch(
        /^<Parallel><Path>\d+ plus \d+ is \d+\.<\/Path><Path>Take .*<\/Path><\/Parallel>\n<Summary>\d+<\/Summary>\n\nFinal Answer: \d+$/,
      )
      expect(vars.response.endsWith(`Final Answer: ${vars.answer}`)).toBe(true)
      expect(metadata).toMatchObject({ answer: 1, structure: 1, finished: 1 })
    }
    // What fell has its reasons: a wrong sum, or the words of a kept answer once more.
    expect(rejected.length).toBeGreaterThan(0)
    for (const { reasons } of rejected) expect(['answer == 1', 'a near-duplicate of a kept answer']).toContain(reasons[0])

    const twins = lines(read(file, 'kept-tag-free.jsonl'))
    expect(twins.map(({ vars }) => vars.problem)).toEqual(kept.map(({ vars }) => vars.problem))
    const wordsOf = (response: string) =>
      response
        .replace(/<\/?\w+>/g, ' ')
        .split(/\s+/)
        .filter(Boolean)
    for (const [i, { vars }] of twins.entries()) {
      expect(vars.response).not.toMatch(/[<>]/)
      expect(wordsOf(vars.response)).toEqual(wordsOf(kept[i].vars.response))
    }

    const card = JSON.parse(read(file, 'card.json'))
    expect(card.counts).toMatchObject({ problems: 6, answers: answers.length, kept: kept.length, rejected: rejected.length, failed: 0 })
    expect(card.rejected['answer == 1']).toBe(rejected.filter(({ reasons }) => reasons.includes('answer == 1')).length)
    expect(card.tokens.reported).toBe(answers.length)
    // promptfoo knows what this model costs.
    expect(card.cost).toMatchObject({ reported: answers.length })
    expect(card.cost.dollars).toBeGreaterThan(0)
    const page = read(file, 'README.md')
    expect(page).toContain(`| kept | ${kept.length} |`)
    const home = path.join(path.dirname(file), 'run')
    const written = readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(jsonl?|md)$/.test(name))
    expect(written.length).toBeGreaterThan(8)
    for (const name of written) expect(readFileSync(path.join(home, name), 'utf8'), name).not.toContain('sk-not-a-real-key')

    // Both later stages learn as many samples, one with tags and one without.
    expect(text).toContain(`Stage "learn": ${kept.length} samples`)
    expect(text).toContain(`Stage "twin": ${kept.length} samples`)
    const metrics = lines(readFileSync(path.join(path.dirname(file), 'run/metrics.jsonl'), 'utf8'))
    expect(metrics.map(({ stage }) => stage)).toEqual(['teach', 'learn', 'learn', 'twin', 'twin'])
    expect(metrics[0]).toMatchObject({ kind: 'generate', counts: { kept: kept.length } })
    expect(existsSync(path.join(path.dirname(file), 'run/final/model.safetensors'))).toBe(true)

    // A run that is finished asks nothing more, and one that began anew would not write over it.
    const asked = server.asked.length
    await runFile(file, { resume: true })
    await expect(runFile(file)).rejects.toThrow(/holds a run that stands at step 4/)
    expect(server.asked).toHaveLength(asked)

    // A kill between the outputs and the state: they are written again.
    const bytes = read(file, 'kept.jsonl')
    rmSync(path.join(home, 'checkpoints'), { recursive: true })
    rmSync(path.join(home, 'teach/kept.jsonl'))
    await runFile(file, { resume: true })
    expect(read(file, 'kept.jsonl')).toBe(bytes)
    expect(server.asked).toHaveLength(asked)

    // The stages alone find what is there.
    const alone = await runFile(file, { stage: 'learn' })
    expect(alone.text).toContain(`${kept.length} samples`)
  })

  it('says beforehand what it would ask, and the doctor asks a little', async () => {
    const server = await teacher(solve)
    const file = await project({
      provider: provider(server),
      resolve: true,
      generate: { tries: 3, prompt: 'parallel', exclude: { suites: ['./test.yaml'], near: 0 } },
      stages: [learn],
    })
    writeFileSync(
      path.join(path.dirname(file), 'test.yaml'),
      JSON.stringify({ prompts: ['{{ problem }}'], providers: ['echo'], tests: [{ vars: { problem: 'what is 12 plus 3' } }] }),
    )
    const { text } = await runFile(file, { dryRun: true, doctor: { prompts: 2, group: 4, color: false } })
    const plan = text.slice(0, text.indexOf('Stage "teach" (generate)'))
    expect(plan).toContain('5 problems, at most 3 answers each of "api" (openai:chat:gpt-4.1-mini) (15 in all)')
    expect(plan).toContain('Stage "teach" does not ask 1 problems that stand in a test set and 0 that are near one (of 1 tests)')
    expect(plan).toContain('First prompt of stage "teach": "What is 4 plus 5? Work on the problem above step by step')
    expect(plan).toMatch(/learn\s+sft, 2 steps over what stage "teach" will keep of 5 problems/)
    // The doctor alone asks, each problem once, and keeps nothing.
    expect(text).toMatch(/Stage "teach" \(generate\)\n {2}2 problems, 2 answers\. \d hold all conditions/)
    expect(text).toContain('Stage "learn" learns what stage "teach" will keep. When that has run, look again.')
    expect(server.asked).toHaveLength(2)
    expect(existsSync(path.join(path.dirname(file), 'run'))).toBe(false)
  })

  it('is asked again after an error; what it refuses or never says, and what nobody could learn, falls with a reason', async () => {
    const marks = 'What is 1 plus 2? {{ 6 * 7 }} {% if %} {{ answer }} ```` | x'
    const right = (prompt: string) => solve({ prompt, seed: 1, model: '' })
    const said: Record<string, Reply> = {
      refused: { status: 400 },
      silent: 'silence',
      open: 'Final Answer: 15<Parallel><Path>open',
      empty: ' \n ',
      ended: `${right('20 2')}<|endoftext|>`,
      endless: 'x '.repeat(2000),
      braces: `${right('4 5')}\n{{ problem }} {% raw %} {# no comment`,
      file: `file:///etc/passwd\n${right('9 6')}`,
      [marks]: right('1 2'),
    }
    const answers: Record<string, string> = { braces: '9', file: '15', [marks]: '3' }
    let errors = 0
    const server = await teacher(({ prompt }) => (prompt === marks && errors++ < 2 ? { status: 500 } : said[prompt]))
    const tests = Object.keys(said).map((problem) => ({
      vars: { problem: problem === marks ? [problem] : problem, answer: answers[problem] ?? '0' },
    }))
    const generate = { tries: 1, retries: 2, timeout: 15, maxFailures: 9, concurrency: 9 }
    const file = await project({ provider: provider(server), tests, generate: { ...generate, retries: 2 }, stages: [learn] })
    const { text } = await runFile(file)
    const times = (problem: string) => problemsOf(server).filter((one) => one === problem).length
    expect([times('refused'), times('silent'), times('empty'), times(marks)]).toEqual([1, 3, 1, 3])
    expect(text).toMatch(/No answer to "refused" \(try 1\): .*400/)
    expect(text).toContain('it gave no answer within timeout, 15 seconds')
    const rejected = lines(read(file, 'rejected.jsonl')).map(({ reasons }) => reasons[0])
    expect(rejected[0]).toMatch(/^no answer: .*400/)
    expect(rejected[1]).toMatch(/^no answer: it gave no answer within timeout/)
    expect(rejected[2]).toMatch(/^the form of its blocks: /)
    expect(rejected.slice(3)).toEqual(['empty', 'a special token of the tokenizer', 'longer than the model has positions'])
    expect(JSON.parse(read(file, 'card.json')).counts).toMatchObject({ answers: 7, kept: 3, failed: 2 })

    // What is kept stays the text it is, behind the gate of texts that promptfoo would take for templates or files.
    const kept = lines(read(file, 'kept.jsonl'))
    expect(kept[0].vars.response[0]).toContain('{{ problem }} {% raw %} {# no comment')
    expect(kept[1].vars.response[0]).toMatch(/^file:\/\/\/etc\/passwd/)
    expect(kept[2].vars.problem).toEqual([marks])
    const student = path.join(path.dirname(file), 'student.yaml')
    writeFileSync(
      student,
      JSON.stringify({ prompts: ['{{ problem }} {{ response }}'], providers: ['echo'], tests: 'file://run/teach/kept.jsonl' }),
    )
    const { rows } = await loadSuite(student, { tests: false })
    expect(rows.map(({ prompt }) => prompt)).toEqual(kept.map(({ vars }) => `${vars.problem} ${[vars.response].flat()[0]}`))
    const learnt = lines(readFileSync(path.join(path.dirname(file), 'run/suites/learn.answered.jsonl'), 'utf8'))
    expect(learnt[1].vars.response).toContain('{{ problem }} {% raw %} {# no comment')
  })

  it('that fails for good ends the run with what it said; its answers stay, and --resume asks the others', async () => {
    let broken = true
    const server = await teacher((asked, index) => (index >= 2 && broken ? { status: 500 } : solve({ ...asked, seed: 1 })))
    const file = await project({
      provider: provider(server),
      generate: { tries: 1, retries: 1, maxFailures: 2, concurrency: 1 },
      stages: [learn],
    })
    await expect(runFile(file)).rejects.toThrow(
      /The teacher, "api" \(openai:chat:gpt-4.1-mini\), gave no answer to 2 questions in a row, each asked 2 times. The last it said: .*500[\s\S]*The 2 answers so far are in .*answers\.jsonl/,
    )
    expect(server.asked).toHaveLength(6)
    await expect(runFile(file)).rejects.toThrow(/holds 2 answers of a run\. Go on with --resume/)
    await expect(runFile(file, { resume: true, sets: ['seed=4'] })).rejects.toThrow(/seed was 3, is 4/)
    broken = false
    const { text } = await runFile(file, { resume: true })
    expect(text).toContain('2 are there already')
    expect(problemsOf(server).slice(6)).toEqual(sums.slice(2).map(({ problem }) => problem))
    expect(JSON.parse(read(file, 'card.json')).counts).toMatchObject({ answers: 6, kept: 6, failed: 0 })

    // The stage that learns goes on with the rows it began with, whatever somebody edits meanwhile.
    const longer = { sets: ['stages.learn.steps=6', 'save.every=2'] }
    const [home, other] = [
      path.join(path.dirname(file), 'run'),
      await project({ provider: provider(server), generate: { tries: 1 }, stages: [learn] }),
    ]
    cpSync(path.join(home, 'teach'), path.join(path.dirname(other), 'run/teach'), { recursive: true })
    await runFile(other, { resume: true, ...longer })
    writeFileSync(path.join(home, 'teach/kept.jsonl'), '')
    await runFile(file, { resume: true, ...longer })
    const weights = (of: string) => readFileSync(path.join(path.dirname(of), 'run/final/model.safetensors'))
    expect(weights(file).equals(weights(other))).toBe(true)
    expect(server.asked).toHaveLength(10)
  })

  // In another process it can be killed; how SIGINT ends it is the same for all stages.
  it.each(inProofs ? (['SIGKILL', 'SIGINT'] as const) : (['SIGKILL'] as const))(
    'and a run that %s ends: nothing is asked twice, the files are the same bytes',
    async (signal) => {
      const options = { generate: { tries: 4, keep: 2, concurrency: 2 }, stages: [learn] }
      const undisturbed = await project({ provider: provider(await teacher(solve)), ...options })
      await runFile(undisturbed)

      const server = await teacher(solve)
      const file = await project({ provider: provider(server), ...options })
      const cli = (...args: string[]) =>
        spawn(process.execPath, ['--import', 'tsx', path.join(root, 'src/trainer/cli.ts'), '-c', file, ...args], {
          cwd: root,
          stdio: 'ignore',
        })
      const ended = (child: ReturnType<typeof cli>) =>
        new Promise<number | string | null>((done) => child.once('exit', (code, by) => done(code ?? by)))
      const child = cli()
      const end = ended(child)
      while (server.asked.length < 7 && child.exitCode === null) await sleep(5)
      child.kill(signal)
      expect(await end).toBe(signal === 'SIGINT' ? 130 : 'SIGKILL')
      expect(lines(read(file, 'answers.jsonl').replace(/[^\n]+$/, '')).length).toBeGreaterThan(3)
      expect(await ended(cli('--resume'))).toBe(0)
      // At a kill what was under way is lost, and no answer that had come.
      const questions = server.asked.map(({ prompt, seed }) => `${prompt} ${seed}`)
      expect(questions.length - new Set(questions).size).toBeLessThanOrEqual(signal === 'SIGINT' ? 0 : 2)
      // Without what only the folder of a project and the port of its server decide.
      const plain = (text: string) => text.replace(/[^\s"|]*pr1[-\\]*generate[^\s"|]*/g, 'FOLDER').replace(/127\.0\.0\.1:\d+/g, 'HOST')
      for (const name of ['answers.jsonl', 'kept.jsonl', 'kept-tag-free.jsonl', 'rejected.jsonl', 'card.json', 'README.md']) {
        expect(plain(read(file, name)), name).toBe(plain(read(undisturbed, name)))
      }
    },
  )
})

describe('slips', () => {
  it.each([
    [{ generate: { accept: ['anser == 1'] } }, /The condition "anser == 1" uses "anser".*Did you mean "answer"\?/],
    [{ generate: { accept: ['step > 1'] } }, /"accept" of stage "teach" has no step/],
    [{ generate: { accept: ['answer = 1'] } }, /The condition may not hold/],
    [{ generate: { prompt: 'paralel' } }, /"prompt" in stage "teach".*Did you mean "parallel"\?/],
    [{ generate: { prompt: 'file://none.j2' } }, /names .*none\.j2, which is not there/],
    [{ stages: [{ ...learn, from: 'teech' }] }, /"from" in stage "learn".*Did you mean "teach"\?/],
    [{ stages: [{ ...learn, from: undefined }] }, /"suite" is missing in stage "learn"/],
    [
      { generate: { teacher: 'self' } },
      /"teacher: self" of stage "teach" decodes with the settings of a ParallelThinkingProvider\. Got "echo"/,
    ],
    [{ tests: [{ vars: { problem: 'a', answer: '1', response: 'x' } }] }, /has a var "response", which is what the teacher's answer/],
  ] as [Partial<ProjectOptions>, RegExp][])(
    '%j',
    async (options, message) => {
      await expect(runFile(await project({ provider: { id: 'echo' }, ...options }), { dryRun: true })).rejects.toThrow(message)
    },
    60_000,
  )

  it('a teacher whose process ends is told with what it said', async () => {
    const file = await project({ provider: { id: 'file://teacher.mjs', label: 'gone' }, generate: { tries: 1 } })
    writeFileSync(
      path.join(path.dirname(file), 'teacher.mjs'),
      "export default class { id() { return 'gone' } async callApi() { console.error('no more paper'); process.exit(3) } }",
    )
    await expect(runFile(file)).rejects.toThrow(/The teacher "gone" .* cannot be asked: its process ended \(exit 3\)[\s\S]*no more paper/)
  })
})
