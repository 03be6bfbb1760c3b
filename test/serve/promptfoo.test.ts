/** promptfoo's own provider for OpenAI asks, as somebody does who has a server and no checkpoint. */

import { loadApiProvider } from 'promptfoo'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { KEY, type Served, startServer } from './running.ts'

let served: Served
beforeAll(async () => {
  served = await startServer()
})
afterAll(async () => {
  await served.stop({ now: true })
})

const context = { vars: {}, prompt: { raw: '', label: '' } } as never

it("promptfoo's provider for chats gets text, counts and the reason of the end", async () => {
  const { ask } = served.provider({ checkpoint: 'chat', seed: 3, maxTokens: 90 })
  const provider = await loadApiProvider('openai:chat:chat', {
    options: { config: { apiBaseUrl: `${served.url}/v1`, apiKey: KEY, seed: 3, max_tokens: 90, temperature: 1 } },
  })
  for (const prompt of [
    'What is 17 * 23?',
    JSON.stringify([
      { role: 'system', content: 'Be short.' },
      { role: 'user', content: 'Hi' },
    ]),
  ]) {
    const [got, expected] = [await provider.callApi(prompt, context), await ask(prompt)]
    expect(got.error).toBeUndefined()
    expect(got.output).toBe(expected.output)
    const { prompt: asked, completion, total } = expected.tokenUsage!
    expect(got.tokenUsage).toMatchObject({ prompt: asked, completion, total })
    expect(got.finishReason).toBe(expected.finishReason)
  }
})

it("promptfoo's provider for completions gets the text", async () => {
  const { ask } = served.provider({ checkpoint: 'structured', chatTemplate: false, seed: 3, maxTokens: 90 })
  const provider = await loadApiProvider('openai:completion:structured', {
    options: { config: { apiBaseUrl: `${served.url}/v1`, apiKey: KEY, seed: 3, max_tokens: 90, temperature: 1 } },
  })
  const got = await provider.callApi('Use 1, 2, 5 to make 8.', context)
  expect(got.error).toBeUndefined()
  expect(got.output).toBe((await ask('Use 1, 2, 5 to make 8.')).output)
})

it('names a setting that the server cannot follow', async () => {
  const provider = await loadApiProvider('openai:chat:chat', {
    options: { config: { apiBaseUrl: `${served.url}/v1`, apiKey: KEY, response_format: { type: 'json_object' } } },
  })
  expect((await provider.callApi('Hi', context)).error).toMatch(/response_format.* is not supported/)
})
