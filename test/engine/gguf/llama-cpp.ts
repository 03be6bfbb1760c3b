import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** llama.cpp beside ours. PR1_LLAMA_CPP names a folder where node-llama-cpp is installed (npm install node-llama-cpp@3.22.1). */

export const llamaCppHome = process.env.PR1_LLAMA_CPP
if (!llamaCppHome) console.warn('skipped: PR1_LLAMA_CPP names no folder with node-llama-cpp')

/** What llama-cpp.mjs is asked. */
export interface Questions {
  texts?: string[]
  tags?: number[]
  /** Lists of ids whose log-probabilities are wanted, each id after those before it. */
  scored: number[][]
  /** To go on with greedily, for so many tokens. */
  prompt?: number[]
  count?: number
}

/** What it answers. */
export interface Answers {
  ids: number[][]
  /** Ids of the first text when special tokens are text, and the text of `tags` without the special ones. */
  tagIds: number[]
  tagText: string
  /** One list for each in `scored`, an entry shorter: nothing is before its first id. */
  logprobs: number[][]
  greedy: number[]
}

/** A process of its own: llama.cpp ends it where it meets a file that it did not expect. */
export function askLlamaCpp(file: string, questions: Questions): Answers {
  const script = fileURLToPath(new URL('llama-cpp.mjs', import.meta.url))
  const input = JSON.stringify({ home: llamaCppHome, file, ...questions })
  return JSON.parse(execFileSync(process.execPath, [script], { input, encoding: 'utf8', maxBuffer: 2 ** 26 }))
}
