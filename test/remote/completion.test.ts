import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../src/engine/checkpoint/folder.ts'
import { completionBody, FIELDS, readCompletion, type Wanted } from '../../src/remote/completion.ts'
import { ServerTokens } from '../../src/remote/tokens.ts'

const folder = fileURLToPath(new URL('../../suites/countdown/checkpoints/parallel-10', import.meta.url))

let tokens: ServerTokens
let encode: (text: string) => number[]
let tag: (text: string) => number
beforeAll(async () => {
  tokens = new ServerTokens(await openCheckpoint(folder))
  encode = (text) => tokens.encode(text)
  tag = (text) => encode(text)[0]
})

const wanted = (more: Partial<Wanted> = {}): Wanted => ({ prompt: [1], most: 50, temperature: 1, seed: 3, ...more })
const stopped = (): Wanted => wanted({ stop: { text: '</Path>', id: tag('</Path>') } })
const answer = (choice: object) => ({ choices: [{ index: 0, finish_reason: 'stop', ...choice }] })
const entry = (id: number, token: string, logprob = -1) => ({ id, token, bytes: [...Buffer.from(token)], logprob, top_logprobs: [] })
const read = (choice: object, of = stopped(), stops: 'server' | 'ours' = 'server', kind: 'entries' | 'text' = 'text') =>
  readCompletion(answer(choice), of, { stops, tokens: kind }, tokens)
const entries = (text: string) => encode(text).map((id) => entry(id, tokens.piece(id)))

describe('completionBody', () => {
  it('says all that a server would have a default for, and only what it takes', () => {
    const body = completionBody({ ...stopped(), exclude: [7] }, 'm', { prompts: 'ids', fields: new Set(FIELDS), stops: 'server' }, tokens)
    expect(body).toMatchObject({
      ...{ model: 'm', prompt: [1], max_tokens: 50, temperature: 1, top_p: 1, top_k: -1, min_p: 0, seed: 3, logprobs: 1 },
      ...{ repetition_penalty: 1, repeat_penalty: 1, presence_penalty: 0, frequency_penalty: 0, logit_bias: { 7: -100 } },
      ...{ stop: ['</Path>'], stop_token_ids: [tag('</Path>')], skip_special_tokens: false, return_token_ids: true },
    })
    const bare = completionBody(stopped(), 'm', { prompts: 'text', fields: new Set(), stops: 'ours' }, tokens)
    expect(Object.keys(bare).sort()).toEqual(['max_tokens', 'model', 'prompt', 'seed', 'stream', 'temperature', 'top_p'])
  })
})

describe('readCompletion', () => {
  it('takes ids with the end that the server names, once', () => {
    const ids = encode('3 + 4')
    const path = tag('</Path>')
    const end = tokens.eos[0]
    expect(read({ text: '3 + 4</Path>', token_ids: [...ids, path], stop_reason: path })!.ids).toEqual([...ids, path])
    expect(read({ text: '3 + 4', token_ids: ids, stop_reason: path })!.ids).toEqual([...ids, path])
    expect(read({ text: '3 + 4', token_ids: ids, matched_stop: '</Path>' })!.ids).toEqual([...ids, path])
    expect(read({ text: '3 + 4', token_ids: [...ids, end], stop_reason: null })!.ids).toEqual([...ids, end])
    expect(read({ text: '3 + 4', token_ids: ids, matched_stop: end })!.ids).toEqual([...ids, end])
    expect(read({ text: '3 + 4', token_ids: ids, stop_reason: null })!.ids).toEqual([...ids, end])
    expect(read({ text: '3 + 4', token_ids: ids, finish_reason: 'length' })!.ids).toEqual(ids)
  })

  it('tells nothing from an end that may be two, and takes it where nothing was to stop it', () => {
    const ids = encode('3 + 4')
    expect(read({ text: '3 + 4', token_ids: ids })).toBeUndefined()
    expect(read({ text: '3 + 4' })).toBeUndefined()
    expect(read({ text: '3 + 4' }, stopped(), 'ours')!.ids).toEqual([...ids, tokens.eos[0]])
    expect(read({ text: '3 + 4' }, wanted())!.ids).toEqual([...ids, tokens.eos[0]])
    expect(read({ text: '3 + 4</Path>' })!.ids).toEqual([...ids, tag('</Path>')])
  })

  it('reads the strings of an older vLLM, and log-probabilities where each token has one', () => {
    const ids = encode('3 + 4')
    const path = tag('</Path>')
    const logprobs = { tokens: [...ids, path].map((id) => `token_id:${id}`), token_logprobs: [...ids.map(() => -0.5), null] }
    expect(read({ text: '3 + 4', logprobs, stop_reason: path })).toEqual({
      ids: [...ids, path],
      logprobs: [...ids.map(() => -0.5), Number.NaN],
      respelled: 0,
    })
    const strings = { tokens: ids.map((id) => tokens.piece(id)), token_logprobs: ids.map((_, i) => -i) }
    expect(read({ text: '3 + 4', logprobs: strings, finish_reason: 'length' })).toEqual({
      ids,
      logprobs: ids.map((_, i) => -i),
      respelled: 0,
    })
    const shifted = { ...strings, tokens: strings.tokens.map((string, i) => (i === 0 ? '?' : string)) }
    expect(read({ text: '3 + 4', logprobs: shifted, finish_reason: 'length' })!.logprobs.every(Number.isNaN)).toBe(true)
  })

  it('reads the entries of llama.cpp: a stop without entries, an end with one', () => {
    const ids = encode('3 + 4')
    const content = entries('3 + 4')
    const byStop = read({ text: '3 + 4', logprobs: { content } })!
    expect(byStop.ids).toEqual([...ids, tag('</Path>')])
    expect(byStop.logprobs).toEqual([...ids.map(() => -1), Number.NaN])
    expect(byStop.respelled).toBe(0)
    const end = tokens.eos[0]
    expect(read({ text: '3 + 4', logprobs: { content: [...content, entry(end, '', -2)] } })!.ids).toEqual([...ids, end])
    // A stop that comes first leaves no entry at all.
    expect(read({ text: '', logprobs: null }, stopped(), 'server', 'entries')!.ids).toEqual([tag('</Path>')])
    // A special token that only the server takes for an end.
    expect(read({ text: '3 + 4', logprobs: { content: [...content, entry(tag('<Summary>'), '')] } })!.ids).toEqual([...ids, end])
    // One that it does not show, in the middle.
    const hidden = [content[0], entry(tag('<Summary>'), ''), ...content.slice(1)]
    expect(read({ text: '3 + 4', finish_reason: 'length', logprobs: { content: hidden } })!.ids).toEqual([
      ids[0],
      tag('<Summary>'),
      ...ids.slice(1),
    ])
  })

  it('spells what llama.cpp leaves out: tokens that end inside a character', () => {
    const text = '3 🙂 4'
    const ids = encode(text)
    const smile = encode('🙂')
    expect(smile.length).toBeGreaterThan(1)
    const at = ids.findIndex((_, i) => smile.every((id, k) => ids[i + k] === id))
    const content = ids.flatMap((id, i) => {
      if (i < at || i >= at + smile.length) return [entry(id, tokens.piece(id))]
      return i === at + smile.length - 1 ? [entry(id, '🙂')] : []
    })
    const whole = read({ text, finish_reason: 'length', logprobs: { content } })!
    expect(whole.ids).toEqual(ids)
    expect(whole.respelled).toBe(smile.length - 1)
    expect(whole.logprobs.filter(Number.isNaN)).toHaveLength(smile.length - 1)
    // Entries that say something else than the text: the text counts.
    const other = read({ text, finish_reason: 'length', logprobs: { content: [entry(encode('x')[0], 'x')] } })!
    expect([other.ids, other.respelled]).toEqual([ids, ids.length])
  })

  it('takes no more than was asked for', () => {
    const ids = encode('3 + 4 + 5 + 6')
    expect(read({ text: '', token_ids: ids, finish_reason: 'length' }, wanted({ most: 2 }))!.ids).toEqual(ids.slice(0, 2))
  })

  it('refuses hostile answers by what is wrong with them', () => {
    const wrong: [unknown, RegExp][] = [
      [null, /holds no completion. Got null/],
      [{ choices: [{}, {}] }, /holds no completion/],
      [{ error: { message: 'out of memory' } }, /holds no completion. Got {"message":"out of memory"}/],
      [answer({ text: 5 }), /holds no completion/],
      [answer({ text: '', finish_reason: { toString: 'x' } }), /finish_reason {"toString":"x"}/],
      [answer({ text: '', token_ids: [-1] }), /It drew id -1/],
      [answer({ text: '', token_ids: [1.5] }), /It drew id 1\.5/],
      [answer({ text: '', logprobs: { content: [{ id: 10 ** 9, token: 'x', logprob: 0 }] } }), /It drew id 1000000000/],
    ]
    for (const [one, message] of wrong)
      expect(() => readCompletion(one, stopped(), { stops: 'server', tokens: 'text' }, tokens)).toThrow(message)
    // Strange, but text.
    const strange = '\u202e</Path><Parallel>\0\ud800 {{ x }} __proto__'
    expect(read({ text: strange, finish_reason: 'length' })!.ids.length).toBeGreaterThan(4)
    expect(read({ text: '', token_ids: [], finish_reason: 'length' })!.ids).toEqual([])
  })
})
