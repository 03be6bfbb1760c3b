import path from 'node:path'
import type { JsonObject } from '../../json.ts'
import type { ModelConfig } from '../model-config.ts'
import { configFile, generationFile, isTokenId, own, readJsonIfPresent } from './files.ts'
import { problem, show } from './problem.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Tokens that begin and end a text. */
export interface Generation {
  /** Ids that end a response: of generation_config.json, else config.json, else the tokenizer's eos_token; may be empty. */
  eosTokenIds: number[]
  bosTokenId?: number
}

/**
 * @param config parsed `config.json`
 * @throws CheckpointError naming file, key, expected and found
 */
export function readGeneration(folder: string, config: JsonObject, model: ModelConfig, tokenizer?: Tokenizer): Generation {
  const generationPath = path.join(folder, generationFile)
  const generation = readJsonIfPresent(generationPath) ?? {}
  const places: [JsonObject, string][] = [
    [generation, generationPath],
    [config, path.join(folder, configFile)],
  ]
  const first = (key: string): number[] => {
    for (const [object, file] of places) {
      const value = own(object, key)
      if (value === undefined) continue
      const ids = Array.isArray(value) ? value : [value]
      if (!ids.every((id) => isTokenId(id, model.vocabSize)))
        throw problem({ file, key }, `token ids below ${model.vocabSize}`, show(value))
      if (ids.length > 0) return [...new Set(ids)]
    }
    const token = tokenizer?.specialTokens[key.replace(/_id$/, '')]
    const id = token === undefined ? undefined : tokenizer?.idOf(token)
    return id === undefined ? [] : [id]
  }
  const bos = first('bos_token_id')
  return { eosTokenIds: first('eos_token_id'), ...(bos.length > 0 && { bosTokenId: bos[0] }) }
}
