/** Our own engine as the teacher, with the shipped Countdown model: in training (`teacher: self`) and behind the provider. */

import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { countdownAnswer } from '../../../src/assertions/index.ts'
import { readTrainConfig } from '../../../src/trainer/config/config-file.ts'
import { train } from '../../../src/trainer/train.ts'
import { leaksIn } from '../../../suites/countdown/leaks.ts'
import { once } from '../../once.ts'
import { run as runProcess } from '../../package/route.ts'
import { fixture, root } from '../runs.ts'
import { learn, lines, read, runFile } from './project.ts'

const LONG = 900_000

beforeAll(() => {
  runProcess(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'], root)
}, 120_000)

function project(generate: object = {}, stages: object[] = [learn]): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'pr1-generate-'))
  const ask = {
    name: 'teach',
    kind: 'generate',
    suite: fixture('countdown-easy.yaml'),
    provider: 'parallel',
    maxProblems: 4,
    tries: 4,
    keep: 2,
    accept: ['answer == 1', 'structure == 1'],
  }
  const file = {
    output: './run',
    seed: 3,
    device: 'cpu',
    precision: 'f32',
    threads: 1,
    model: { checkpoint: path.join(root, 'suites/countdown/checkpoints/parallel-10') },
    stages: [{ ...ask, ...generate }, ...stages],
    save: { dtype: 'float32' },
  }
  writeFileSync(path.join(folder, 'train.yaml'), stringify(file))
  return path.join(folder, 'train.yaml')
}

/** A run that nothing interrupted, made once. */
async function whole(): Promise<string> {
  const home = await once('self-teacher', async (folder) => {
    const file = project({ teacher: 'self' })
    await runFile(file)
    cpSync(path.dirname(file), folder, { recursive: true })
  })
  return path.join(home, 'train.yaml')
}

const answersIn = (file: string): number =>
  existsSync(path.join(path.dirname(file), 'run/teach/answers.jsonl'))
    ? lines(read(file, 'answers.jsonl').replace(/[^\n]+$/, '')).length - 1
    : 0
const weights = (file: string) => readFileSync(path.join(path.dirname(file), 'run/final/model.safetensors'))

it(
  'the model in training answers, and learns what it got right',
  async () => {
    const file = await whole()
    const kept = lines(read(file, 'kept.jsonl'))
    expect(kept.length).toBeGreaterThan(0)
    for (const { vars } of kept) {
      expect(countdownAnswer(vars.response, { vars } as never)).toMatchObject({ pass: true })
      expect(vars.response).toMatch(/^<Parallel><Path>/)
    }
    const card = JSON.parse(read(file, 'card.json'))
    expect(card.teacher.name).toBe('the model in training, decoding as "parallel" (parallel-r1:parallel-10:parallel)')
    expect(card.tokens.completion).toBeGreaterThan(100)
    expect(card).not.toHaveProperty('cost')
    const shipped = readFileSync(path.join(root, 'suites/countdown/checkpoints/parallel-10/model.safetensors'))
    expect(weights(file).equals(shipped)).toBe(false)
  },
  LONG,
)

it(
  'interrupted between answers it goes on to the same answers and the same weights',
  async () => {
    const undisturbed = await whole()
    const file = project({ teacher: 'self' })
    cpSync(path.join(path.dirname(undisturbed), 'run/suites'), path.join(path.dirname(file), 'run/suites'), { recursive: true })
    const stop = new AbortController()
    const watch = setInterval(() => answersIn(file) >= 3 && stop.abort(), 2)
    const { outcome, text } = await runFile(file, { signal: stop.signal, sets: ['stages.teach.concurrency=2'] })
    clearInterval(watch)
    expect(outcome).toBe('interrupted')
    const before = answersIn(file)
    expect(text).toContain(`Interrupted in stage "teach" with ${before} answers; all are kept.`)
    expect(before).toBeLessThan(lines(read(undisturbed, 'answers.jsonl')).length - 1)
    // As if killed while it wrote the next one.
    writeFileSync(path.join(path.dirname(file), 'run/teach/answers.jsonl'), `${read(file, 'answers.jsonl')}{"row":"torn`)
    const resumed = await runFile(file, { resume: true })
    expect(resumed.text).toContain(`${before} are there already`)
    for (const name of ['answers.jsonl', 'kept.jsonl', 'kept-tag-free.jsonl', 'rejected.jsonl', 'card.json'])
      expect(read(file, name), name).toBe(read(undisturbed, name))
    expect(weights(file).equals(weights(undisturbed))).toBe(true)
  },
  LONG,
)

it(
  'where nothing is learnt it gives the same answers without gradients and moments, also interrupted',
  async () => {
    const undisturbed = await whole()
    const file = project({ teacher: 'self' }, [])
    const home = path.join(path.dirname(file), 'run')
    cpSync(path.join(path.dirname(undisturbed), 'run/suites'), path.join(home, 'suites'), { recursive: true })
    const stop = new AbortController()
    const watch = setInterval(() => answersIn(file) >= 3 && stop.abort(), 2)
    const { outcome, text } = await runFile(file, { signal: stop.signal, sets: ['stages.teach.concurrency=2'] })
    clearInterval(watch)
    expect(outcome).toBe('interrupted')
    expect(text).toMatch(/Parameters: [\d,]+\. None trains\n/)
    for (const part of ['gradients', 'moments']) expect(text).toMatch(new RegExp(`${part} +0\\.0 KiB`))
    expect(text).toMatch(/KV cache +[1-9]/)
    expect(readdirSync(path.join(home, 'checkpoints'), { recursive: true })).toEqual([
      'step-00000000',
      'step-00000000/trainer',
      'step-00000000/trainer/state.json',
    ])
    const other = path.join(root, 'suites/countdown/checkpoints/sequential-10')
    await expect(runFile(file, { resume: true, sets: [`model.checkpoint=${other}`] })).rejects.toThrow(
      /The model is not the one that the run of .* began with \(hash \w{12}, found \w{12}\)\. Name that one in model/,
    )
    const resumed = await runFile(file, { resume: true })
    expect(resumed.text).toMatch(/Finished: the answers are in .*teach/)
    for (const name of ['answers.jsonl', 'kept.jsonl', 'rejected.jsonl', 'card.json'])
      expect(read(file, name), name).toBe(read(undisturbed, name))
    expect(existsSync(path.join(home, 'final'))).toBe(false)
  },
  LONG,
)

it(
  'the same model behind the provider answers in a process of promptfoo',
  async () => {
    const file = project({ tries: 2, keep: 2, accept: ['answer >= 0'] })
    cpSync(path.join(path.dirname(await whole()), 'run/suites'), path.join(path.dirname(file), 'run/suites'), { recursive: true })
    await runFile(file)
    const answers = lines(read(file, 'answers.jsonl')).slice(1)
    expect(answers.length).toBeGreaterThan(3)
    for (const { output, seed, metadata } of answers) {
      expect(output).toContain('</Parallel>')
      expect(metadata.tree.blocks.length).toBeGreaterThan(0)
      expect(seed).toBeLessThan(2 ** 31)
    }
    expect(new Set(answers.map(({ metadata }) => metadata.seed)).size).toBe(answers.length)
    const { counts, tokens } = JSON.parse(read(file, 'card.json'))
    expect(counts).toMatchObject({ problems: 4, answers: answers.length, failed: 0 })
    expect(tokens.reported).toBe(answers.length)
  },
  LONG,
)

it(
  'train.self-distilled.yaml: RL that pays the form, rejection sampling, SFT',
  async () => {
    const output = path.join(mkdtempSync(path.join(tmpdir(), 'pr1-generate-')), 'run')
    const sets = ['device=cpu', 'threads=1', 'stages.format-rl.steps=1', 'stages.format-rl.prompts=4', 'stages.format-rl.group=8']
    const sampled = ['stages.sample.maxProblems=8', 'stages.distil.epochs=1']
    const config = readTrainConfig(path.join(root, 'suites/countdown/train.self-distilled.yaml'), { sets: [...sets, ...sampled], output })
    let text = ''
    const outcome = await train(config, { output: { write: (line: string) => (text += line) } })
    expect(outcome).toBe('finished')
    expect(text).toMatch(/Stage "sample" does not ask 0 problems that stand in a test set and 0 that are near one \(of 200 tests\)/)
    expect(text).toMatch(/sample {2}kept \d+ of \d+ answers to 8 problems/)
    const kept = lines(readFileSync(path.join(output, 'sample/kept.jsonl'), 'utf8'))
    expect(text).toContain(`Stage "distil": ${kept.length} samples`)
    for (const { vars } of kept) {
      expect(countdownAnswer(vars.response, { vars } as never)).toMatchObject({ pass: true })
      expect(leaksIn(vars.response).leaks).toEqual([])
    }
    expect(existsSync(path.join(output, 'final/model.safetensors'))).toBe(true)
  },
  LONG,
)
