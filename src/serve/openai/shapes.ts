/** What goes back to a client, in the forms of OpenAI's two ways to ask. The tree and all else that is ours stands in `parallel_r1` of a choice. */

import type { Answer, SaidToken } from '../answer.ts'

export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
}

/** What stands in every object of one answer. */
export interface Head {
  id: string
  created: number
  model: string
  system_fingerprint: string
}

/** A part of an answer that is written: its text, and its tokens where somebody asked for them. */
interface Piece {
  index: number
  text: string
  /** Undefined where nobody asked. */
  tokens: readonly SaidToken[] | undefined
}

/** How an endpoint writes what it sends. */
export interface Shape {
  /** Of `id`. */
  prefix: string
  whole(head: Head, answers: readonly Answer[], usage: Usage, logprobs: boolean): object
  /** What comes before the first text of a choice. */
  first(head: Head, index: number): object | undefined
  piece(head: Head, piece: Piece): object
  /** The end of a choice. */
  last(head: Head, index: number, answer: Answer): object
  /** After all choices, where somebody asked for it. */
  usage(head: Head, usage: Usage): object
}

const completionLogprobs = (tokens: readonly SaidToken[] | undefined): object | null =>
  tokens
    ? {
        tokens: tokens.map(({ text }) => text),
        token_logprobs: tokens.map(({ logprob }) => logprob),
        top_logprobs: null,
        text_offset: tokens.map(({ offset }) => offset),
      }
    : null

const encoder = new TextEncoder()

const chatLogprobs = (tokens: readonly SaidToken[] | undefined): object | null =>
  tokens
    ? {
        content: tokens.map(({ text, logprob }) => ({
          token: text,
          logprob,
          bytes: text.includes('\ufffd') ? null : [...encoder.encode(text)],
          top_logprobs: [],
        })),
        refusal: null,
      }
    : null

export const completionsShape: Shape = {
  prefix: 'cmpl-',
  whole: (head, answers, usage, logprobs) => ({
    ...object(head, 'text_completion'),
    choices: answers.map(({ text, finishReason, metadata, tokens }, index) => ({
      index,
      text,
      logprobs: completionLogprobs(logprobs ? tokens : undefined),
      finish_reason: finishReason,
      parallel_r1: metadata,
    })),
    usage,
  }),
  first: () => undefined,
  piece: (head, { index, text, tokens }) => ({
    ...object(head, 'text_completion'),
    choices: [{ index, text, logprobs: completionLogprobs(tokens), finish_reason: null }],
  }),
  last: (head, index, { finishReason, metadata }) => ({
    ...object(head, 'text_completion'),
    choices: [{ index, text: '', logprobs: null, finish_reason: finishReason, parallel_r1: metadata }],
  }),
  usage: (head, usage) => ({ ...object(head, 'text_completion'), choices: [], usage }),
}

export const chatShape: Shape = {
  prefix: 'chatcmpl-',
  whole: (head, answers, usage, logprobs) => ({
    ...object(head, 'chat.completion'),
    choices: answers.map(({ text, finishReason, metadata, tokens }, index) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: chatLogprobs(logprobs ? tokens : undefined),
      finish_reason: finishReason,
      parallel_r1: metadata,
    })),
    usage,
  }),
  first: (head, index) => chunk(head, { index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }),
  piece: (head, { index, text, tokens }) =>
    chunk(head, { index, delta: { content: text }, logprobs: chatLogprobs(tokens), finish_reason: null }),
  last: (head, index, { finishReason, metadata }) =>
    chunk(head, { index, delta: {}, logprobs: null, finish_reason: finishReason, parallel_r1: metadata }),
  usage: (head, usage) => ({ ...object(head, 'chat.completion.chunk'), choices: [], usage }),
}

function chunk(head: Head, choice: object): object {
  return { ...object(head, 'chat.completion.chunk'), choices: [choice] }
}

function object({ id, created, model, system_fingerprint }: Head, kind: string): object {
  return { id, object: kind, created, model, system_fingerprint }
}
