/** A server that speaks the chat completions of OpenAI, for promptfoo's own provider to ask. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  /** Text of the last message. */
  prompt: string
  seed: number
  model: string
}

/** An answer, or an HTTP status in its place, or nothing at all: the connection stays open. */
export type Reply = string | { status: number } | 'silence'

export interface TeacherServer {
  url: string
  /** In the order in which they came. */
  asked: Asked[]
  close(): Promise<void>
}

const words = (text: string): number => text.split(/\s+/).length

export async function openAiServer(reply: (asked: Asked, index: number) => Reply): Promise<TeacherServer> {
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const { messages, seed, model } = JSON.parse(body)
      const one: Asked = { prompt: messages.at(-1).content, seed, model }
      const said = reply(one, asked.push(one) - 1)
      if (said === 'silence') return
      response.setHeader('content-type', 'application/json')
      if (typeof said !== 'string') {
        response.statusCode = said.status
        response.end(JSON.stringify({ error: { message: `refused with ${said.status}`, type: 'test' } }))
        return
      }
      const [prompt_tokens, completion_tokens] = [words(one.prompt), words(said)]
      response.end(
        JSON.stringify({
          id: 'chatcmpl-1',
          object: 'chat.completion',
          model,
          choices: [{ index: 0, message: { role: 'assistant', content: said }, finish_reason: 'stop' }],
          usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
        }),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
