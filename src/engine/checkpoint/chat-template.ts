import path from 'node:path'
import type { Template } from '@huggingface/jinja'
import { isObject, type JsonObject } from '../../json.ts'
import { defaultDate } from '../date.ts'
import { CheckpointError } from '../errors.ts'
import { chatTemplateFile, own, readJsonIfPresent, readTextIfPresent, tokenizerConfigFile } from './files.ts'
import { within } from './foreign.ts'
import { parseTemplate, renderTemplate, type TemplateBudget } from './jinja/render.ts'
import { problem, show } from './problem.ts'
import { specialTokensIn } from './tokenizer.ts'

/**
 * The Jinja template that turns chat messages into the text a model was trained on: the file `chat_template.jinja`, else
 * `chat_template` in `tokenizer_config.json` (a string, or a list of named ones, of which `default` is taken). What
 * it may take is bounded (jinja/evaluate.ts, foreign.ts).
 */

export interface ChatMessage {
  role: string
  content: string
}

/** What a template is told besides the messages. */
export interface TemplateInputs {
  /** More variables of the template, e.g. `enable_thinking`. */
  variables?: Readonly<Record<string, unknown>>
  /** The day that `strftime_now` tells, YYYY-MM-DD. Default: {@link defaultDate}. */
  date?: string
}

interface RenderOptions extends TemplateInputs {
  /** End with the opening of an assistant message. Default true. */
  addGenerationPrompt?: boolean
  /** Default: enough for every template that is known. */
  budget?: TemplateBudget
  /** Of one try. Default 3 s. */
  timeoutMs?: number
}

/** The longest of the well-known ones has some 20,000 characters. */
const longestSource = 2 ** 20
const defaultTimeoutMs = 3000

export class ChatTemplate {
  readonly source: string
  /** Where the template comes from, for messages. */
  readonly file: string
  readonly #specialTokens: Readonly<Record<string, string>>
  #template: Template | undefined

  constructor(source: string, specialTokens: Readonly<Record<string, string>> = {}, file = 'chat template') {
    this.source = source
    this.file = file
    this.#specialTokens = specialTokens
  }

  /** Whether it asks for the day. */
  get dated(): boolean {
    return this.source.includes('strftime_now')
  }

  /**
   * The template of a folder; undefined when it has none. It is compiled at the first `render`: a model whose template
   * cannot be used can still be prompted without one.
   * @throws CheckpointError when a file is damaged
   */
  static load(folder: string): ChatTemplate | undefined {
    const file = path.join(folder, chatTemplateFile)
    const configFile = path.join(folder, tokenizerConfigFile)
    const config = readJsonIfPresent(configFile) ?? {}
    const text = readTextIfPresent(file)
    if (text !== undefined) return new ChatTemplate(text, specialTokensIn(config, configFile), file)
    const source = templateInConfig(config, configFile)
    return source === undefined ? undefined : new ChatTemplate(source, specialTokensIn(config, configFile), `${configFile}: chat_template`)
  }

  /**
   * The text of a conversation. Variables are those of transformers' `apply_chat_template`: messages, add_generation_prompt, tools and
   * documents (None), and the special tokens (`bos_token`, …); `raise_exception` and `strftime_now` can be called.
   * @throws CheckpointError when the template does not parse, refuses the messages, or takes more than its budget
   */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
    const { addGenerationPrompt = true, variables = {}, date = defaultDate, budget, timeoutMs = defaultTimeoutMs } = options
    if (this.source.length > longestSource)
      throw problem({ file: this.file }, `a template of at most ${longestSource} characters`, `${this.source.length}`)
    try {
      this.#template ??= within(timeoutMs, () => parseTemplate(this.source))
    } catch (error) {
      throw problem({ file: this.file }, 'a Jinja template', `one that does not parse (${message(error)})`)
    }
    const template = this.#template
    const given = {
      ...this.#specialTokens,
      tools: null,
      documents: null,
      ...variables,
      messages: messages.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: addGenerationPrompt,
    }
    try {
      return within(timeoutMs, () => renderTemplate(template, given, date, budget))
    } catch (error) {
      const roles = messages.map(({ role }) => role).join(', ')
      throw new CheckpointError(
        `${this.file}: the chat template cannot render these messages (${roles}): ${message(error)}. Send other messages, or switch the chat template off.`,
        { cause: error },
      )
    }
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The default template of a `tokenizer_config.json`. */
export function templateInConfig(config: Readonly<JsonObject>, file: string): string | undefined {
  const value = own(config, 'chat_template')
  if (value === undefined || typeof value === 'string') return value
  const key = 'chat_template'
  if (!Array.isArray(value)) throw problem({ file, key }, 'a string or a list of named templates', show(value))
  const named = new Map<string, string>()
  for (const entry of value) {
    if (!isObject(entry) || typeof entry.name !== 'string' || typeof entry.template !== 'string')
      throw problem({ file, key }, 'entries with name and template', show(entry))
    named.set(entry.name, entry.template)
  }
  if (named.size === 0) return undefined
  const chosen = named.get('default') ?? (named.size === 1 ? [...named.values()][0] : undefined)
  if (chosen === undefined) throw problem({ file, key }, 'a template called default', [...named.keys()].join(', '))
  return chosen
}
