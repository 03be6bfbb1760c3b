import { mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import { modelSpec } from '../families/index.ts'
import { type ParameterSpec, parametersOf } from '../spec.ts'
import type { ModelConfig } from '../types.ts'
import { diskOps, type FileOps, type FileWriter, resolveTarget, writeFolderAtomic, writeNewFile } from './atomic.ts'
import { type ChatTemplate, templateInConfig } from './chat-template.ts'
import { modelConfigToJson } from './config.ts'
import { chatTemplateFile, configFile, generationFile, isTokenId, type JsonObject, parallelInfoFile, tokenizerConfigFile } from './files.ts'
import { type ParallelInfo, parseParallelInfo } from './parallel-info.ts'
import { errorCode, problem, saveProblem, show } from './problem.ts'
import { singleFile, writeSafetensors } from './safetensors.ts'
import type { Tokenizer } from './tokenizer.ts'

/** Saving a checkpoint: a complete Hugging Face folder, or none. */

export interface SaveContent {
  config: ModelConfig
  /** Called once for every tensor, in order. */
  weights: (spec: ParameterSpec) => Float32Array | Promise<Float32Array>
  dtype: 'float32' | 'bfloat16'
  tokenizer?: Tokenizer
  chatTemplate?: ChatTemplate | string
  generation: { eosTokenIds: readonly number[]; bosTokenId?: number }
  parallel?: ParallelInfo
  /** More files: relative name → content, or a function that writes them with `ops` into the (temporary) folder it is given. */
  extraFiles?: Readonly<Record<string, string | Uint8Array>> | ((folder: string, ops: FileOps) => Promise<void>)
}

export interface SaveOptions {
  /** For tests: what does the writing. */
  ops?: FileOps
}

/** Saves of one folder by this process wait for each other. */
const running = new Map<string, Promise<void>>()

/**
 * Saves a checkpoint in place of what `folder` held. At any moment, also after a kill, the previous or the new checkpoint is
 * whole (see atomic.ts); when the disk is full the previous one stays and the error says so.
 * @throws CheckpointError when the folder holds something else, a weight is not finite, or the disk fails
 */
export async function saveCheckpoint(folder: string, content: SaveContent, { ops = diskOps }: SaveOptions = {}): Promise<void> {
  const target = await resolveTarget(folder)
  const before = running.get(target) ?? Promise.resolve()
  const save = before.catch(() => {}).then(() => saveNow(target, content, ops))
  running.set(target, save)
  try {
    await save
  } finally {
    if (running.get(target) === save) running.delete(target)
  }
}

async function saveNow(target: string, content: SaveContent, ops: FileOps): Promise<void> {
  const { config } = content
  checkIds(target, content)
  const texts = textFiles(content)
  await refuseForeignFolder(target)
  let writing = 'the folder'
  const watched = watch(ops, (file) => {
    writing = path.basename(file)
  })
  try {
    await mkdir(path.dirname(target), { recursive: true })
    await writeFolderAtomic(
      target,
      async (temporary) => {
        for (const [name, text] of Object.entries(texts)) await writeNewFile(path.join(temporary, name), text, watched)
        const tensors = parametersOf(modelSpec(config)).map((spec) => ({ ...spec, data: () => content.weights(spec) }))
        await writeSafetensors(path.join(temporary, singleFile), tensors, content.dtype, watched)
        await writeExtraFiles(temporary, content.extraFiles, [...Object.keys(texts), singleFile], watched)
      },
      watched,
    )
  } catch (error) {
    throw asSaveError(target, error, writing, await holdsCheckpoint(target))
  }
}

/** What could be saved but not loaded again. */
function checkIds(target: string, { config, tokenizer, generation, parallel }: SaveContent): void {
  const most = config.vocabSize
  if (tokenizer !== undefined && tokenizer.vocabSize > most)
    throw problem({ file: target }, `a tokenizer of at most ${most} tokens (vocabSize of the model)`, `${tokenizer.vocabSize}`)
  const wrong = generation.eosTokenIds.find((id) => !isTokenId(id, most))
  if (wrong !== undefined) throw problem({ file: target, key: 'generation.eosTokenIds' }, `token ids below ${most}`, show(wrong))
  if (parallel !== undefined) parseParallelInfo({ ...parallel }, path.join(target, parallelInfoFile), most)
}

function asSaveError(target: string, error: unknown, writing: string, previous: boolean): unknown {
  return saveProblem(target, `the checkpoint while writing ${writing}`, error, previous ? 'The previous checkpoint' : undefined)
}

/** Tells which file is being written when something fails. */
function watch(ops: FileOps, onFile: (file: string) => void): FileOps {
  return {
    ...ops,
    async create(file): Promise<FileWriter> {
      onFile(file)
      return ops.create(file)
    },
  }
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

/** Every text file of the checkpoint: name → content. */
function textFiles({ config, dtype, tokenizer, chatTemplate, generation, parallel }: SaveContent): Record<string, string> {
  const { eosTokenIds, bosTokenId } = generation
  const eos = eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds.length === 0 ? undefined : eosTokenIds
  const files: Record<string, string> = {
    [configFile]: toJson(modelConfigToJson(config, { bosTokenId, eosTokenId: eos, dtype })),
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

async function writeExtraFiles(folder: string, extra: SaveContent['extraFiles'], taken: readonly string[], ops: FileOps): Promise<void> {
  if (extra === undefined) return
  if (typeof extra === 'function') return extra(folder, ops)
  for (const [name, data] of Object.entries(extra)) {
    const full = path.resolve(folder, name)
    if (!full.startsWith(folder + path.sep) || taken.includes(path.relative(folder, full)))
      throw problem({ file: folder, key: 'extraFiles' }, 'names inside the folder that the checkpoint does not use itself', show(name))
    await ops.mkdir(path.dirname(full))
    await writeNewFile(full, data, ops)
  }
}

async function holdsCheckpoint(folder: string): Promise<boolean> {
  try {
    const names = await readdir(folder)
    return names.includes(configFile) && names.some((name) => name.endsWith('.safetensors'))
  } catch {
    return false
  }
}

/** A save replaces the whole folder: one that holds anything but a checkpoint must not be named by mistake. */
async function refuseForeignFolder(folder: string): Promise<void> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw problem(
      { file: folder },
      'a folder to save the checkpoint in',
      errorCode(error) === 'ENOTDIR' ? 'a file' : `an error (${errorCode(error)})`,
    )
  }
  if (names.length === 0 || (await holdsCheckpoint(folder))) return
  const next = 'A save replaces the folder as a whole: name a new one.'
  throw problem(
    { file: folder },
    'a checkpoint, an empty folder, or none',
    `a folder with other files (${names.slice(0, 3).join(', ')})`,
    next,
  )
}
