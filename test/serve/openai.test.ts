/** OpenAI's own client asks, and the answers are those of the provider. */

import OpenAI, { type APIError } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ThinkingMetadata } from '../../src/providers/response.ts'
import { KEY, type Served, startServer } from './running.ts'

let served: Served
beforeAll(async () => {
  served = await startServer()
})
afterAll(async () => {
  await served.stop({ now: true })
})

const prompts = Array.from({ length: 6 }, (_, i) => `Use ${i + 1}, ${i + 2}, 5 once each with + - * / to make ${i + 20}.`)

/** What a choice says of itself beyond OpenAI's API. */
const own = (choice: object) => (choice as { parallel_r1: ThinkingMetadata & { requestSeed: number } }).parallel_r1

/** What of the metadata both have: `requestSeed` is the server's. */
const shared = (metadata: unknown) => {
  const { requestSeed: _, ...rest } = metadata as Record<string, unknown>
  return rest
}

describe('completions', () => {
  it.each(['structured', 'causal'])('have the bits of the provider: text, tree, log-probabilities and counts of %s', async (model) => {
    const { client } = served
    const { ask } = served.provider({ checkpoint: model, chatTemplate: false, seed: 7 })
    const answer = await client.completions.create({ model, prompt: prompts, n: 2, seed: 7, logprobs: 0 })
    expect(answer.choices.map(({ index }) => index)).toEqual([...answer.choices.keys()])
    let [prompt, completion] = [0, 0]
    for (const [p, text] of prompts.entries()) {
      for (const repeat of [0, 1]) {
        const expected = await ask(text, repeat)
        const choice = answer.choices[2 * p + repeat]
        expect(choice.text).toBe(expected.output)
        expect(choice.finish_reason).toBe(expected.finishReason)
        expect(choice.logprobs?.token_logprobs).toEqual(expected.logProbs)
        expect(choice.logprobs?.tokens).toHaveLength(expected.logProbs!.length)
        expect(shared(own(choice))).toEqual(expected.metadata)
        completion += expected.tokenUsage!.completion!
        if (repeat === 0) prompt += expected.tokenUsage!.prompt!
      }
    }
    expect(answer.usage).toEqual({ prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion })
    const blocks = answer.choices.flatMap((choice) => own(choice).tree.blocks)
    expect(blocks.length).toBeGreaterThan(0)
    expect(blocks[0].paths).toHaveLength(3)
  })

  it('stream the same text in reading order, and end with the tree and the count', async () => {
    const { client } = served
    const body = { model: 'structured', prompt: prompts, n: 2, seed: 11 } as const
    const whole = await client.completions.create(body)
    const stream = await client.completions.create({ ...body, stream: true, stream_options: { include_usage: true }, logprobs: 0 })
    const texts = whole.choices.map(() => '')
    const tokens = whole.choices.map(() => '')
    const ends = new Map<number, OpenAI.CompletionChoice>()
    let usage: OpenAI.CompletionUsage | undefined
    let events = 0
    for await (const event of stream) {
      events++
      usage = event.usage ?? usage
      for (const choice of event.choices) {
        expect(ends.has(choice.index)).toBe(false)
        texts[choice.index] += choice.text
        tokens[choice.index] += choice.logprobs?.tokens?.join('') ?? ''
        if (choice.finish_reason) ends.set(choice.index, choice)
      }
    }
    expect(texts).toEqual(whole.choices.map(({ text }) => text))
    expect(events).toBeGreaterThan(whole.choices.length * 3)
    expect(usage).toEqual(whole.usage)
    for (const { index, finish_reason, ...choice } of whole.choices) {
      expect(ends.get(index)!.finish_reason).toBe(finish_reason)
      expect(own(ends.get(index)!)).toEqual(own(choice))
      // Bytes of one character that are several tokens say nothing alone.
      if (!tokens[index].includes('\ufffd')) expect(tokens[index]).toBe(texts[index])
    }
  })

  it('of ids are those of their text', async () => {
    const { client } = served
    const tokenizer = served.models[0].checkpoint.tokenizer!
    const ids = prompts.slice(0, 2).map((text) => tokenizer.encode(text, { addSpecial: true }))
    const texts = async (prompt: string | string[] | number[] | number[][]) =>
      (await client.completions.create({ model: 'structured', prompt, seed: 3 })).choices.map(({ text }) => text)
    expect(await texts(ids)).toEqual(await texts(prompts.slice(0, 2)))
    expect(await texts(ids[0])).toEqual(await texts(prompts[0]))
  })

  it('end before a stop, wherever in a block it stands, streamed or not', async () => {
    const { client } = served
    const body = { model: 'structured', prompt: prompts[0], seed: 7 } as const
    const full = (await client.completions.create({ ...body, n: 6 })).choices.find((choice) => own(choice).tree.blocks.length > 0)!
    const stops = ['</Path><Path>', '</Parallel>', '<Summary>', full.text.slice(5, 9)]
    for (const stop of stops) {
      const at = full.text.indexOf(stop)
      expect(at).toBeGreaterThan(0)
      const cut = (await client.completions.create({ ...body, n: 6, stop: [stop, 'no such text'] })).choices[full.index]
      expect(cut.text).toBe(full.text.slice(0, at))
      expect(cut.finish_reason).toBe('stop')
      expect(own(cut).totalTokens).toBeLessThan(own(full).totalTokens)
      expect(own(cut).criticalPathTokens).toBeLessThanOrEqual(own(cut).totalTokens)
      let text = ''
      for await (const event of await client.completions.create({ ...body, n: 6, stop, stream: true })) {
        for (const choice of event.choices) if (choice.index === full.index) text += choice.text
      }
      expect(text).toBe(cut.text)
    }
  })

  it('end before a stop in what is known at the end only, as half a character is', async () => {
    const { client } = served
    const create = async (more: object) =>
      await client.completions.create({
        model: 'endless',
        prompt: 'x',
        seed: 1,
        parallel_r1: { mode: 'sequential' },
        ...more,
      } as OpenAI.CompletionCreateParamsNonStreaming)
    let max_tokens = 1
    const whole = async () => (await create({ max_tokens })).choices[0].text
    while (!(await whole()).endsWith('\ufffd')) max_tokens++
    const full = await create({ max_tokens })
    expect(full.choices[0].finish_reason).toBe('length')
    const { text } = full.choices[0]
    const { choices, usage } = await create({ max_tokens, stop: '\ufffd' })
    expect(choices[0]).toMatchObject({ text: text.slice(0, text.indexOf('\ufffd')), finish_reason: 'stop' })
    expect(usage!.completion_tokens).toBe(max_tokens)
  })

  it('follow settings of the request, and say the seed that was drawn where none was given', async () => {
    const { client } = served
    const create = (more: object) =>
      client.completions.create({
        model: 'structured',
        prompt: prompts[1],
        max_tokens: 100,
        ...more,
      } as OpenAI.CompletionCreateParamsNonStreaming)
    const { ask } = served.provider({
      ...{ checkpoint: 'structured', chatTemplate: false, seed: -5, maxTokens: 100, mode: 'sequential' },
      ...{ temperature: 0.7, topP: 0.9, topK: 20, showTags: false },
    })
    const own_ = { mode: 'sequential', showTags: false }
    const asked = await create({ seed: -5, temperature: 0.7, top_p: 0.9, top_k: 20, parallel_r1: own_ })
    const expected = await ask(prompts[1])
    expect(asked.choices[0].text).toBe(expected.output)
    expect(shared(own(asked.choices[0]))).toEqual(expected.metadata)

    const [one, other] = [await create({}), await create({})]
    expect(own(one.choices[0]).requestSeed).not.toBe(own(other.choices[0]).requestSeed)
    const again = await create({ seed: own(one.choices[0]).requestSeed })
    expect(again.choices).toEqual(one.choices)
    expect(again.system_fingerprint).toMatch(/^fp_[0-9a-f]{16}$/)
    expect(again.system_fingerprint).toBe(one.system_fingerprint)
  })

  it('hide tags in a stream as they do in a whole answer', async () => {
    const { client } = served
    const body = { model: 'structured', prompt: prompts, seed: 2, parallel_r1: { showTags: false } }
    const whole = await client.completions.create(body as OpenAI.CompletionCreateParamsNonStreaming)
    const texts = whole.choices.map(() => '')
    for await (const event of await client.completions.create({ ...body, stream: true } as OpenAI.CompletionCreateParamsStreaming)) {
      for (const choice of event.choices) texts[choice.index] += choice.text
    }
    expect(texts).toEqual(whole.choices.map(({ text }) => text))
    expect(texts.join('')).not.toMatch(/<\/?(Parallel|Path|Summary)>/)
  })

  it('draw samples of their own for a prompt that is asked twice, as copies of a problem do', async () => {
    const { choices } = await served.client.completions.create({ model: 'structured', prompt: [prompts[0], prompts[0]], seed: 1 })
    expect(own(choices[0]).copyIndex).toBeUndefined()
    expect(own(choices[1]).copyIndex).toBe(1)
    expect(own(choices[0]).seed).not.toBe(own(choices[1]).seed)
  })
})

describe('chats', () => {
  const messages = [
    { role: 'developer', content: 'Be short.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is ' },
        { type: 'text', text: '17 * 23?' },
      ],
    },
  ] as OpenAI.ChatCompletionMessageParam[]
  const asProvider = JSON.stringify([
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: 'What is 17 * 23?' },
  ])

  it('have the bits of the provider, whole and streamed', async () => {
    const { client } = served
    const body = { model: 'chat', messages, n: 3, seed: 9, logprobs: true, max_completion_tokens: 90 } as const
    const answer = await client.chat.completions.create({ ...body, messages: [...messages] })
    const { ask } = served.provider({ checkpoint: 'chat', seed: 9, maxTokens: 90 })
    for (const [repeat, choice] of answer.choices.entries()) {
      const expected = await ask(asProvider, repeat)
      expect(choice.message).toEqual({ role: 'assistant', content: expected.output, refusal: null })
      expect(choice.logprobs!.content!.map(({ logprob }) => logprob)).toEqual(expected.logProbs)
      expect(shared(own(choice))).toEqual(expected.metadata)
      expect(choice.finish_reason).toBe(expected.finishReason)
    }
    const runner = client.chat.completions.stream({ ...body, messages: [...messages] })
    const final = await runner.finalChatCompletion()
    expect(final.choices.map(({ message }) => message.content)).toEqual(answer.choices.map(({ message }) => message.content))
    expect(final.choices.map(({ finish_reason }) => finish_reason)).toEqual(answer.choices.map(({ finish_reason }) => finish_reason))
    expect(final.choices.map(({ logprobs }) => logprobs?.content)).toEqual(answer.choices.map(({ logprobs }) => logprobs?.content))
  })

  it('take the answer of before as a message', async () => {
    const first = await served.client.chat.completions.create({
      model: 'chat',
      messages: [{ role: 'user', content: 'Hi' }],
      seed: 1,
      max_tokens: 80,
    })
    const { choices } = await served.client.chat.completions.create({
      model: 'chat',
      messages: [{ role: 'user', content: 'Hi' }, first.choices[0].message, { role: 'user', content: 'Again' }],
      max_tokens: 80,
    })
    expect(choices[0].message.content).not.toBe('')
  })
})

describe('the list of models', () => {
  it('names them, and each alone', async () => {
    const { client } = served
    const listed = (await client.models.list()).data.map(({ id }) => id)
    expect(listed).toEqual(['structured', 'causal', 'chat', 'endless'])
    expect(await client.models.retrieve('chat')).toMatchObject({ id: 'chat', object: 'model', owned_by: 'parallel-r1', max_model_len: 512 })
  })
})

describe('what is wrong with a request', () => {
  const refused = async (body: object, chat = false): Promise<APIError> => {
    const { client } = served
    const asked = chat
      ? client.chat.completions.create({ model: 'chat', messages: [{ role: 'user', content: 'x' }], ...body } as never)
      : client.completions.create({ model: 'structured', prompt: 'x', ...body } as never)
    const error = await (asked as Promise<unknown>).then(
      () => new Error('it was taken'),
      (error: unknown) => error,
    )
    expect(error).toBeInstanceOf(OpenAI.APIError)
    return error as APIError
  }

  it.each([
    [{ temprature: 1 }, 'temprature', /Did you mean "temperature"\?/, 'unknown_parameter'],
    [{ tools: [{ type: 'function' }] }, 'tools', /"tools" is not supported: the models call no tools/, 'unsupported_parameter'],
    [{ logit_bias: { 5: 1 } }, 'logit_bias', /samples without biases/, 'unsupported_parameter'],
    [{ presence_penalty: 0.5 }, 'presence_penalty', /samples without penalties/, 'unsupported_parameter'],
    [{ best_of: 4 }, 'best_of', /ask for n/, 'unsupported_parameter'],
    [{ echo: true }, 'echo', /does not repeat its prompt/, 'unsupported_parameter'],
    [{ temperature: '1' }, 'temperature', /must be a number/, null],
    [{ temperature: -1 }, 'temperature', /Got -1/, null],
    [{ top_p: 0 }, 'top_p', /above 0/, null],
    [{ max_tokens: 0 }, 'max_tokens', /of 1 or more/, null],
    [{ max_tokens: 1.5 }, 'max_tokens', /an integer/, null],
    [{ seed: 2 ** 60 }, 'seed', /an integer/, null],
    [{ n: 0 }, 'n', /of 1 or more/, null],
    [{ stop: [''] }, 'stop', /none of them empty/, null],
    [{ logprobs: 5 }, 'logprobs', /Only 0 is there/, null],
    [{ parallel_r1: { mod: 'sequential' } }, 'parallel_r1', /Did you mean "mode"\?/, null],
    [{ parallel_r1: { paths: 17 } }, 'parallel_r1', /from 1 to 16/, null],
    [{ parallel_r1: { checkpoint: '/etc' } }, 'parallel_r1', /Unknown key "checkpoint"/, null],
    [{ prompt: {} }, 'prompt', /must be a text/, null],
    [{ prompt: [1, 'a'] }, 'prompt', /a list of 2/, null],
    [{ prompt: [-1] }, 'prompt', /must be a text/, null],
    [{ prompt: [10 ** 7] }, 'prompt', /below \d+. Got 10000000/, null],
    [{ prompt: '' }, 'prompt', /at least one token/, null],
    [{ stream_options: { include_usage: 'yes' } }, 'stream_options', /true or false/, null],
  ])('%j is refused by name', async (body, param, message, code) => {
    const error = await refused(body)
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param, code })
    expect(error.message).toMatch(message)
  })

  it.each([
    [{ messages: [] }, 'messages'],
    [{ messages: 'x' }, 'messages'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }, 'messages'],
    [{ messages: [{ role: 'user', content: null }] }, 'messages'],
    [{ messages: [{ role: 'user', content: 'x', name: 'me' }] }, 'messages'],
    [{ top_logprobs: 3 }, 'top_logprobs'],
    [{ response_format: { type: 'json_object' } }, 'response_format'],
    [{ max_tokens: 90, max_completion_tokens: 91 }, 'max_tokens'],
  ])('chat %j is refused by name', async (body, param) => {
    expect(await refused(body, true)).toMatchObject({ status: 400, param })
  })

  it('fields that ask for nothing are taken', async () => {
    const { client } = served
    const more = { frequency_penalty: 0, presence_penalty: 0, logit_bias: null, best_of: 1, echo: false, suffix: null, user: 'me' }
    const { choices } = await client.completions.create({ model: 'structured', prompt: 'x', ...more })
    expect(choices).toHaveLength(1)
  })

  it('names the model that is not there, the context that is too short and the budget that holds no block', async () => {
    expect(await refused({ model: 'gpt-4' })).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' })
    const long = await refused({ prompt: '1+'.repeat(600) })
    expect(long).toMatchObject({ status: 400, code: 'context_length_exceeded' })
    const small = await refused({ max_tokens: 3 })
    expect(small).toMatchObject({ status: 400 })
    expect(small.message).toMatch(/max_tokens must hold one block of 3 paths/)
    // In a stream as well, and before anything is sent.
    expect(await refused({ max_tokens: 3, stream: true })).toMatchObject({ status: 400 })
    expect(small.message).not.toContain(served.folder)
  })

  it('the key, which nobody is told', async () => {
    for (const apiKey of ['wrong', `${KEY}x`, KEY.slice(1)]) {
      const other = new OpenAI({ baseURL: `${served.url}/v1`, apiKey, maxRetries: 0 })
      const error = await other.models.list().then(
        () => undefined,
        (error: APIError) => error,
      )
      expect(error).toBeInstanceOf(OpenAI.AuthenticationError)
      expect(error!.code).toBe('invalid_api_key')
      expect(error!.message).not.toContain(apiKey)
    }
  })
})
