import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Checkpoint, openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { openEngine } from '../../src/engine/open.ts'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { promptIds } from '../../src/providers/prompt.ts'
import { toRequest } from '../../src/providers/request.ts'
import { serverSettings } from '../../src/remote/settings.ts'
import { remoteThinker } from '../../src/remote/thinker.ts'
import { localThinker, type Thinker } from '../../src/thinking/thinker.ts'
import type { Thought } from '../../src/thinking/types.ts'

/**
 * llama.cpp's own server on a real model. PR1_LLAMA_SERVER names a Python where xllamacpp is installed (pip install xllamacpp), which has the
 * server prebuilt. PR1_LLAMA_MODEL names the GGUF file, SmolLM2-135M-Instruct unless told otherwise.
 */
const python = process.env.PR1_LLAMA_SERVER
const model =
  process.env.PR1_LLAMA_MODEL ?? fileURLToPath(new URL('../../../shared/models/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url))
const missing = !python ? 'PR1_LLAMA_SERVER names no Python with xllamacpp' : existsSync(model) ? undefined : `there is no ${model}`
if (missing) console.warn(`skipped: ${missing}`)

const questions = [
  'What is 17 + 25? Think step by step.',
  'Name three colours of the rainbow.',
  'Write one sentence about the sea with an emoji in it.',
]

describe.skipIf(missing !== undefined)("llama.cpp's server", () => {
  let child: ChildProcess
  let checkpoint: Checkpoint
  let thinker: Thinker
  let url: string
  beforeAll(async () => {
    const script = fileURLToPath(new URL('llama-server.py', import.meta.url))
    child = spawn(python!, [script, model], { stdio: ['pipe', 'pipe', 'inherit'] })
    url = await new Promise<string>((resolve, reject) => {
      let said = ''
      child.stdout!.on('data', (data) => {
        said += data
        const found = /^listening (http\S+)$/m.exec(said)
        if (found) resolve(found[1])
      })
      child.on('exit', (code) => reject(new Error(`${path.basename(script)} ended with ${code}: ${said}`)))
    })
    checkpoint = await openCheckpoint(model)
    thinker = remoteThinker(checkpoint, serverSettings({ url, model: 'smollm2', concurrency: 4 }))
  }, 300_000)
  afterAll(async () => {
    await thinker?.close()
    child?.stdin?.end()
  })

  const request = (question: number, config: object) => {
    const settings = parseThinkingConfig({ maxTokens: 96, ...config }, 'the proof')
    return toRequest(settings, checkpoint, promptIds(checkpoint, settings, questions[question]), 7)
  }
  const text = ({ ids }: Thought) => checkpoint.tokenizer!.decode(ids, { keepSpecial: true })

  it('has our tokens, and says greedily what the same file says here, but for its own arithmetic', async () => {
    const engine = await openEngine({ device: 'cpu' })
    const local = localThinker(await engine.load(checkpoint, { cacheTokens: 4096 }), { ownsModel: true })
    const config = { mode: 'sequential', temperature: 0 }
    try {
      const agreed: number[] = []
      for (const question of questions.keys()) {
        const [theirs, ours] = [await thinker.think(request(question, config)), await local.think(request(question, config))]
        expect(theirs.server).toMatchObject({ prompts: 'ids', tokens: 'entries', tokenizer: 'compared', logprobs: 'raw' })
        const same = theirs.ids.findIndex((id, i) => id !== ours.ids[i])
        agreed.push(same < 0 ? theirs.ids.length : same)
        console.log(
          `${questions[question]}\n  first ${agreed.at(-1)} of ${theirs.ids.length} tokens equal; respelled ${theirs.server!.respelled}\n  ${JSON.stringify(text(theirs))}`,
        )
      }
      // Blocks of 4 bits are multiplied in another order there. The first tokens are far from a tie.
      expect(Math.max(...agreed)).toBeGreaterThan(8)
    } finally {
      await local.close()
      await engine.dispose()
    }
  })

  it('forks at a tag that the model was shown, with every path from the same tokens', async () => {
    const example =
      'Answer in this form:\n<Parallel><Path>one way</Path><Path>another way</Path></Parallel>\n<Summary>both agree</Summary>\nThe answer is 4.\n\nWhat is 3 + 5? Begin with <Parallel>'
    const settings = parseThinkingConfig({ tags: 'text', paths: 3, maxTokens: 200, pathTokens: 40, temperature: 0.7 }, 'the proof')
    const ids = promptIds(checkpoint, settings, example)
    const thoughts = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => thinker.think(toRequest(settings, checkpoint, ids, seed))))
    for (const thought of thoughts) {
      console.log(
        `${thought.blocks.length} blocks, ${thought.totalTokens} tokens, ${thought.criticalPathTokens} along the longest chain, ${thought.server!.requests} requests, respelled ${thought.server!.respelled}\n  ${JSON.stringify(text(thought)).slice(0, 300)}`,
      )
      expect(thought.totalTokens).toBeLessThanOrEqual(200)
      for (const { paths } of thought.blocks) for (const tokens of paths) expect(tokens).toBeLessThanOrEqual(40)
    }
  })
})
