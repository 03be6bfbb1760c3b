/** Asks llama.cpp, by node-llama-cpp, what llama-cpp.proof.ts wants to know of a file. Questions come on standard input, answers leave on standard output. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const { home, file, texts, tags, scored, prompt, count } = JSON.parse(readFileSync(0, 'utf8'))
const { getLlama } = await import(pathToFileURL(path.join(home, 'node_modules/node-llama-cpp/dist/index.js')).href)
// One thread: several wait for each other by spinning, which takes minutes beside other work.
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: 1 })
const model = await llama.loadModel({ modelPath: file })
// Keys and values in float32, as here; llama.cpp's own are float16.
const cache = { experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' }
const context = await model.createContext({ contextSize: 256, flashAttention: false, threads: 1, ...cache })
const sequence = context.getSequence()

const outputs = await sequence.controlledEvaluate(scored.map((id) => [id, { generateNext: { logits: true } }]))
const logprobs = scored.slice(1).map((id, i) => logprob(outputs[i].next.logits, id))
await sequence.clearHistory()
const greedy = []
for await (const id of sequence.evaluate(prompt, { temperature: 0 })) {
  if (greedy.push(id) === count) break
}

function logprob(logits, id) {
  const all = [...logits.values()]
  const most = Math.max(...all)
  return logits.get(id) - most - Math.log(all.reduce((sum, logit) => sum + Math.exp(logit - most), 0))
}

const ids = texts.map((text) => model.tokenize(text, true))
const answers = { ids, tagIds: model.tokenize(texts[0], false), tagText: model.detokenize(tags, false), logprobs, greedy }
process.stdout.write(JSON.stringify(answers), () => process.exit(0))
