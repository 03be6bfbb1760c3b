import { isObject, type JsonObject } from '../../json.ts'
import { isDay } from '../date.ts'
import { edgeNames, type PromptEdges } from '../prompt-edges.ts'
import type { TemplateInputs } from './chat-template.ts'
import { isTokenId, own } from './files.ts'
import { problem, show } from './problem.ts'

/**
 * `parallel_r1.json`: what a parallel-thinking checkpoint knows about itself besides its weights. The method takes its
 * attention mode, tags and budgets in these shapes (src/thinking/types.ts).
 */

export interface ParallelInfo {
  /** How it attends inside a block; the same in SFT, sampling, RL and scoring. */
  attention: 'structured' | 'causal'
  /** Ids of the six tags (one id each), of the two of outlines where the checkpoint has them, and of the two other things the decoder writes or watches for. */
  tags: {
    parallel: number
    parallelEnd: number
    path: number
    pathEnd: number
    summary: number
    summaryEnd: number
    outline?: number
    outlineEnd?: number
    /** What stands between `</Parallel>` and `<Summary>`: the ids of "\n". */
    newline: readonly number[]
    /** Ids that end a response. */
    eos: readonly number[]
  }
  /** Tokens of a response and of its parts. */
  budgets?: {
    /** Tokens of the whole response, all paths counted. */
    response: number
    /** Tokens of one path, tags counted. Default: response. */
    path?: number
    /** Tokens of one block, all paths, tags and summary counted. Default: response. */
    block?: number
    /** Tokens along the longest chain (a block counts its longest path). Default: response. */
    criticalPath?: number
    /** Tokens kept back for the text after the last block. Default: a quarter of the smaller of `response` and `criticalPath`, 64 at most. */
    answerReserve?: number
  }
  /** Paths a block that the checkpoint was trained with; with outlines the most. */
  paths?: number
  maxBlocks?: number
  /** Whether its paths were named by outlines. */
  outlines?: boolean
  /** Text that each path of a block began with, one for each of `paths`. */
  pathStarts?: readonly string[]
  /** How the prompts of its training began and ended. */
  prompts?: PromptEdges
  /** What the chat template was told in its training. */
  template?: TemplateInputs
  /** Where it comes from. */
  provenance?: {
    /** `scratch`, or the hash of the checkpoint that it was trained from (identity.ts). */
    base?: string
    stage?: string
    step?: number
    configHash?: string
    /** ISO 8601. */
    created?: string
    [key: string]: unknown
  }
}

const tagNames = ['parallel', 'parallelEnd', 'path', 'pathEnd', 'summary', 'summaryEnd'] as const
const outlineNames = ['outline', 'outlineEnd'] as const
const budgetNames = ['response', 'path', 'block', 'criticalPath', 'answerReserve'] as const

/**
 * Reads a parsed `parallel_r1.json`. Keys that later versions may add are ignored.
 * @throws CheckpointError naming key, expected and found
 */
export function parseParallelInfo(json: JsonObject, file: string, vocabSize: number): ParallelInfo {
  const isId = (value: unknown): value is number => isTokenId(value, vocabSize)
  const attention = own(json, 'attention')
  if (attention !== 'structured' && attention !== 'causal')
    throw problem({ file, key: 'attention' }, 'structured or causal', show(attention))
  const given = own(json, 'tags')
  if (!isObject(given)) throw problem({ file, key: 'tags' }, 'an object', show(given))
  const id = (name: string): number => {
    const value = own(given, name)
    if (!isId(value)) throw problem({ file, key: `tags.${name}` }, `a token id below ${vocabSize}`, show(value))
    return value
  }
  const idList = (object: JsonObject, name: string, key: string): number[] => {
    const value = own(object, name)
    if (!Array.isArray(value) || value.length > 64 || !value.every(isId))
      throw problem({ file, key: `${key}.${name}` }, `a list of token ids below ${vocabSize}`, show(value))
    return value
  }
  const tags = {
    parallel: id('parallel'),
    parallelEnd: id('parallelEnd'),
    path: id('path'),
    pathEnd: id('pathEnd'),
    summary: id('summary'),
    summaryEnd: id('summaryEnd'),
    ...(outlineNames.some((name) => own(given, name) !== undefined) && { outline: id('outline'), outlineEnd: id('outlineEnd') }),
    newline: idList(given, 'newline', 'tags'),
    eos: idList(given, 'eos', 'tags'),
  }
  const ids = [...tagNames, ...outlineNames].flatMap((name) => tags[name] ?? [])
  if (new Set(ids).size < ids.length)
    throw problem({ file, key: 'tags' }, ids.length === tagNames.length ? 'six different ids' : 'eight different ids', show(ids))
  const budgets = parseBudgets(json, file)
  const paths = count(json, 'paths', file)
  const maxBlocks = count(json, 'maxBlocks', file)
  const outlines = own(json, 'outlines')
  if (outlines !== undefined && typeof outlines !== 'boolean') throw problem({ file, key: 'outlines' }, 'true or false', show(outlines))
  const pathStarts = own(json, 'pathStarts')
  if (pathStarts !== undefined && !isStarts(pathStarts))
    throw problem({ file, key: 'pathStarts' }, 'a list of 1 to 16 texts', show(pathStarts))
  const edges = own(json, 'prompts')
  if (edges !== undefined && !isObject(edges)) throw problem({ file, key: 'prompts' }, 'an object', show(edges))
  const [firstIds, lastIds] = edgeNames.map((name) => (edges ? idList(edges, name, 'prompts') : []))
  const template = parseTemplateInputs(json, file)
  const provenance = own(json, 'provenance')
  if (provenance !== undefined && !isObject(provenance)) throw problem({ file, key: 'provenance' }, 'an object', show(provenance))
  return {
    attention,
    tags,
    ...(budgets && { budgets }),
    ...(paths !== undefined && { paths }),
    ...(maxBlocks !== undefined && { maxBlocks }),
    ...(outlines !== undefined && { outlines }),
    ...(pathStarts !== undefined && { pathStarts }),
    ...(edges && { prompts: { firstIds, lastIds } }),
    ...(template && { template }),
    ...(provenance && { provenance }),
  }
}

function isStarts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.length <= 16 && value.every((text) => typeof text === 'string' && text !== '')
}

function count(object: JsonObject, key: string, file: string, prefix = ''): number | undefined {
  const value = own(object, key)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw problem({ file, key: prefix + key }, 'an integer of at least 0', show(value))
  return value
}

function parseTemplateInputs(json: JsonObject, file: string): TemplateInputs | undefined {
  const given = own(json, 'template')
  if (given === undefined) return undefined
  if (!isObject(given)) throw problem({ file, key: 'template' }, 'an object', show(given))
  const variables = own(given, 'variables')
  if (variables !== undefined && !isObject(variables)) throw problem({ file, key: 'template.variables' }, 'an object', show(variables))
  const date = own(given, 'date')
  if (date !== undefined && !(typeof date === 'string' && isDay(date)))
    throw problem({ file, key: 'template.date' }, 'a day as YYYY-MM-DD', show(date))
  return { ...(variables && { variables }), ...(date !== undefined && { date }) }
}

function parseBudgets(json: JsonObject, file: string): ParallelInfo['budgets'] {
  const given = own(json, 'budgets')
  if (given === undefined) return undefined
  if (!isObject(given)) throw problem({ file, key: 'budgets' }, 'an object', show(given))
  const response = count(given, 'response', file, 'budgets.')
  if (response === undefined) throw problem({ file, key: 'budgets.response' }, 'an integer of at least 0', 'nothing')
  const budgets: NonNullable<ParallelInfo['budgets']> = { response }
  for (const name of budgetNames) {
    const value = count(given, name, file, 'budgets.')
    if (value !== undefined) budgets[name] = value
  }
  return budgets
}
