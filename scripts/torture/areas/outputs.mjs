// Outputs no honest model writes, through every assertion of ours: no exception but a wrong config, no call above 100 ms of CPU.

import * as assertions from '../../../src/assertions/index.ts'
import { ConfigError } from '../../../src/engine/errors.ts'
import { cpuTime, fastest } from '../../../test/assertions/cpu-time.ts'
import { mutate } from '../../../test/assertions/mutate.ts'
import { output, randomFrom } from '../outputs.mjs'

export const name = 'outputs'
export const share = 0.45
export const short = 3000
export const limitSeconds = 10
export const bars = { outputs: 1_000_000 }

const MOST_CHARACTERS = 1_000_000
const MOST_MS = 100
/** Calls that took longer are repeated: the table tells how many really do. */
const SLOW_MS = 50
/** Other answers than a grader keeps. */
const OTHERS = 300
const RESPONSE_CHARACTERS = 2000
/** Every so many outputs one is longer than a response. */
const LONG_EVERY = 500

const ANSWERS = [
  '42',
  '\\frac{3}{4}',
  '(-\\infty, 2) \\cup [3, \\infty)',
  '1, 2, 3',
  'x^2 + 2x + 1',
  '\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}',
  '\\text{(B)}',
  '12\\text{ cm}^2',
]

/** The configs under which each assertion is asked. */
const CONFIGS = {
  countdownAnswer: [{}],
  lengthBudget: [
    { maxTokens: 100, cacheTokens: 20 },
    { maxTokens: 100, cacheTokens: 20, count: 'critical' },
  ],
  mathAnswer: [
    {},
    { mode: 'both' },
    { extract: 'final-answer' },
    { lists: 'ordered', units: 'required', tolerance: 0.01 },
    { extract: { marker: 'is' }, choices: true },
  ],
  parallelEfficiency: [{}],
  parallelStructure: [{}],
  parallelUsed: [{}],
  pathAgreement: [{}, { blocks: 'last' }],
  pathDiversity: [{}],
  repetition: [{}],
}

export async function open() {
  const graders = new Map(Object.entries(assertions))
  const forgotten = [...graders.keys()].filter((name) => !(name in CONFIGS))
  if (forgotten.length > 0) throw new Error(`scripts/torture/areas/outputs.mjs has no config for ${forgotten.join(', ')}`)
  const prototype = JSON.stringify(Object.getOwnPropertyNames(Object.prototype))

  async function attempt(seed) {
    const random = randomFrom(seed)
    const long = seed % LONG_EVERY === 0
    const text = long ? textOf(seed, random, RESPONSE_CHARACTERS, MOST_CHARACTERS) : textOf(seed, random, 1, RESPONSE_CHARACTERS)
    const what = long ? 'up to 1 MB' : 'up to 2 kB'
    const context = contextOf(text, random)
    let slowest = 0
    for (const [assertion, configs] of Object.entries(CONFIGS)) {
      const config = configs[Math.floor(random() * configs.length)]
      const run = () => graders.get(assertion)(text, { ...context, config })
      const { lost, ms } = judge(run)
      if (lost)
        return {
          what,
          outcome: 'lost',
          lost: `${assertion} ${JSON.stringify(config)} of ${text.length} characters: ${lost}`,
          tally: { outputs: 1 },
        }
      slowest = Math.max(slowest, ms)
    }
    if (JSON.stringify(Object.getOwnPropertyNames(Object.prototype)) !== prototype)
      return { what, outcome: 'lost', lost: 'it changed Object.prototype' }
    return { what, outcome: slowest < 10 ? 'within 10 ms' : slowest <= SLOW_MS ? 'within 50 ms' : 'within 100 ms', tally: { outputs: 1 } }
  }
  return { attempt }
}

/** Half are mutated once more: texts that a shape alone does not give. */
function textOf(seed, random, least, most) {
  // The logarithm of the length is uniform.
  const text = output(seed, Math.ceil(least * (most / least) ** random()))
  return random() < 0.5 ? mutate(text, output(seed + 1, 200), random, most) : text
}

/** What a provider and a test say beside the output; now and then not what they should. */
function contextOf(text, random) {
  const answer = random() < 0.9 ? ANSWERS[Math.floor(random() * ANSWERS.length)] : text.slice(0, 300)
  const total = Math.floor(random() * 200)
  const metadata = random() < 0.5 ? {} : { tree: hiddenTree(text), totalTokens: total, criticalPathTokens: total >> 1 }
  return { vars: { answer, numbers: '[3, 7, 25, 50]', target: '75' }, metadata, providerResponse: { tokenUsage: { completion: total } } }
}

/** Blocks as the provider tells of them where tags are hidden. */
function hiddenTree(text) {
  const part = Math.ceil(text.length / 5)
  const [summary, ...paths] = Array.from({ length: 5 }, (_, i) => ({ text: text.slice(i * part, (i + 1) * part) }))
  return { blocks: [{ paths, summary }] }
}

function judge(run) {
  let wrong
  const start = cpuTime()
  try {
    const { score } = run()
    if (!Number.isFinite(score)) wrong = `its score is ${score}`
  } catch (error) {
    if (!(error instanceof ConfigError)) wrong = error.stack
  }
  let ms = cpuTime() - start
  // A collection of garbage or a first compilation falls into one run, not into all.
  if (wrong === undefined && ms > SLOW_MS) ms = fastest(run, SLOW_MS, forget)
  return { ms, lost: wrong ?? (ms > MOST_MS ? `${Math.round(ms)} ms of CPU` : undefined) }
}

let others = 0
/** Grades other answers, so that nothing of the last output is remembered. */
function forget() {
  for (let i = 0; i < OTHERS; i++, others++) assertions.mathAnswer(`There are ${others} of them.`, { vars: { answer: String(others) } })
}
