import path from 'node:path'
import type { JsonObject } from '../../json.ts'
import { modelSpec } from '../families/index.ts'
import type { ModelConfig } from '../model-config.ts'
import { type ParameterSpec, parametersOf } from '../spec.ts'
import { type ChatTemplate, templateInConfig } from './chat-template.ts'
import { modelConfigToJson } from './config.ts'
import { chatTemplateFile, configFile, generationFile, isTokenId, parallelInfoFile, tokenizerConfigFile } from './files.ts'
import { type ParallelInfo, parseParallelInfo } from './parallel-info.ts'
import { problem, show } from './problem.ts'
import { singleFile } from './safetensors.ts'
import { type FolderContent, type SaveOptions, saveFolder } from './save-folder.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Saving a checkpoint: a complete Hugging Face folder, or none. */

/** What a saved folder says besides its weights. */
export interface SavedInfo extends Pick<FolderContent, 'extraFiles'> {
  config: ModelConfig
  tokenizer?: Tokenizer
  chatTemplate?: ChatTemplate | string
  generation: { eosTokenIds: readonly number[]; bosTokenId?: number }
  parallel?: ParallelInfo
}

export interface SaveContent extends SavedInfo {
  /** Called once for every tensor, in order. */
  weights: (spec: ParameterSpec) => Float32Array | Promise<Float32Array>
  dtype: 'float32' | 'bfloat16'
}

/** Saves a checkpoint in place of what `folder` held, whole at any moment: see {@link saveFolder}. */
export async function saveCheckpoint(folder: string, content: SaveContent, options: SaveOptions = {}): Promise<void> {
  const { config, weights, dtype, extraFiles, generation } = content
  await saveFolder(
    folder,
    (target) => {
      checkIds(target, content)
      const { bosTokenId } = generation
      const json = modelConfigToJson(config, { bosTokenId, eosTokenId: endOf(generation), dtype })
      const tensors = parametersOf(modelSpec(config)).map((spec) => ({ ...spec, data: () => weights(spec) }))
      return {
        texts: { [configFile]: toJson(json), ...infoTexts(content) },
        weights: { file: singleFile, tensors, dtype },
        extraFiles,
      }
    },
    options,
  )
}

/** What could be saved but not loaded again. */
export function checkIds(target: string, { config, tokenizer, generation, parallel }: SavedInfo): void {
  const most = config.vocabSize
  if (tokenizer !== undefined && tokenizer.vocabSize > most)
    throw problem({ file: target }, `a tokenizer of at most ${most} tokens (vocabSize of the model)`, `${tokenizer.vocabSize}`)
  const wrong = generation.eosTokenIds.find((id) => !isTokenId(id, most))
  if (wrong !== undefined) throw problem({ file: target, key: 'generation.eosTokenIds' }, `token ids below ${most}`, show(wrong))
  if (parallel !== undefined) parseParallelInfo({ ...parallel }, path.join(target, parallelInfoFile), most)
}

/** `eos_token_id`: one id or several. */
function endOf({ eosTokenIds }: SavedInfo['generation']): number | readonly number[] | undefined {
  return eosTokenIds.length > 1 ? eosTokenIds : eosTokenIds[0]
}

export function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** The text files beside `config.json`: name → content. */
export function infoTexts({ tokenizer, chatTemplate, generation, parallel }: SavedInfo): Record<string, string> {
  const { bosTokenId } = generation
  const eos = endOf(generation)
  const files: Record<string, string> = {
    [generationFile]: toJson({
      ...(bosTokenId !== undefined && { bos_token_id: bosTokenId }),
      ...(eos !== undefined && { eos_token_id: eos }),
    }),
    ...tokenizer?.files(),
  }
  const source = typeof chatTemplate === 'string' ? chatTemplate : chatTemplate?.source
  const tokenizerConfig = tokenizer?.config
  // tokenizer_config.json is where every reader looks; a list of named templates stays when its default is ours.
  if (source !== undefined && tokenizer !== undefined && tokenizerConfig !== undefined) {
    const present = templateInConfig(tokenizerConfig, tokenizerConfigFile) === source
    if (!present) files[tokenizerConfigFile] = toJson({ ...tokenizerConfig, chat_template: source } satisfies JsonObject)
  } else if (source !== undefined) files[chatTemplateFile] = source
  if (parallel !== undefined) files[parallelInfoFile] = toJson(parallel)
  return files
}
