import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { Tokenizer } from '../../../src/engine/checkpoint/tokenizer.ts'
import { readHeader } from '../../../src/engine/gguf/header.ts'
import { ggufTokenizer } from '../../../src/engine/gguf/tokenizer.ts'
import { temporaryFolder } from '../checkpoint/build.ts'
import { generateTexts } from './texts.ts'

/**
 * Ids against llama.cpp's. PR1_LLAMA_CPP names a folder in which `npm install node-llama-cpp@3.22.1` was run, and that holds GGUF files,
 * with or without weights (llama.cpp's models/ggml-vocab-*.gguf).
 */
const folder = process.env.PR1_LLAMA_CPP ?? ''
const library = path.join(folder, 'node_modules/node-llama-cpp/dist/index.js')
const isThere = folder !== '' && existsSync(library)
if (!isThere) console.warn('skipped: PR1_LLAMA_CPP names no folder with node-llama-cpp and GGUF files')
const files = isThere ? readdirSync(folder).filter((name) => name.endsWith('.gguf')) : []

/** What is used of node-llama-cpp. */
interface LlamaModel {
  tokenize(text: string, special: boolean): readonly number[]
  isEogToken(id: number): boolean
  dispose(): Promise<void>
}

interface Llama {
  loadModel(options: { modelPath: string; vocabOnly: boolean }): Promise<LlamaModel>
}

const textCount = 2000
/** llama.cpp drops only ASCII white space behind the special tokens of Phi-3, a folder's tokenizer any. */
const otherSpace = /[|>]\s*?[^\P{White_Space}\t-\r ]|[|>]\s*\ufeff/u

describe.skipIf(!isThere)('ids of llama.cpp', () => {
  let llama: Llama
  beforeAll(async () => {
    const { getLlama, LlamaLogLevel } = await import(pathToFileURL(library).href)
    llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.disabled, progressLogs: false })
  })

  it.each(files)('%s', async (name) => {
    const file = path.join(folder, name)
    const { metadata } = readHeader(file)
    const tokens = metadata.strings('tokenizer.ggml.tokens') ?? []
    const types = metadata.numbers('tokenizer.ggml.token_type') ?? []
    const { tokenizer, endIds } = ggufTokenizer(metadata, tokens.length)
    const ofTypes = (...wanted: number[]) => [...tokens.keys()].filter((id) => wanted.includes(types[id]) && tokenizer.tokenOf(id))
    const special = ofTypes(2, 3, 4).map((id) => tokens[id])
    const words = ofTypes(1)
      .map((id) => tokenizer.decode([id]))
      .filter((word) => word !== '' && !word.includes('\ufffd')) // prettier-ignore
    const isPhi3 = /phi-?3/i.test(metadata.string('general.name') ?? '')
    const texts = generateTexts(textCount, 18, { special, words }).filter((text) => !isPhi3 || !otherSpace.test(text))
    const ids = texts.map((text) => tokenizer.encode(text))

    const model = await llama.loadModel({ modelPath: file, vocabOnly: true })
    const differ = texts.filter((text, i) => `${model.tokenize(text, true)}` !== `${ids[i]}`)
    expect(differ).toEqual([])
    expect(new Set(endIds)).toEqual(new Set([...tokens.keys()].filter((id) => model.isEogToken(id))))
    await model.dispose()

    // SentencePiece writes a space after a special token, and takes the sign of a space for one.
    const back = (text: string) => tokenizer.decode(tokenizer.encode(text))
    // SmolLM2 has no token for six of the control characters; every tokenizer drops them.
    const lost = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)).filter((character) => back(character) === '')
    const isBytes = metadata.string('tokenizer.ggml.model') === 'gpt2'
    const whole = isBytes ? texts : texts.filter((text) => !text.includes('▁') && !special.some((token) => text.includes(token)))
    expect(whole.filter((text) => back(text) !== [...text].filter((character) => !lost.includes(character)).join(''))).toEqual([])

    const saved = temporaryFolder()
    await tokenizer.save(saved)
    const folderTokenizer = Tokenizer.load(saved)
    expect(texts.filter((text, i) => `${folderTokenizer.encode(text)}` !== `${ids[i]}`)).toEqual([])
    console.log(`${name}: ${texts.length} texts, ${ids.flat().length} ids`)
  })
})
