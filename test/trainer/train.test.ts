import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openSafetensors } from '../../src/engine/checkpoint/safetensors.ts'
import { NativeModel } from '../../src/engine/native/model.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { promptIds, readPrompt, strangePrompt } from '../../src/providers/prompt.ts'
import { editSuite, fixture, folderWithSuites, metrics, newFolder, results, run, states, wholeRun } from './runs.ts'

/** The run that all others are compared with: 5 steps of SFT, 3 of GRPO, never interrupted. */
let whole: string
let plan: string

beforeAll(async () => {
  ;({ whole, plan } = await wholeRun())
})

describe('a run', () => {
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

describe('a folder of a run', () => {
  it('takes one trainer at a time; a plan may be made beside it', async () => {
    const folder = folderWithSuites(whole)
    const stop = new AbortController()
    const sets = ['stages.base.steps=100000']
    const first = run(folder, { sets, signal: stop.signal })
    // Of two that begin at once either may win.
    await vi.waitUntil(() => readdirSync(folder).some((name) => name.startsWith('lock-')), { timeout: 60_000, interval: 5 })
    await expect(run(folder)).rejects.toThrow(/in use by another pr1-train.*--output/)
    await expect(run(folder, { stage: 'base' })).rejects.toThrow(/in use by another pr1-train/)
    expect((await run(folder, { sets, dryRun: true })).outcome).toBe('planned')
    stop.abort()
    expect((await first).outcome).toBe('interrupted')
    expect(readdirSync(folder).sort()).toEqual(['checkpoints', 'metrics.jsonl', 'rollouts', 'suites'])
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
