/** What `model_type` in a `config.json` may say. index.ts has what each of them computes. */
export const familyNames = ['qwen3', 'qwen2', 'llama', 'mistral', 'smollm3', 'gemma3_text'] as const

export type Family = (typeof familyNames)[number]
