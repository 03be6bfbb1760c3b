import type { ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { diskOps, type FileOps } from '../../src/engine/checkpoint/atomic.ts'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openSafetensors } from '../../src/engine/checkpoint/safetensors.ts'
import { ParallelR1Error } from '../../src/engine/errors.ts'
import { NativeModel } from '../../src/engine/native/model.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { promptIds, readPrompt, strangePrompt } from '../../src/providers/prompt.ts'
import { inProofs } from '../proofs.ts'
import { editSuite, fixture, folderWithSuites, metrics, newFolder, results, run, spawnTrain, states, wholeRun } from './runs.ts'

/** The run that all others are compared with: 5 steps of SFT, 3 of GRPO, never interrupted. */
let whole: string
let plan: string

beforeAll(async () => {
  ;({ whole, plan } = await wholeRun())
})

describe('a run', () => {
  it('prints table, engine, parameters, memory and stages before step 0', () => {
    const before = plan.slice(0, plan.indexOf('base 1/5'))
    for (const part of [
      'stages.rl.clipHigh',
      '0.28',
      'Engine: cpu, f32',
      'Parameters: 5,680',
      'activations',
      '24 samples, 572 tokens',
      '2 prompts x 4 samples',
    ]) {
      expect(before).toContain(part)
    }
  })

  it('reports every step, and sampling and training agree bit for bit', () => {
    const steps = metrics(whole)
    expect(steps.map(({ stage, step }) => `${stage} ${step}`)).toEqual([
      'base 1',
      'base 2',
      'base 3',
      'base 4',
      'base 5',
      'rl 1',
      'rl 2',
      'rl 3',
    ])
    expect(steps[4].loss as number).toBeLessThan(steps[0].loss as number)
    for (const step of steps.slice(5)) {
      expect(step).toMatchObject({ gap: { mean: 0, max: 0 }, clipFraction: 0, skipped: 0, groups: 2 })
      expect(step.informative as number).toBeGreaterThan(0)
      expect(Object.keys(step.metrics as object)).toEqual(['digits', 'blocks'])
    }
    // Some response held a block, else parallel training was not tried.
    expect(Math.max(...steps.slice(5).map((step) => step.parallelRatio as number))).toBeGreaterThan(0)
    expect(plan).toMatch(/rl 3\/3 {2}reward .* digits .* informative \d\/2 .* gap 0 .* tok\/s {2}ETA 0s/)
  })

  it('exports Hugging Face folders with provenance, and keeps the newest states', async () => {
    const checkpoint = await openCheckpoint(path.join(whole, 'final'))
    expect(checkpoint.parallel).toMatchObject({
      attention: 'structured',
      paths: 3,
      maxBlocks: 2,
      budgets: { response: 24, path: 6, answerReserve: 4 },
      provenance: { base: 'scratch', stage: 'rl', step: 3, seed: 7, configHash: expect.stringMatching(/^[0-9a-f]{16}$/) },
    })
    expect(checkpoint.parallel?.budgets).not.toHaveProperty('criticalPath')
    expect(existsSync(path.join(whole, 'final', 'trainer'))).toBe(false)
    expect((await openCheckpoint(path.join(whole, 'base'))).parallel?.provenance).toMatchObject({ stage: 'base', step: 5 })
    expect(states(whole)).toEqual(['step-00000007', 'step-00000008'])
  })

  it('leaves the form of its prompts in what it exports: file, line and chat give the ids of training', async () => {
    const folder = folderWithSuites(whole)
    for (const stage of ['base', 'rl']) {
      editSuite(folder, stage, (rows) => {
        for (const row of rows) row.prompt += '\n'
      })
    }
    const first = await run(folder, { stopAfter: 6 })
    expect(first.text).toMatch(/First prompt\n".*=\?\\n"\nThe chat template writes this form/)
    await run(folder)
    // Half of the run and the whole of it: the template comes from the prompts of all stages, and a resumed run keeps it.
    const [trained, ...exports] = [
      whole,
      ...[states(folder)[0], 'base', 'final'].map((name, i) => path.join(folder, i ? '' : 'checkpoints', name)),
    ]
    for (const exported of exports) {
      const checkpoint = await openCheckpoint(exported)
      const tokenizer = checkpoint.tokenizer!
      const ids = tokenizer.encode('12+3=?\n')
      const settings = parseThinkingConfig({}, 'the config')
      const chat = JSON.stringify([{ role: 'user', content: '12+3=?' }])
      for (const prompt of ['12+3=?\n', '12+3=?', ' 12+3=? ', chat]) {
        const read = readPrompt(checkpoint, settings, prompt)
        expect(read.ids).toEqual(ids)
        expect(strangePrompt(checkpoint, read)).toBeUndefined()
      }
      expect(checkpoint.parallel?.prompts?.lastIds).toEqual([ids.at(-1)])
      const raw = readPrompt(checkpoint, parseThinkingConfig({ chatTemplate: false }, 'the config'), '12+3=?')
      expect(strangePrompt(checkpoint, raw)).toContain('ends unlike every prompt')
    }
    // The prompts of the other run end otherwise.
    const other = await openCheckpoint(path.join(trained, 'final'))
    expect(promptIds(other, parseThinkingConfig({}, 'the config'), '12+3=?\n')).toEqual(other.tokenizer!.encode('12+3=?'))
  })

  it('leaves in each export what the template was told in its stage, and evaluation tells it the same', async () => {
    const folders = [folderWithSuites(whole), folderWithSuites(whole)]
    const tokenizer = path.join(newFolder(), 'tokenizer')
    cpSync(fixture('tokenizer'), tokenizer, { recursive: true })
    writeFileSync(path.join(tokenizer, 'chat_template.jinja'), '{{ messages[0].content }}{{ strftime_now("%d") }}{{ brief }}')
    const sets = [`model.init.tokenizer=${tokenizer}`]
    for (const folder of folders) {
      editSuite(folder, 'base', (_, provider) =>
        Object.assign(provider, { ours: true, config: { template: { brief: '+' }, date: '2025-01-31' } }),
      )
      await run(folder, { sets, stopAfter: folder === folders[0] ? 3 : undefined })
    }
    // A state in the middle of a stage tells the later stages nothing.
    await run(folders[0], { sets })
    expect(results(folders[0])).toEqual(results(folders[1]))
    const [base, final] = await Promise.all(['base', 'final'].map((name) => openCheckpoint(path.join(folders[0], name))))
    expect(base.parallel?.template).toEqual({ variables: { brief: '+' }, date: '2025-01-31' })
    expect(final.parallel?.template).toEqual({ date: '2024-07-26' })
    const asked = (checkpoint: typeof base, raw: object = {}) =>
      checkpoint.tokenizer!.decode(promptIds(checkpoint, parseThinkingConfig(raw, 'the config'), '1='))
    expect(asked(base)).toBe('1=31+')
    expect(asked(base, { template: {} })).toBe('1=31')
    expect(asked(base, { date: '2025-01-02' })).toBe('1=02+')
    expect(asked(final)).toBe('1=26')
  })

  it('is the same whatever the micro-batches', async () => {
    for (const tokens of [1, 100000]) {
      const folder = folderWithSuites(whole)
      await run(folder, { sets: [`stages.base.microBatchTokens=${tokens}`, `stages.rl.microBatchTokens=${tokens}`] })
      const [a, b] = await Promise.all([openSafetensors(path.join(whole, 'final')), openSafetensors(path.join(folder, 'final'))])
      for (const name of a.tensors.keys()) {
        const [x, y] = [await a.read(name), await b.read(name)]
        const scale = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        const gap = x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i])), 0)
        // Sums over the tokens of a prompt and of a tied embedding run in another order: docs/numerics.md.
        expect(gap / scale, name).toBeLessThanOrEqual(1e-5)
      }
      await Promise.all([a.close(), b.close()])
    }
  })

  it('computes every log-probability alike however groups are cut', async () => {
    const first = metrics(whole).find(({ stage }) => stage === 'rl')!
    for (const tokens of [1, 60, 100000]) {
      const folder = folderWithSuites(whole)
      await run(folder, { sets: [`stages.rl.microBatchTokens=${tokens}`, 'stages.rl.steps=1'] })
      const step = metrics(folder).find(({ stage }) => stage === 'rl')!
      // The same weights, so the same samples, losses and entropies, to the bit; gradients are sums in another order.
      expect({ ...step, gradNorm: 0, steps: 0 }).toEqual({ ...first, gradNorm: 0, steps: 0 })
      expect(Math.abs((step.gradNorm as number) / (first.gradNorm as number) - 1)).toBeLessThan(1e-5)
    }
  })

  it('packs the prompt of a group once, and cuts a group that a micro-batch cannot hold', async () => {
    const forward = vi.spyOn(NativeModel.prototype, 'forward')
    try {
      for (const budget of [100000, 60, 78]) {
        forward.mockClear()
        const folder = folderWithSuites(whole)
        await run(folder, { sets: [`stages.rl.microBatchTokens=${budget}`] })
        // Entropies are asked for in GRPO only.
        const batches = forward.mock.calls.flatMap(([batch, options]) => (options?.entropy ? [batch] : []))
        const sequences = batches.reduce((sum, { bounds }) => sum + bounds.length - 1, 0)
        const groups = metrics(folder).reduce((sum, { informative = 0 }) => sum + (informative as number), 0)
        expect(Math.max(...batches.map(({ ids }) => ids.length))).toBeLessThanOrEqual(budget)
        if (budget === 100000) {
          expect(sequences).toBe(groups)
        } else {
          expect(sequences).toBeGreaterThan(groups)
          expect(sequences).toBeLessThan(4 * groups)
        }
      }
    } finally {
      forward.mockRestore()
    }
  })

  it.each([
    ['causal attention', ['model.attention=causal']],
    ['Dr. GRPO', ['stages.rl.advantage=mean', 'stages.rl.reward=digits']],
    ['recomputed activations', ['recompute=true']],
  ])('samples and trains alike with %s', async (_, sets) => {
    const folder = folderWithSuites(whole)
    await run(folder, { sets })
    for (const step of metrics(folder).slice(5)) expect(step.gap).toEqual({ mean: 0, max: 0 })
  })

  it('makes several updates a step, the later ones off policy', async () => {
    const folder = folderWithSuites(whole)
    const { text } = await run(folder, { sets: ['stages.rl.updates=2', 'stages.rl.lr=0.01'] })
    expect(text).toContain('8 steps, 11 updates')
    for (const step of metrics(folder).slice(5)) expect(step.gap).toEqual({ mean: 0, max: 0 })
  })
})

describe('a run that is interrupted', () => {
  it('goes on bit for bit, in the middle of either stage and at their border', async () => {
    const folder = folderWithSuites(whole)
    for (const stopAfter of [3, 2, 1]) {
      const { outcome, text } = await run(folder, { stopAfter })
      expect(outcome).toBe('interrupted')
      expect(text).toContain('--resume')
    }
    expect(states(folder).at(-1)).toBe('step-00000006')
    expect((await run(folder)).outcome).toBe('finished')
    expect(results(folder)).toEqual(results(whole))
    // Once more does nothing.
    expect((await run(folder)).text).toContain('Finished: 8 steps')
    expect(results(folder)).toEqual(results(whole))
  })

  it('is not written over, and not gone on with under another configuration', async () => {
    await expect(run(whole, { resume: false })).rejects.toThrow(/stands at step 8.*--resume/)
    await expect(run(whole, { sets: ['stages.rl.lr=0.5', 'seed=8'] })).rejects.toThrow(
      /seed was 7, is 8; stages\.rl\.lr was 0\.001, is 0\.5/,
    )
  })

  it('takes a corrected reward where it may, and notes it in its log', async () => {
    const folder = folderWithSuites(whole)
    const sets = ['stages.rl.reward=1 / max(0, 2 - step)']
    // The second step divides by zero: the first is saved.
    await expect(run(folder, { sets })).rejects.toThrow(/The reward "1 \/ max\(0, 2 - step\)" is Infinity/)
    expect(states(folder).at(-1)).toBe('step-00000006')
    await expect(run(folder)).rejects.toThrow(/allow it with --allow-change reward/)
    const { outcome, text } = await run(folder, { allowChange: ['reward'] })
    expect(outcome).toBe('finished')
    expect(text).toContain('stages.rl.reward was 1 / max(0, 2 - step). From here on it is digits + 0.1 * blocks')
    const change = { total: 6, path: 'stages.rl.reward', was: '1 / max(0, 2 - step)', is: 'digits + 0.1 * blocks' }
    expect(metrics(folder).map(({ step, change }) => step ?? change)).toEqual([1, 2, 3, 4, 5, 1, change, 2, 3])
    expect((await run(folder)).outcome).toBe('finished')
  })

  it('may get longer, in the middle and when it is finished', async () => {
    const folder = folderWithSuites(whole)
    await run(folder, { sets: ['stages.rl.steps=1'], stopAfter: 6 })
    const { text } = await run(folder, { sets: ['stages.rl.steps=2', 'save.every=1'] })
    expect(text).toContain('Stage "rl" has 2 steps now, not 1')
    expect((await run(folder)).text).toMatch(/Stage "rl" has 3 steps now, not 2.*Finished: 8 steps/s)
    const [longer, straight] = [results(folder), results(whole)]
    for (const what of ['base', 'final', 'weights', 'moments', 'state']) expect(longer[what], what).toEqual(straight[what])

    await expect(run(folder, { sets: ['stages.base.steps=6'] })).rejects.toThrow('Stage "base" is finished with 5 steps. Got steps: 6.')
    await expect(run(folder, { sets: ['stages.rl.steps=2'] })).rejects.toThrow('Stage "rl" is finished with 3 steps. Got steps: 2.')
    const begun = folderWithSuites(whole)
    await run(begun, { stopAfter: 3 })
    await expect(run(begun, { sets: ['stages.base.steps=2'] })).rejects.toThrow(
      'Stage "base" has done 3 steps. Got steps: 2. Use 3 or more.',
    )
  })

  it.runIf(inProofs)(
    'loses only work when it is killed, at any moment',
    async () => {
      const folder = folderWithSuites(whole)
      await run(folder, { stopAfter: 1, sets: ['save.every=1'] })
      let kills = 0
      for (const delay of [8, undefined]) {
        const child = spawnTrain(folder, ['--set', 'save.every=1', '--resume'])
        // Somewhere in or after the first step of this attempt: an update, a save, an export.
        let armed = delay !== undefined
        child.stdout?.on('data', (data: Buffer) => {
          if (!armed || !/\d+\/\d+ {2}/.test(data.toString())) return
          armed = false
          setTimeout(() => child.kill('SIGKILL'), delay)
        })
        const { code, signal, errors } = await ended(child)
        if (signal === 'SIGKILL') kills += 1
        else expect(code, errors).toBe(0)
      }
      expect(kills).toBeGreaterThan(0)
      expect(results(folder)).toEqual(results(whole))
      expect(hiddenNames(folder)).toEqual([])
    },
    180_000,
  )

  it.each(inProofs ? [2, 17, 31, 44, 58, 71, 90] : [17, 58])('loses only work when it dies at write %i', async (last) => {
    const folder = folderWithSuites(whole)
    await expect(run(folder, { ops: dyingDisk(last) })).rejects.toThrow(/gone/)
    expect((await run(folder)).outcome).toBe('finished')
    expect(results(folder)).toEqual(results(whole))
    expect(hiddenNames(folder)).toEqual([])
  })

  it.runIf(inProofs).each([
    ['SIGTERM', { code: 143, signal: null }],
    ['SIGHUP', { code: null, signal: 'SIGHUP' }],
  ] as const)(
    'ends a step, saves and says how to go on at %s',
    async (signal, end) => {
      const folder = folderWithSuites(whole)
      const sets = ['stages.base.steps=4000']
      await run(folder, { sets, stopAfter: 1 })
      const child = spawnTrain(folder, [...sets.flatMap((set) => ['--set', set]), '--resume'])
      let text = ''
      child.stdout?.on('data', (data: Buffer) => {
        if (!text.includes('base 3/') && (text + data).includes('base 3/')) {
          child.kill(signal)
          if (signal === 'SIGHUP') {
            // A terminal that closes takes the streams with it, and its shell says it once more.
            for (const stream of [child.stdout, child.stderr]) stream?.destroy()
            setTimeout(() => child.kill(signal), 1)
          }
        }
        text += data
      })
      expect(await ended(child)).toMatchObject(end)
      if (signal === 'SIGTERM') {
        expect(text).toMatch(/Interrupted after step \d+ of stage "base"; everything is saved\. Go on with: pr1-train .* --resume/)
      }
      expect(metrics(folder).length).toBe(Number(states(folder).at(-1)!.slice(5)))
      expect(readdirSync(folder).filter((name) => name.startsWith('lock-'))).toEqual([])
    },
    120_000,
  )
})

describe('a run whose newest state is damaged', () => {
  it('says so, and goes on bit for bit from the one before when asked to', async () => {
    const folder = folderWithSuites(whole)
    const sets = ['save.every=1']
    await run(folder, { sets, stopAfter: 3 })
    const file = path.join(folder, 'checkpoints', 'step-00000003', 'trainer', 'moments.safetensors')
    const bytes = readFileSync(file)
    bytes[bytes.length - 100] ^= 1
    writeFileSync(file, bytes)
    await expect(run(folder, { sets })).rejects.toThrow(/moments\.safetensors: tensor .*step-00000002.*--resume=previous/s)
    await expect(run(folder, { sets, resume: false })).rejects.toThrow(/stands at step 3.*--resume/)
    const { outcome, text } = await run(folder, { sets, resume: 'previous' })
    expect(outcome).toBe('finished')
    expect(text).toContain(`Going on from ${path.join(folder, 'checkpoints', 'step-00000002')}`)
    expect(text).toMatch(/a state was damaged and is now .*damaged-step-00000003/)
    expect(results(folder)).toEqual(results(whole))
    expect((await run(folder, { resume: 'previous' })).text).toContain('Finished: 8 steps')
  })
})

describe('a folder of a run', () => {
  it('takes one trainer at a time; a plan may be made beside it', async () => {
    const folder = folderWithSuites(whole)
    const stop = new AbortController()
    const sets = ['stages.base.steps=100000']
    const first = run(folder, { sets, signal: stop.signal })
    await expect(run(folder)).rejects.toThrow(/in use by another pr1-train.*--output/)
    await expect(run(folder, { stage: 'base' })).rejects.toThrow(/in use by another pr1-train/)
    expect((await run(folder, { sets, dryRun: true })).outcome).toBe('planned')
    stop.abort()
    expect((await first).outcome).toBe('interrupted')
    expect(readdirSync(folder).sort()).toEqual(['checkpoints', 'metrics.jsonl', 'rollouts', 'suites'])
  })

  it.each<[string, (folder: string) => void]>([
    ['the folder', (folder) => renameSync(folder, `${folder}.gone`)],
    ['its lock', (folder) => rmSync(path.join(folder, readdirSync(folder).find((name) => name.startsWith('lock-'))!))],
  ])('that loses %s stops the run, and the model is written elsewhere', async (_, lose) => {
    const folder = folderWithSuites(whole)
    const output = {
      write(line: string) {
        if (line.startsWith('rl 1/3')) lose(folder)
      },
    }
    const error = (await run(folder, { output }).catch((caught: unknown) => caught)) as Error
    expect(error).toBeInstanceOf(ParallelR1Error)
    const [, saved] = /can no longer be written .* Everything up to step 6 is saved in (.*step-00000006)\. Move it into /.exec(
      error.message,
    )!
    if (existsSync(`${folder}.gone`)) {
      renameSync(`${folder}.gone`, folder)
      // Another process than this one would have ended, and its lock would be stale.
      for (const name of readdirSync(folder)) if (name.startsWith('lock-')) rmSync(path.join(folder, name))
    }
    cpSync(saved, path.join(folder, 'checkpoints', path.basename(saved)), { recursive: true })
    rmSync(path.resolve(saved, '../..'), { recursive: true })
    expect((await run(folder)).outcome).toBe('finished')
    expect(results(folder)).toEqual(results(whole))
  })
})

describe('a run that fails', () => {
  it('stops at a crashing grader with its message, and saves what was learnt before', async () => {
    const folder = folderWithSuites(whole)
    editSuite(folder, 'rl', (rows) => {
      for (const row of rows) row.test.assert[0].value = 'file://graders.ts:crashing'
    })
    await expect(run(folder, { sets: ['stages.rl.steps=9'] })).rejects.toThrow(/the grader lost its ruler/)
    // 20 grades of 8 a step work: 2 whole steps, and nothing of the third.
    expect(metrics(folder).at(-1)).toMatchObject({ stage: 'rl', step: 2 })
    expect(states(folder).at(-1)).toBe('step-00000007')
  })

  it('leaves the last state whole on a full disk, says so, and goes on when there is room', async () => {
    for (const room of [120_000, 230_000]) {
      const folder = folderWithSuites(whole)
      await expect(run(folder, { ops: smallDisk(room) })).rejects.toThrow(/disk is full.*--resume/s)
      expect(states(folder).length).toBeGreaterThan(0)
      expect(hiddenNames(folder)).toEqual([])
      expect(existsSync(path.join(folder, 'final'))).toBe(false)
      expect((await run(folder)).outcome).toBe('finished')
      expect(results(folder)).toEqual(results(whole))
    }
  })

  it('says what the disk refused, without a stack trace', async () => {
    const folder = folderWithSuites(whole)
    mkdirSync(path.join(folder, 'metrics.jsonl'))
    const error = await run(folder).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(ParallelR1Error)
    expect(String(error)).toMatch(/The disk failed\. .*go on with --resume\. \(EISDIR.*metrics\.jsonl/)
  })

  it('refuses fast numerics on the CPU', async () => {
    await expect(run(folderWithSuites(whole), { sets: ['numerics=fast'] })).rejects.toThrow(
      /fast is available on CUDA only\. Got device: cpu\. Use numerics: exact, or device: cuda/,
    )
  })

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['top-p', { topP: 0.9 }, /truncated one biases the ratio.*topP: 0.9/],
    ['top-k', { topK: 5 }, /truncated one biases the ratio.*topK: 5/],
    ['greedy decoding', { temperature: 0 }, /samples that differ.*temperature: 0/],
    ['a wrong setting', { pahts: 3 }, /Did you mean "paths"/],
  ])('refuses %s of the provider', async (_, settings, message) => {
    const folder = folderWithSuites(whole)
    editSuite(folder, 'rl', (_rows, { config }) => Object.assign(config, settings))
    await expect(run(folder)).rejects.toThrow(message)
    expect(existsSync(path.join(folder, 'metrics.jsonl'))).toBe(false)
  })

  it('names the row whose response does not follow the grammar or does not render', async () => {
    const first = (response: string) => run(folderWithSuites(whole), { sets: [`stages.base.response=${response}`] })
    await expect(first('"<Path>{{ answer }}"')).rejects.toThrow(/row 1 of .*sft\.yaml: The response breaks the rule/)
    await expect(first('"{{ solution }}"')).rejects.toThrow(/does not render.*Vars of the row: question, answer, trajectory/s)
    await expect(run(folderWithSuites(whole), { sets: ['model.init.architecture.maxPositions=20'] })).rejects.toThrow(
      /positions, the model has 20/,
    )
  })

  it('learns the same from tags on lines of their own', async () => {
    const folder = folderWithSuites(whole)
    editSuite(folder, 'base', (rows) => {
      for (const { vars } of rows)
        vars.trajectory = String(vars.trajectory).replace(/<\/?Path>|<Summary>|<\/Parallel>|(?=<\/Summary>)/g, '\n$&\n')
    })
    expect(String(JSON.parse(readFileSync(path.join(folder, 'suites/base.jsonl'), 'utf8').split('\n')[1]).vars.trajectory)).toContain(
      '\n<Path>\n',
    )
    await run(folder, { stopAfter: 5 })
    expect(metrics(folder)).toEqual(metrics(whole).slice(0, 5))
  })

  it('stops before the first step where the reward names a metric that is not there', async () => {
    const folder = folderWithSuites(whole)
    await expect(run(folder, { sets: ['stages.rl.reward=answer'] })).rejects.toThrow(
      /The reward "answer" uses "answer", which no assertion of test 1 of .*rl\.yaml has\. .* There are: digits, blocks/,
    )
    expect(existsSync(path.join(folder, 'metrics.jsonl'))).toBe(false)
  })
})

describe('one stage', () => {
  it('starts from the export of the one before it', async () => {
    const folder = folderWithSuites(whole, 'only-base')
    cpSync(path.join(whole, 'suites'), path.join(folder, 'only-rl', 'suites'), { recursive: true })
    await expect(run(folder, { stage: 'rl' })).rejects.toThrow(/Train stage "base" first/)
    await run(folder, { stage: 'base' })
    await run(folder, { stage: 'rl' })
    // Float32 exports lose nothing, but the moments start anew.
    expect(metrics(path.join(folder, 'only-base'))).toEqual(metrics(whole).slice(0, 5))
    expect(metrics(path.join(folder, 'only-rl'))[0]).toMatchObject({ stage: 'rl', step: 1, reward: metrics(whole)[5].reward })
    // Provenance names the checkpoint it came from by what it is, not by where it lay.
    const { provenance } = (await openCheckpoint(path.join(folder, 'final'))).parallel!
    expect(provenance?.base).toBe(await (await openCheckpoint(path.join(folder, 'base'))).identity.hash())
    expect(readFileSync(path.join(folder, 'final', 'parallel_r1.json'), 'utf8')).not.toContain(folder)
    await expect(run(folder, { stage: 'rk' })).rejects.toThrow(/There are: base, rl/)
  })

  it('is planned by a dry run, which writes nothing', async () => {
    const folder = folderWithSuites(whole)
    const { outcome, text } = await run(folder, { dryRun: true })
    expect(outcome).toBe('planned')
    expect(text).toContain('Memory plan')
    expect(text).toMatch(/KV cache +[1-9]/)
    expect(readdirSync(folder)).toEqual(['suites'])
  })

  it('plans no KV cache where every stage is supervised', async () => {
    const { text } = await run(folderWithSuites(whole), { dryRun: true, stage: 'base' })
    expect(text).toMatch(/KV cache +0\.0 KiB/)
  })

  it('learns one sample for every element of a list with `each`', async () => {
    const folder = folderWithSuites(whole)
    editSuite(folder, 'base', (rows) => {
      for (const row of rows) row.vars.tries = [{ text: '1' }, { text: '22' }]
    })
    const sets = ['stages.base.each=tries', 'stages.base.response="{{ question }}{{ item.text }}"']
    expect((await run(folder, { sets, dryRun: true })).text).toContain('48 samples')
    await expect(run(folder, { sets: ['stages.base.each=answer'] })).rejects.toThrow(/row 1 of .*needs a var that holds a list/)
  })
})

/** A disk that is full after so many bytes; what is removed does not come back. */
function smallDisk(bytes: number): FileOps {
  let left = bytes
  return {
    ...diskOps,
    async create(file) {
      const writer = await diskOps.create(file)
      return {
        ...writer,
        async write(data) {
          left -= data.length
          if (left < 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
          await writer.write(data)
        },
      }
    },
  }
}

/** A process that dies after so many effects on the disk: nothing it does later, cleaning up included, has one. */
function dyingDisk(last: number): FileOps {
  let effects = 0
  const count = (): void => {
    effects += 1
    if (effects > last) throw new Error('gone')
  }
  return {
    mkdir: async (folder) => {
      count()
      await diskOps.mkdir(folder)
    },
    create: async (file) => {
      count()
      const writer = await diskOps.create(file)
      return {
        write: async (data) => {
          count()
          await writer.write(data)
        },
        rewriteStart: async (data) => {
          count()
          await writer.rewriteStart(data)
        },
        close: () => writer.close(),
      }
    },
    rename: async (from, to) => {
      count()
      await diskOps.rename(from, to)
    },
    sync: async (file) => {
      count()
      await diskOps.sync(file)
    },
    remove: async (file) => {
      count()
      await diskOps.remove(file)
    },
  }
}

/** Names of unfinished writes anywhere in a run. */
function hiddenNames(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => path.basename(name).startsWith('.'))
}

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null; errors: string }> {
  let errors = ''
  child.stderr?.on('data', (data: Buffer) => {
    errors += data
  })
  return new Promise((done) => child.once('close', (code, signal) => done({ code, signal, errors })))
}
