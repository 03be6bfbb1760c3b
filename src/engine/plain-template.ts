/**
 * The chat template of a model that was trained on plain text. It writes one user message as training did, so a prompt gives
 * the same ids from a file, from a line of YAML and from chat messages.
 */

export interface PlainForm {
  /** What training put before and behind the text of a prompt: special tokens and white space. */
  before: string
  after: string
  /** White space of the text itself that the template takes off first. */
  trim: 'start' | 'end' | 'both' | 'none'
  /** Training had system messages or several turns. Their texts are joined by blank lines. Otherwise the template refuses them. */
  joined: boolean
}

const strips = { start: '.lstrip()', end: '.rstrip()', both: '.strip()', none: '' }

/** What stands between the texts of several messages. */
export const blankLine = '\n\n'

/** The Jinja source, for @huggingface/jinja and for Python's Jinja alike. */
export function plainTemplate({ before, after, trim, joined }: PlainForm): string {
  const quoted = (text: string): string[] => (text === '' ? [] : [JSON.stringify(text)])
  const text = joined ? `(messages | map(attribute="content") | join(${JSON.stringify(blankLine)}))` : 'messages[0].content'
  const written = `{{- ${[...quoted(before), `${text}${strips[trim]}`, ...quoted(after)].join(' + ')} -}}`
  if (joined) return written
  const refusal = 'this model was trained on one user message, without a system message and without turns'
  return `{%- if messages | length != 1 or messages[0].role != "user" -%}{{- raise_exception("${refusal}") -}}{%- endif -%}${written}`
}
