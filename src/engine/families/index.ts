import type { ModelConfig } from '../model-config.ts'
import type { ModelSpec } from '../spec.ts'
import type { FamilyDefinition } from './family.ts'
import { gemma3, gemma3WithImages } from './gemma3.ts'
import { llama } from './llama.ts'
import { mistral } from './mistral.ts'
import type { Family } from './names.ts'
import { qwen2 } from './qwen2.ts'
import { qwen3 } from './qwen3.ts'
import { smollm3 } from './smollm3.ts'

/** Every family by the `model_type` of its `config.json`. */
export const families = { qwen3, qwen2, llama, mistral, smollm3, gemma3_text: gemma3 } satisfies Record<Family, FamilyDefinition>

/** What to do about a `model_type` that is nearly one of them. */
export const nearFamilies: Readonly<Partial<Record<string, string>>> = { gemma3: gemma3WithImages }

/** What a model of this configuration computes, with every parameter's name, shape and start. */
export function modelSpec(config: ModelConfig): ModelSpec {
  return families[config.family].spec(config)
}
