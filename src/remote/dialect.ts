/** How one server is spoken to. */
export interface Dialect {
  /** What it takes as a prompt. */
  prompts: 'ids' | 'text'
  /** How the ids of what it writes are known: see completion.ts. */
  tokens: 'ids' | 'entries' | 'strings' | 'text'
  /** Who ends a completion at a tag: the server, or we, who ask for few tokens at a time. */
  stops: 'server' | 'ours'
  /** Fields beyond OpenAI's first ones that it takes. */
  fields: ReadonlySet<string>
  /** Its log-probabilities: the model's own (`raw`), or after temperature and of what may be drawn (`processed`). */
  logprobs: 'raw' | 'processed' | 'none'
  /** The first token that it puts before a text. */
  bos?: number
  /** How its tokenizer was compared with ours: ids with ids, their number, or not at all. */
  tokenizer: 'compared' | 'counted' | 'unchecked'
  /** Tokens of prompt and response together, where it says so. */
  context?: number
}
