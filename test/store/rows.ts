/**
 * A process that answers rows as an eval does: `node --import tsx rows.ts CHECKPOINT SAMPLES PROMPTS REPEATS`. Prints one line of JSON a
 * row when it is finished. The tests kill it.
 */

import { ParallelThinkingProvider } from '../../src/providers/provider.ts'

const [checkpoint, samples, prompts, repeats] = process.argv.slice(2)
const provider = new ParallelThinkingProvider({ config: { checkpoint, samples, device: 'cpu', threads: 1, seed: 7 } })
const rows = Array.from({ length: Number(prompts) * Number(repeats) }, (_, i) => ({
  prompt: `Use ${Math.floor(i / Number(repeats)) + 1}, 3, 5 once each to make ${i}.`,
  repeatIndex: i % Number(repeats),
}))

let next = 0
async function worker(): Promise<void> {
  while (next < rows.length) {
    const row = next++
    const { prompt, repeatIndex } = rows[row]
    const response = await provider.callApi(prompt, { vars: {}, prompt: { raw: prompt, label: '' }, repeatIndex })
    process.stdout.write(`${JSON.stringify({ row, response })}\n`)
  }
}
await Promise.all(Array.from({ length: 16 }, worker))
await provider.cleanup()
