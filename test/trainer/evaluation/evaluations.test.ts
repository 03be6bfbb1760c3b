/** Runs that evaluate: the small training file with a held-out suite in both stages. */

import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { diskOps, type FileOps } from '../../../src/engine/checkpoint/atomic.ts'
import { openCheckpoint } from '../../../src/engine/checkpoint/folder.ts'
import { ParallelThinkingProvider } from '../../../src/providers/provider.ts'
import { analyze } from '../../../src/report/analysis.ts'
import { readResults } from '../../../src/report/rows.ts'
import { readExperiment } from '../../../src/report/samples.ts'
import { Scheduler } from '../../../src/thinking/scheduler.ts'
import { replay } from '../../../src/trainer/kept/replay.ts'
import { grpoStageOf, settingsOf } from '../../../src/trainer/kept/settings.ts'
import { once } from '../../once.ts'
import { inProofs } from '../../proofs.ts'
import { editSuite, fixture, folderWithSuites, metrics, newFolder, type RunOptions, results, run, states, wholeRun } from '../runs.ts'

const held = (more = '') => `{ suite: ${fixture('held-out.yaml')}, name: sums, provider: parallel, every: 2, samples: 4${more} }`
const SETS = [`stages.base.evaluate=${held()}`, `stages.rl.evaluate=${held()}`, 'save.best=sums.digits']

/** The run that nothing evaluates, and the same with evaluations. */
let plain: string
let whole: string
let text: string

beforeAll(async () => {
  plain = (await wholeRun()).whole
  whole = path.join(
    await once('train-evaluate', async (home) => {
      cpSync(path.join(plain, 'suites'), path.join(home, 'run', 'suites'), { recursive: true })
      const { text } = await run(path.join(home, 'run'), { sets: SETS })
      writeFileSync(path.join(home, 'text.txt'), text)
    }),
    'run',
  )
  text = readFileSync(path.join(whole, '..', 'text.txt'), 'utf8')
})

const evaluate = (folder: string, options: RunOptions = {}) => run(folder, { ...options, sets: [...SETS, ...(options.sets ?? [])] })

interface Evaluated {
  name: string
  stage: string
  step: number
  total: number
  problems: number
  samples: number
  k: number
  accuracy: Record<string, { value: number; low: number; high: number }>
  metrics: Record<string, { value: number }>
  best?: true
}

const evaluationsOf = (folder: string): Evaluated[] => metrics(folder).filter(({ kind }) => kind === 'evaluation') as unknown as Evaluated[]
const samplesFile = (folder: string, { name, stage, step }: Evaluated) =>
  path.join(folder, 'evaluations', name, `${stage}-${String(step).padStart(8, '0')}.json`)

/** All that a run leaves, evaluations included. */
function everything(folder: string) {
  const read = (...name: string[]) => readFileSync(path.join(folder, ...name)).toString('base64')
  const home = path.join(folder, 'evaluations', 'sums')
  return {
    ...results(folder),
    best: [read('best', 'model.safetensors'), read('best', 'best.json'), read('best', 'parallel_r1.json')],
    samples: readdirSync(home)
      .sort()
      .map((name) => [name, readFileSync(path.join(home, name), 'utf8')]),
  }
}

describe('a run that evaluates', () => {
  it('does so before the first step, every so many and after the last, and no step differs from those of a run that does not', () => {
    expect(evaluationsOf(whole).map(({ stage, step, total }) => `${stage} ${step} ${total}`)).toEqual([
      ...['base 0 0', 'base 2 2', 'base 4 4', 'base 5 5'],
      ...['rl 0 5', 'rl 2 7', 'rl 3 8'],
    ])
    expect(metrics(whole).filter(({ kind }) => kind !== 'evaluation')).toEqual(metrics(plain))
    const { metrics: _, state, ...weights } = results(whole)
    const { metrics: __, state: plainState, ...plainWeights } = results(plain)
    expect(weights).toEqual(plainWeights)
    const { evaluation, files, ...rest } = state as Record<string, unknown>
    expect({ ...rest, files }).toEqual(plainState)
    expect(evaluation).toMatchObject({ at: {}, waited: 0, best: { of: 'sums.digits', mode: 'max' } })
    // Provenance, too: what is exported is the same file.
    expect(readFileSync(path.join(whole, 'final', 'parallel_r1.json'))).toEqual(readFileSync(path.join(plain, 'final', 'parallel_r1.json')))
  })

  it('says before step 0 what it will ask, and a line each time', () => {
    const before = text.slice(0, text.indexOf('base 1/5'))
    expect(before).toMatch(
      /Evaluations\n {2}base +sums: 6 tests x 4 with "parallel", before the first step, every 2 steps and after the last\. 4 times, 96 responses of at most 24 tokens\n {2}rl +sums: .* 3 times, 72 responses/,
    )
    expect(before).toMatch(/ {2}best +sums\.digits, the highest\n/)
    expect(text).toMatch(
      /\nevaluated sums at rl 2\/3 {2}mean@4 \d+\.\d % \(.*\) {2}pass@4 .* {2}maj@4 .* {2}digits .* {2}blocks .* {2}tokens \d+ critical \d+ .* {2}6 problems x 4 {2}\d\.\ds/,
    )
    expect(text).toMatch(/The best sums\.digits is 0\.\d{4}, after step \d of stage "(base|rl)"\. It is in .*best\n/)
  })

  it('keeps samples that pr1-report reads, with the same figures', async () => {
    for (const evaluation of evaluationsOf(whole)) {
      const experiment = readExperiment([readResults(samplesFile(whole, evaluation))])
      const [summary] = (await analyze(experiment)).summaries
      const { value, low, high, problems } = summary.mean
      expect(evaluation.accuracy['mean@4']).toEqual({ value, low, high, problems, unit: 'share' })
      expect(evaluation.accuracy['pass@4'].value).toBe(summary.passAt.at(-1)!.value)
      expect(evaluation.accuracy['maj@4'].value).toBe(summary.majAt.at(-1)!.value)
      expect(evaluation).toMatchObject({ problems: 6, samples: 24, k: 4 })
      // The metric itself is the mean over samples; a grade of 0 or 1 makes it the share of right ones.
      expect(evaluation.metrics.answer.value).toBeCloseTo(value, 12)
      expect(Object.keys(evaluation.metrics)).toEqual(['answer', 'digits', 'blocks'])
    }
    const shares = evaluationsOf(whole).map(({ accuracy }) => accuracy['mean@4'].value)
    expect(Math.max(...shares)).toBeGreaterThan(0)
  })

  it('gives what the provider gives of the exported checkpoint', async () => {
    const last = evaluationsOf(whole).at(-1)!
    const rows = readResults(samplesFile(whole, last)).rows
    const folder = path.join(whole, 'final')
    const settings = { mode: 'parallel', paths: 3, maxBlocks: 2, maxTokens: 24, pathTokens: 6, answerReserve: 4, seed: 5 }
    const provider = new ParallelThinkingProvider({
      config: { checkpoint: folder, precision: 'f32', device: 'cpu', samples: 'off', ...settings },
    })
    try {
      for (const row of rows.filter((_, i) => i % 5 === 0)) {
        const { raw } = row.prompt as { raw: string }
        const { metadata, output } = row.response as { metadata: { repeatIndex: number; seed: number }; output: string }
        const context = { vars: {}, prompt: { raw, label: '' }, repeatIndex: metadata.repeatIndex }
        const asked = await provider.callApi(raw, context as Parameters<typeof provider.callApi>[1])
        expect(asked.error).toBeUndefined()
        expect([asked.output, asked.metadata]).toEqual([output, metadata])
      }
    } finally {
      await provider.cleanup()
    }
  })

  it('keeps the best with a note of what it is the best of', async () => {
    const all = evaluationsOf(whole)
    const values = all.map(({ metrics }) => metrics.digits.value)
    const top = all[values.indexOf(Math.max(...values))]
    expect(JSON.parse(readFileSync(path.join(whole, 'best', 'best.json'), 'utf8'))).toEqual({
      of: 'sums.digits',
      mode: 'max',
      value: Math.max(...values),
      stage: top.stage,
      step: top.step,
      total: top.total,
    })
    expect(all.filter(({ best }) => best).map(({ total }) => total)).toEqual(
      all.filter((_, i) => values.slice(0, i).every((value) => value < values[i])).map(({ total }) => total),
    )
    const checkpoint = await openCheckpoint(path.join(whole, 'best'))
    expect(checkpoint.parallel?.provenance).toMatchObject({ stage: top.stage, step: top.step })
  })
})

describe('a run that is stopped while it evaluates', () => {
  it('makes the evaluation under way again, whole and once', async () => {
    // 24 responses each: in the first evaluation, in one between two steps, in the last of a stage, in the first of the next.
    for (const after of inProofs ? [[5], [30], [80, 20], [100, 3]] : [[5, 30, 60]]) {
      const folder = folderWithSuites(whole)
      for (const requests of after) {
        const { outcome, text } = await interruptedIn(folder, requests)
        expect(outcome).toBe('interrupted')
        expect(text).toMatch(/Interrupted after step \d of stage/)
      }
      expect((await evaluate(folder)).outcome).toBe('finished')
      expect(everything(folder)).toEqual(everything(whole))
    }
  })

  it('makes no evaluation twice that was whole when it was stopped', async () => {
    const folder = folderWithSuites(whole)
    const lines: string[] = []
    // As soon as the line is written, and no step after it.
    for (const name of ['base 0/5', 'base 4/5', 'rl 0/3']) {
      const stop = new AbortController()
      const output = {
        write(line: string) {
          if (!line.startsWith('evaluated')) return
          lines.push(line)
          if (line.includes(name)) stop.abort()
        },
      }
      expect((await evaluate(folder, { signal: stop.signal, output })).outcome).toBe('interrupted')
    }
    const { text: rest } = await evaluate(folder)
    expect([lines.length, rest.match(/^evaluated/gm)?.length]).toEqual([5, 2])
    expect(everything(folder)).toEqual(everything(whole))
  })

  // Every effect of evaluations on the disk is among them: samples, the best, and the states around them.
  const effects = inProofs ? Array.from({ length: 40 }, (_, i) => 1 + 5 * i) : [33, 72]
  it.each(effects)('loses only work when it dies at write %i', async (last) => {
    const folder = folderWithSuites(whole)
    await expect(evaluate(folder, { ops: dyingDisk(last) })).rejects.toThrow(/gone/)
    expect((await evaluate(folder)).outcome).toBe('finished')
    expect(everything(folder)).toEqual(everything(whole))
  })
})

describe('patience', () => {
  it('ends a stage whose evaluations find nothing better, and a resumed run ends it there, too', async () => {
    // A rate that changes nothing.
    const sets = [
      'save.best=sums.pass@4',
      'stages.base.steps=40',
      'stages.base.patience=2',
      'stages.base.lr=1.0e-12',
      'stages.base.weightDecay=0',
    ]
    const folders = [folderWithSuites(whole), folderWithSuites(whole)]
    const { text } = await evaluate(folders[0], { sets })
    expect(text).toMatch(/Stage "base" ends early\. The best sums\.pass@4 is \S+, after step 0 of stage "base", 2 evaluations ago\./)
    const steps = metrics(folders[0]).filter(({ stage, kind }) => stage === 'base' && kind === 'sft').length
    expect(steps).toBe(4)
    await evaluate(folders[1], { sets, stopAfter: 3 })
    await evaluate(folders[1], { sets })
    expect(everything(folders[1])).toEqual(everything(folders[0]))
    // A replay from the beginning ends the stage where the run did.
    const config = settingsOf(folders[0], {})
    const again = await replay({ run: folders[0], config, stage: grpoStageOf(config, 'rl'), step: 1, say: () => {} })
    expect([again.place, again.from, again.differences]).toEqual([{ stage: 'rl', step: 1, total: 5 }, undefined, []])
  })
})

describe('a run that goes on under another "evaluate"', () => {
  it('keeps its weights, and begins a best of another figure anew', async () => {
    const folder = folderWithSuites(whole)
    await run(folder, { stopAfter: 3 })
    const { text } = await evaluate(folder, { sets: ['save.best=sums.answer'] })
    expect(text).toMatch(/Finished: 8 steps/)
    expect(results(folder).final).toBe(results(plain).final)
    expect(evaluationsOf(folder).map(({ total }) => total)).toEqual([4, 5, 5, 7, 8])
    const other = folderWithSuites(whole)
    await evaluate(other, { stopAfter: 1 })
    const rest = await evaluate(other, { sets: ['save.best=sums.blocks', 'save.bestMode=min'] })
    expect(rest.text).toContain('The best was that by sums.digits (max). From here on it is that by sums.blocks (min)')
    expect(JSON.parse(readFileSync(path.join(other, 'best', 'best.json'), 'utf8'))).toMatchObject({ of: 'sums.blocks', mode: 'min' })
  })
})

describe('a plan of evaluations', () => {
  it('counts a KV cache where supervised stages evaluate, and writes nothing', async () => {
    const folder = newFolder()
    cpSync(path.join(whole, 'suites'), path.join(folder, 'only-base', 'suites'), { recursive: true })
    const { outcome, text } = await evaluate(folder, { dryRun: true, stage: 'base' })
    expect(outcome).toBe('planned')
    expect(text).toMatch(/KV cache +[1-9]/)
    expect(text).toContain('4 times, 96 responses of at most 24 tokens')
    expect(readdirSync(path.join(folder, 'only-base'))).toEqual(['suites'])
  })

  it('warns of problems that the run trains on', async () => {
    const folder = folderWithSuites(whole)
    editHeld(folder, ({ rows }) => {
      rows[1].vars.question = '2 + 1'
    })
    const { text } = await evaluate(folder, { dryRun: true })
    for (const stage of ['base', 'rl']) {
      expect(text).toContain(
        `Warning: 1 of 6 problems of evaluation "sums" stand in the suite of stage "${stage}", too. Its figures will tell of memory. The first: 2 + 1`,
      )
    }
  })
})

describe('an evaluation that cannot be', () => {
  // promptfoo starts for each.
  it.runIf(inProofs).each<[string, string, RegExp]>([
    ['an unknown provider', held().replace('provider: parallel', 'provider: paralel'), /held-out\.yaml has no provider labelled "paralel"/],
    ['another suite of the same name', held().replace('held-out', 'rl'), /asks for the metric "answer", which no assertion of .*rl\.yaml/],
    ['a suite without tests', `{ suite: ${suiteWithoutTests()}, name: sums }`, /none\.yaml/],
  ])('is refused before step 0: %s', async (_, value, message) => {
    const folder = folderWithSuites(whole)
    await expect(run(folder, { sets: [`stages.rl.evaluate=${value}`] })).rejects.toThrow(message)
    expect(existsSync(path.join(folder, 'metrics.jsonl'))).toBe(false)
  })

  it.each<[string, string[], RegExp, ((kept: Kept) => void)?]>([
    [
      'a metric that decides and is not there',
      [`stages.base.evaluate=${held(', metric: anwser')}`, `stages.rl.evaluate=${held(', metric: anwser')}`],
      /The evaluation "sums" of stage "base" asks for the metric "anwser", which no assertion of .*held-out\.yaml has\. Did you mean "answer"\?/,
    ],
    [
      'a best by a metric that is not there',
      ['save.best=sums.structure'],
      /"best" in "save" asks for the metric "structure", which no assertion of .*held-out\.yaml has\..* There are: answer, digits, blocks/,
    ],
    [
      'a best by a figure that is not there',
      ['save.best=sums.pass@64'],
      /asks for "pass@64", which the evaluation "sums" does not give.*pass@4/,
    ],
    [
      'no assertions',
      [],
      /The evaluation "sums" of stage "base" has nothing to score: no test of .*held-out\.yaml has assertions/,
      ({ rows }) => {
        for (const { test } of rows) test.assert = []
      },
    ],
    [
      'a provider that is not ours',
      [],
      /The evaluation "sums" of stage "base" decodes with the settings of a ParallelThinkingProvider\. Got the entry "parallel"/,
      ({ provider }) => {
        provider.ours = false
      },
    ],
    [
      'samples that are equal',
      [],
      /The evaluation "sums" of stage "base" takes 4 samples, which are equal .* Got temperature: 0/,
      ({ provider }) => {
        provider.config.temperature = 0
      },
    ],
  ])('is refused before step 0: %s', async (_, sets, message, edit) => {
    const folder = folderWithSuites(whole)
    if (edit) editHeld(folder, edit)
    await expect(evaluate(folder, { sets })).rejects.toThrow(message)
    expect(states(folder)).toEqual([])
  })
})

interface Kept {
  provider: { ours: boolean; config: Record<string, unknown> }
  rows: { vars: Record<string, unknown>; test: { assert: unknown[] } }[]
}

/** Changes the rows that a folder keeps of the held-out suite. */
function editHeld(folder: string, edit: (kept: Kept) => void): void {
  editSuite(folder, 'evaluate/sums', (rows, provider) => edit({ rows: rows as unknown as Kept['rows'], provider }))
}

function suiteWithoutTests(): string {
  const file = path.join(newFolder(), 'none.yaml')
  const provider = `{ id: "file://${fixture('provider.ts')}", label: p, config: { checkpoint: ./none } }`
  writeFileSync(file, `prompts: ["{{ question }}"]\nproviders: [${provider}]\ntests: []\n`)
  return file
}

/** Ends a run as Ctrl-C does when so many responses were asked for. Rollouts count, too. */
async function interruptedIn(folder: string, requests: number) {
  const stop = new AbortController()
  const think = Scheduler.prototype.think
  let asked = 0
  const spy = vi.spyOn(Scheduler.prototype, 'think').mockImplementation(function (this: Scheduler, ...args) {
    if (++asked === requests) setImmediate(() => stop.abort())
    return think.apply(this, args)
  })
  try {
    return await evaluate(folder, { signal: stop.signal })
  } finally {
    spy.mockRestore()
  }
}

/** A process that dies after so many effects on the disk. */
function dyingDisk(last: number): FileOps {
  let effects = 0
  const counted =
    <A extends unknown[], R>(effect: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      effects += 1
      if (effects > last) throw new Error('gone')
      return effect(...args)
    }
  return {
    mkdir: counted(diskOps.mkdir),
    create: counted(async (file: string) => {
      const writer = await diskOps.create(file)
      return { ...writer, write: counted(writer.write), rewriteStart: counted(writer.rewriteStart) }
    }),
    rename: counted(diskOps.rename),
    sync: counted(diskOps.sync),
    remove: counted(diskOps.remove),
  }
}
