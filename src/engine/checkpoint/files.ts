import { isUtf8 } from 'node:buffer'
import { readFileSync, type Stats, statSync } from 'node:fs'
import { isObject, type JsonObject, refuseDeep } from '../../json.ts'
import { CheckpointError } from '../errors.ts'
import { errorCode, FETCH_AGAIN, formatBytes, problem, show } from './problem.ts'

/**
 * Reading of the small files of a checkpoint. A checkpoint is untrusted input: only regular files are opened (a pipe would
 * block for ever), sizes are bounded before reading, and every failure is a `CheckpointError` that names the file.
 */

export const configFile = 'config.json'
export const generationFile = 'generation_config.json'
export const tokenizerFile = 'tokenizer.json'
export const tokenizerConfigFile = 'tokenizer_config.json'
export const chatTemplateFile = 'chat_template.jinja'
export const parallelInfoFile = 'parallel_r1.json'
/** Of an adapter in PEFT's format. */
export const adapterConfigFile = 'adapter_config.json'
export const adapterWeightsFile = 'adapter_model.safetensors'

/** Every file of a folder that decides an answer, besides the weights: all that is read when it is opened. */
export const decisiveFiles = [configFile, generationFile, tokenizerFile, tokenizerConfigFile, chatTemplateFile, parallelInfoFile]

/** The same of an adapter, weights too. What is absent is the base's. */
export const adapterFiles = [
  ...[adapterConfigFile, adapterWeightsFile, generationFile],
  ...[tokenizerFile, tokenizerConfigFile, chatTemplateFile, parallelInfoFile],
]

const MiB = 2 ** 20
const textLimit = 64 * MiB
export const tokenizerLimit = 256 * MiB

const reasons: Record<string, string> = {
  ENOENT: 'no such file',
  ENOTDIR: 'a path through something that is not a folder',
  EACCES: 'a file that may not be read',
  EPERM: 'a file that may not be read',
  ELOOP: 'a symbolic link that leads back to itself',
  EISDIR: 'a folder',
  ENAMETOOLONG: 'a name that is too long',
}

/** Turns a failed system call on `file` into a `CheckpointError`; other errors pass through. */
export function fileProblem(file: string, error: unknown, expected = 'a readable file'): unknown {
  const code = errorCode(error)
  if (error instanceof CheckpointError || code === undefined) return error
  return problem({ file }, expected, `${reasons[code] ?? 'an error'} (${code})`)
}

/** Size and times of a regular file; undefined when nothing has this name. Links are followed (caches of models are made of links). */
export function statFile(file: string): Stats | undefined {
  let stats: Stats
  try {
    stats = statSync(file)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw fileProblem(file, error)
  }
  if (!stats.isFile()) throw problem({ file }, 'a regular file', stats.isDirectory() ? 'a folder' : 'a pipe, socket or device')
  return stats
}

/** UTF-8 text of a file of at most `limit` bytes; undefined when it does not exist. */
export function readTextIfPresent(file: string, limit = textLimit): string | undefined {
  const stats = statFile(file)
  if (stats === undefined) return undefined
  if (stats.size > limit) throw problem({ file }, `at most ${formatBytes(limit)}`, formatBytes(stats.size))
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw fileProblem(file, error)
  }
  if (!isUtf8(bytes)) throw problem({ file }, 'UTF-8 text', 'bytes that are not UTF-8', FETCH_AGAIN)
  const text = bytes.toString()
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/** Parses JSON whose top is an object. `what` is the file's name in messages; `rest` leaves out what needs no look at its depth. */
export function parseJsonObject(text: string, what: string, rest: (json: unknown) => unknown = (json) => json): JsonObject {
  let json: unknown
  try {
    json = JSON.parse(text)
    refuseDeep(rest(json))
  } catch (error) {
    if (text.trim() === '') throw problem({ file: what }, 'JSON', 'an empty file', FETCH_AGAIN)
    throw problem({ file: what }, 'JSON', `text that does not parse (${error instanceof Error ? error.message : error})`, FETCH_AGAIN)
  }
  if (!isObject(json)) throw problem({ file: what }, 'a JSON object', show(json))
  return json
}

/** The JSON object of a file; undefined when it does not exist. */
export function readJsonIfPresent(file: string, limit = textLimit): JsonObject | undefined {
  const text = readTextIfPresent(file, limit)
  return text === undefined ? undefined : parseJsonObject(text, file)
}

/** An id that a model of this vocabulary knows. */
export function isTokenId(value: unknown, vocabSize: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocabSize
}

/** The value of an own key (never one of `Object.prototype`); null reads as absent. */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined
}

/**
 * Throws when an object in `text` (JSON that is known to parse) has one key twice: `JSON.parse` keeps the last one silently,
 * another reader may keep the first, and the two would disagree about what the file holds.
 */
export function refuseDuplicateKeys(text: string, what: string): void {
  // One entry per open bracket: the keys seen of an object, undefined for an array.
  const open: (Set<string> | undefined)[] = []
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '{') open.push(new Set())
    else if (c === '[') open.push(undefined)
    else if (c === '}' || c === ']') open.pop()
    else if (c === '"') {
      const start = i
      for (i++; text[i] !== '"'; i++) if (text[i] === '\\') i++
      const keys = open.at(-1)
      if (keys === undefined) continue
      let next = i + 1
      while (text[next] === ' ' || text[next] === '\n' || text[next] === '\r' || text[next] === '\t') next++
      if (text[next] !== ':') continue
      const key: string = JSON.parse(text.slice(start, i + 1))
      if (keys.has(key)) throw problem({ file: what }, 'every name once', `${show(key)} twice`)
      keys.add(key)
    }
  }
}
