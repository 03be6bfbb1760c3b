import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { Tokenizer } from '../../src/engine/checkpoint/tokenizer.ts'
import { edgesOf, joinEdges } from '../../src/engine/prompt-edges.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { promptIds, readPrompt, strangePrompt } from '../../src/providers/prompt.ts'
import { trainedTemplate } from '../../src/trainer/model/prompt-form.ts'
import { base, coldStartParallel, coldStartSequential, mixedTrain, reading } from '../../suites/countdown/data.ts'
import { coldStartStarts } from '../../suites/countdown/path-starts.ts'
import { haveCountdown } from './random-checkpoints.ts'
import { committedTests, folder, loaderConfig, promptOf } from './suite.ts'

const config = (raw: object = {}) => parseThinkingConfig(raw, 'the config')

const COLD_STARTS = {
  sequential: coldStartSequential,
  parallel: coldStartStarts,
  'sequential-10': coldStartSequential,
  'parallel-10': coldStartParallel,
}

describe.skipIf(!haveCountdown).each(Object.keys(COLD_STARTS) as (keyof typeof COLD_STARTS)[])(
  'the shipped %s checkpoint',
  async (form) => {
    const checkpoint = await openCheckpoint(path.join(folder, 'checkpoints', form))
    const trained = Tokenizer.load(path.join(folder, 'tokenizer'))
    const hard = committedTests('hard').map(promptOf)

    it('reads a prompt from a file, from a line and from a chat as the ids of its training', () => {
      for (const file of hard) {
        expect(file).toMatch(/\.\n$/)
        const ids = trained.encode(file)
        const line = file.trimEnd()
        const chat = JSON.stringify([{ role: 'user', content: line }])
        const parts = JSON.stringify([{ role: 'user', content: [{ type: 'text', text: file }] }])
        for (const prompt of [file, line, `\n ${line}  \n\n`, chat, parts]) expect(promptIds(checkpoint, config(), prompt)).toEqual(ids)
      }
    })

    it('says that it knows neither system messages nor turns', () => {
      const chat = ['user', 'assistant', 'user'].map((role) => ({ role, content: 'x' }))
      const refusal = /trained on one user message, without a system message and without turns.*switch the chat template off/
      expect(() => promptIds(checkpoint, config({ system: 'Be brief.' }), hard[0])).toThrow(refusal)
      expect(() => promptIds(checkpoint, config(), JSON.stringify(chat))).toThrow(refusal)
      expect(() => promptIds(checkpoint, config(), JSON.stringify([{ role: 'system', content: 'x' }]))).toThrow(refusal)
    })

    it('notices a prompt in another form, and none of its own', () => {
      const strange = (raw: object, prompt: string) => strangePrompt(checkpoint, readPrompt(checkpoint, config(raw), prompt))
      for (const prompt of hard) {
        expect(strange({}, prompt)).toBeUndefined()
        expect(strange({}, prompt.trim())).toBeUndefined()
        expect(strange({ chatTemplate: false }, prompt)).toBeUndefined()
      }
      expect(strange({ chatTemplate: false }, hard[0].trim())).toMatch(
        /^A prompt ends unlike every prompt that .* Got the token "\.", training had "\\n" or "\.\\n"\. Leave chatTemplate: false out/,
      )
    })

    it('is what its train file leaves: template and edges follow from the prompts of the four stages', () => {
      const cold = COLD_STARTS[form]
      const [first, read, start, rl] = ['base', 'reading', `cold-start.${form}`, `rl.${form}`].map((name) => loaderConfig(`${name}.yaml`))
      const stages = [
        base({ ...first, count: 200 }),
        reading({ ...read, count: 400 }),
        cold({ ...start, count: 100 }),
        mixedTrain({ ...rl, count: 100 }),
      ]
      const scratch = { ...checkpoint, tokenizer: trained, chatTemplate: undefined }
      const prompts = stages.map((rows) => rows.map((row) => readPrompt(scratch, config(), promptOf(row))))
      expect(trainedTemplate(scratch, prompts.flat())?.source).toBe(checkpoint.chatTemplate?.source)
      const edges = prompts.map((stage) => edgesOf(stage.map(({ ids }) => ids)))
      expect(edges.slice(1).reduce(joinEdges, edges[0])).toEqual(checkpoint.parallel?.prompts)
      // The template is the only thing that the tokenizer of the suite lacks.
      const { chat_template: _, ...own } = JSON.parse(readFileSync(path.join(checkpoint.folder, 'tokenizer_config.json'), 'utf8'))
      expect(own).toEqual(trained.config)
    })
  },
)
