/** Asks llama.cpp, by node-llama-cpp, what llama-cpp.ts wants to know of a file. Questions come on standard input, answers leave on standard output. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/** All logits of a token are kept until its piece is done: megabytes each. */
const piece = 32

const { home, file, texts = [''], tags = [], scored, prompt = [], count = 0 } = JSON.parse(readFileSync(0, 'utf8'))
const { getLlama } = await import(pathToFileURL(path.join(home, 'node_modules/node-llama-cpp/dist/index.js')).href)
// One thread: several wait for each other by spinning, which takes minutes beside other work.
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: 1 })
const model = await llama.loadModel({ modelPath: file })
const contextSize = Math.max(256, ...scored.map((list) => list.length))
// Keys and values in float32, as here; llama.cpp's own are float16.
const cache = { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' }
const context = await model.createContext({ contextSize, flashAttention: false, threads: 1, ...cache })
const sequence = context.getSequence()

const logprobs = []
for (const list of scored) {
  await sequence.clearHistory()
  const found = []
  for (let at = 0; at < list.length; at += piece) {
    const ids = list.slice(at, at + piece)
    const outputs = await sequence.controlledEvaluate(ids.map((id) => [id, { generateNext: { logits: true } }]))
    for (const [i, { next }] of outputs.entries()) if (at + i + 1 < list.length) found.push(logprob(next.logits, list[at + i + 1]))
  }
  logprobs.push(found)
}
await sequence.clearHistory()
const greedy = []
if (count > 0)
  for await (const id of sequence.evaluate(prompt, { temperature: 0 })) {
    if (greedy.push(id) === count) break
  }

function logprob(logits, id) {
  let most = -Infinity
  for (const logit of logits.values()) most = Math.max(most, logit)
  let sum = 0
  for (const logit of logits.values()) sum += Math.exp(logit - most)
  return logits.get(id) - most - Math.log(sum)
}

const ids = texts.map((text) => model.tokenize(text, true))
const answers = { ids, tagIds: model.tokenize(texts[0], false), tagText: model.detokenize(tags, false), logprobs, greedy }
process.stdout.write(JSON.stringify(answers), () => process.exit(0))
