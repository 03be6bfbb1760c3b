import type { GgufMetadata } from './metadata.ts'

/**
 * Which tokens end a response. Files name one or two of them by id, and old ones give the wrong type to the rest, so llama.cpp goes by
 * their text too (src/llama-vocab.cpp). The same texts here: a file ends where it ends there.
 */

const ends = [
  ...['<|eot_id|>', '<|im_end|>', '<|end|>', '<end_of_turn>', '<|endoftext|>', '</s>', '<|eom_id|>', '<EOT>', '_<EOT>', '[EOT]', '[EOS]'],
  ...['<|end_of_text|>', '<end_of_utterance>', '<eos>', '<｜end▁of▁sentence｜>', '<|return|>', '<|call|>', '<|flush|>', '<|calls|>'],
  ...['<turn|>', '<|tool_response>', '[e~['],
]

/** Tokens of filling in code, by their key. Those that stand between files end a response. */
const fillIns = {
  fim_pre: ['<|fim_prefix|>', '<fim-prefix>', '<fim_prefix>', '<｜fim▁begin｜>', '<PRE>', '▁<PRE>', '<|code_prefix|>', '<|prefix|>'],
  fim_suf: ['<|fim_suffix|>', '<fim-suffix>', '<fim_suffix>', '<｜fim▁hole｜>', '<SUF>', '▁<SUF>', '<|code_suffix|>', '<|suffix|>'],
  fim_mid: ['<|fim_middle|>', '<fim-middle>', '<fim_middle>', '<｜fim▁end｜>', '<MID>', '▁<MID>', '<|code_middle|>', '<|middle|>'],
  fim_pad: ['<|fim_pad|>', '<fim-pad>', '<fim_pad>', '<PAD>', '[PAD]'],
  fim_rep: ['<|fim_repo|>', '<|repo_name|>', '<fim-repo>', '<REPO>', '<reponame>'],
  fim_sep: ['<|file_sep|>'],
}
const fillInEnds = new Set(['fim_pad', 'fim_rep', 'fim_sep'])

interface EndTokens {
  /** Ids that end a response, that of `eos_token_id` first. */
  ids: number[]
  /** Ids that are special whatever their type says. */
  special: Set<number>
}

/**
 * @param named ids of the keys that end a response, eos first
 * @param idOf the id of a token
 */
export function endTokens(metadata: GgufMetadata, named: readonly number[], idOf: (token: string) => number | undefined): EndTokens {
  const found = (texts: readonly string[]) => texts.map(idOf).filter((id) => id !== undefined)
  const byText = found(ends)
  const special = new Set(byText)
  const between: number[] = []
  for (const [role, texts] of Object.entries(fillIns)) {
    const key = metadata.count(`tokenizer.ggml.${role}_token_id`)
    const id = key ?? found(texts)[0]
    if (id === undefined) continue
    if (key === undefined) special.add(id)
    if (fillInEnds.has(role)) between.push(id)
  }
  return { ids: [...new Set([...named, ...[...byText, ...between].sort((a, b) => a - b)])], special }
}
