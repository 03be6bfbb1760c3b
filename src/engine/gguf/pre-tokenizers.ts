/**
 * How a byte-level tokenizer cuts a text before it merges: the names of `tokenizer.ggml.pre`. The patterns are those that llama.cpp
 * runs (src/llama-vocab.cpp), also where the model's own `tokenizer.json` says something finer: a GGUF file gives the same ids
 * everywhere. Each one cuts what the one before left whole; what it does not match is a piece as well.
 */
interface PreTokenizer {
  patterns: readonly string[]
  /** A piece that is a token as it stands is that token, whatever the merges make of it. */
  wholeTokens?: boolean
  /** A text begins with BOS where `tokenizer.ggml.add_bos_token` says nothing. */
  addBos?: boolean
}

const { raw } = String
const number = raw`\p{N}`
/** As in GPT-2: English endings in small letters; letters, digits and signs with one space before them. */
const words = raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
const ending = raw`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`
const space = raw`\s*[\r\n]+|\s+(?!\S)|\s+`
/** As in cl100k: endings in any case, any sign before letters, line ends with the signs before them. */
const later = (digits: string) => raw`${ending}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${space}`
/** As in o200k: a capital begins a word. Only A to Z and a to z have a case here. */
const cased = (end: string, digits: string) => {
  const [upper, lower] = [raw`(?:(?=\p{L})[^a-z])`, raw`(?:(?=\p{L})[^A-Z])`]
  const word = raw`[^\r\n\p{L}\p{N}]?(?:${upper}*${lower}+|${upper}+${lower}*)${end}`
  return raw`${word}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${space}`
}

/** Line ends and runs of a script stand alone, a blank goes with the letters or signs behind it. */
const deepseekCoder: PreTokenizer = {
  patterns: [raw`[\r\n]`, raw`\s?\p{L}+`, raw`\s?\p{P}+`, raw`[\u0800-\u9fa5\uac00-\ud7ff]+`, number],
}
const deepseek3: PreTokenizer = {
  patterns: [
    raw`\p{N}{1,3}`,
    raw`[\u4e00-\u9fa5\u3040-\u30ff]+`,
    raw`[!-/:-@\[-\x60{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${space}`,
  ],
}
const gpt2: PreTokenizer = { patterns: [words] }
const smollm: PreTokenizer = { patterns: [number, words] }
const llama3: PreTokenizer = { patterns: [later(raw`\p{N}{1,3}`)] }
const qwen2: PreTokenizer = { patterns: [later(number)] }
const gpt4o: PreTokenizer = { patterns: [cased(`${ending}?`, raw`\p{N}{1,3}`)] }
const llamaBpe: PreTokenizer = { ...llama3, wholeTokens: true, addBos: true }

const rows: readonly (readonly [PreTokenizer, ...string[]])[] = [
  [gpt2, 'gpt-2', 'phi-2', 'mpt', 'olmo', 'jais', 'gigachat', 'a.x-4.0', 'mellum', 'exaone4', 'trillion', 'granite-docling'],
  [smollm, 'smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b', 'mellum2'],
  [llamaBpe, 'llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2'],
  [llama3, 'dbrx', 'smaug-bpe', 'chatglm-bpe', 'glm4'],
  [qwen2, 'qwen2', 'deepseek-r1-qwen', 'kormo', 'megrez', 'stablelm2', 'hunyuan', 'solar-open', 'grok-2'],
  [gpt4o, 'gpt-4o', 'llama4', 'kanana2'],
  [{ patterns: [cased('', number)], wholeTokens: true, addBos: true }, 'tekken'],
  [deepseekCoder, 'deepseek-coder'],
  [deepseek3, 'deepseek-v3', 'hunyuan-dense'],
]

export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map(
  rows.flatMap(([row, ...names]) => names.map((name) => [name, row] as const)),
)
