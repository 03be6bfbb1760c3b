/** What an instruction of this suite asks of the form of a response, as one assertion over the variables `kind`, `count` and `text` of a test. */

interface Grade {
  pass: boolean
  score: number
  reason: string
  namedScores?: Record<string, number>
}

interface Context {
  vars?: Record<string, unknown>
}

/** What a test says beside its kind. */
export interface Form {
  count: number
  /** `text` of the test. */
  text: string
  /** The same where it is a list with commas. */
  texts: string[]
}

interface Kind {
  group: 'length' | 'wording' | 'letters' | 'layout' | 'content'
  /** Variables that a test of this kind has. */
  takes: readonly ('count' | 'text')[]
  holds(said: string, form: Form): boolean
}

const words = (said: string): string[] => said.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word))
/** Words without signs, in lower case. */
const bare = (said: string): string[] => said.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? []
const lines = (said: string): string[] => said.split('\n').filter((line) => line.trim() !== '')
const letters = (said: string): string[] => said.match(/\p{L}/gu) ?? []

/** A sentence ends with a full stop, an exclamation or a question mark before white space or the end. What is behind the last one counts, too. */
const sentences = (said: string): number => said.split(/[.!?]+["')\]]*(?=\s|$)/).filter((part) => /[\p{L}\p{N}]/u.test(part)).length

/** Whether words follow each other in a text, whatever signs and spaces stand between them. */
const says = (said: string, text: string): boolean => ` ${bare(said).join(' ')} `.includes(` ${bare(text).join(' ')} `)

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function json(said: string): unknown {
  try {
    return JSON.parse(said)
  } catch {
    return undefined
  }
}

export const KINDS: Readonly<Record<string, Kind>> = {
  words: { group: 'length', takes: ['count'], holds: (said, { count }) => words(said).length === count },
  'at most words': { group: 'length', takes: ['count'], holds: (said, { count }) => words(said).length <= count },
  'at least words': { group: 'length', takes: ['count'], holds: (said, { count }) => words(said).length >= count },
  sentences: { group: 'length', takes: ['count'], holds: (said, { count }) => sentences(said) === count },

  'starts with': {
    group: 'wording',
    takes: ['text'],
    holds: (said, { text }) => bare(said).slice(0, bare(text).length).join(' ') === bare(text).join(' '),
  },
  'ends with': {
    group: 'wording',
    takes: ['text'],
    holds: (said, { text }) => bare(said).slice(-bare(text).length).join(' ') === bare(text).join(' '),
  },
  contains: { group: 'wording', takes: ['text'], holds: (said, { texts }) => texts.every((text) => says(said, text)) },
  avoids: { group: 'wording', takes: ['text'], holds: (said, { texts }) => !texts.some((text) => says(said, text)) },
  times: {
    group: 'wording',
    takes: ['count', 'text'],
    holds: (said, { count, text }) => bare(said).filter((word) => word === text.toLowerCase()).length === count,
  },

  'lower case': { group: 'letters', takes: [], holds: (said) => letters(said).length > 0 && said === said.toLowerCase() },
  'upper case': { group: 'letters', takes: [], holds: (said) => letters(said).length > 0 && said === said.toUpperCase() },
  'no digits': { group: 'letters', takes: [], holds: (said) => !/\p{N}/u.test(said) },
  'no comma': { group: 'letters', takes: [], holds: (said) => !said.includes(',') },
  'without letter': {
    group: 'letters',
    takes: ['count', 'text'],
    holds: (said, { count, text }) => words(said).length >= count && !said.toLowerCase().includes(text),
  },

  lines: { group: 'layout', takes: ['count'], holds: (said, { count }) => lines(said).length === count },
  bullets: { group: 'layout', takes: ['count'], holds: (said, { count }) => lines(said).filter((line) => /^\s*[-*•]\s+\S/.test(line)).length === count },
  numbered: {
    group: 'layout',
    takes: ['count'],
    holds: (said, { count }) => {
      const numbers = lines(said).flatMap((line) => /^\s*(\d+)[.)]\s+\S/.exec(line)?.[1] ?? [])
      return numbers.length === count && numbers.every((number, i) => Number(number) === i + 1)
    },
  },
  quoted: { group: 'layout', takes: [], holds: (said) => /^"[^"]*"$/.test(said) || /^“[^“”]*”$/.test(said) },
  question: { group: 'layout', takes: [], holds: (said) => said.endsWith('?') },
  title: { group: 'layout', takes: [], holds: (said) => /^<<[^<>\n]*\p{L}[^<>\n]*>>/u.test(said) },

  'json object': {
    group: 'content',
    takes: ['text'],
    holds: (said, { texts }) => {
      const value = json(said)
      return isObject(value) && Object.keys(value).sort().join() === [...texts].sort().join()
    },
  },
  'json list': {
    group: 'content',
    takes: ['count'],
    holds: (said, { count }) => {
      const value = json(said)
      return Array.isArray(value) && value.length === count
    },
  },
  copy: { group: 'content', takes: ['text'], holds: (said, { text }) => said === text },
  choice: { group: 'content', takes: ['text'], holds: (said, { texts }) => texts.some((text) => said.toLowerCase().replace(/\.$/, '') === text.toLowerCase()) },
  'in words': { group: 'content', takes: ['text'], holds: (said, { text }) => !/\p{N}/u.test(said) && says(said, text) },
  order: { group: 'content', takes: ['text'], holds: (said, { texts }) => said.replace(/\.$/, '').split(',').map((word) => word.trim()).join() === texts.join() },
} // biome-ignore format: a line a kind where it fits

/** Whether a response has the form, taken as it is but for white space around it. A response without a letter or a digit has none. */
function follows(said: string, kind: string, form: Form): boolean {
  return /[\p{L}\p{N}]/u.test(said) && KINDS[kind].holds(said.trim(), form)
}

/**
 * A response with what may stand around an answer taken away: the blocks before it, the words `Final Answer:`, marks of emphasis and of
 * code, the first line, the last line, and both.
 */
function readings(output: string): string[] {
  const behind = (text: string, mark: string): string => text.slice(text.lastIndexOf(mark) + (text.includes(mark) ? mark.length : 0))
  const parts = [output, behind(output, '</Summary>'), behind(output, 'Final Answer:')]
  const plain = parts.flatMap((part) => [part, part.replaceAll('*', ''), part.replace(/^\s*```\w*\n|\n```\s*$/g, '')])
  return [...new Set(plain.flatMap((part) => [part, ...withoutEdges(part.trim().split('\n'))]))]
}

const withoutEdges = (all: string[]): string[] => [all.slice(1), all.slice(0, -1), all.slice(1, -1)].map((some) => some.join('\n'))

/** The form that a test asks for. Throws on one that no kind has. */
function formOf(vars: Record<string, unknown>): { kind: string; form: Form } {
  const { kind, count, text } = vars
  if (typeof kind !== 'string' || !Object.hasOwn(KINDS, kind)) {
    throw new Error(`A test of this suite needs a "kind". Got ${JSON.stringify(kind)}. There are: ${Object.keys(KINDS).join(', ')}.`)
  }
  for (const name of KINDS[kind].takes) {
    const value = vars[name]
    const fits = name === 'count' ? Number.isInteger(value) && Number(value) > 0 : typeof value === 'string' && value !== ''
    if (!fits) throw new Error(`A test of the kind "${kind}" needs "${name}". Got ${JSON.stringify(value)}. Give it one.`)
  }
  const said = typeof text === 'string' ? text : ''
  return { kind, form: { count: Number(count), text: said, texts: said.split(',').map((one) => one.trim()) } }
}

/** The assertion: passes where the response as it is has the form. `loosely`: where one of its {@link readings} has. */
export function hasForm(output: string, context: Context): Grade {
  const { kind, form } = formOf(context.vars ?? {})
  const pass = follows(output, kind, form)
  const loosely = pass || readings(output).some((said) => follows(said, kind, form))
  const reason = pass
    ? `It has the form (${kind}).`
    : `It does not have the form (${kind})${loosely ? ', but for what stands around it' : ''}.`
  return { pass, score: pass ? 1 : 0, reason, namedScores: { loosely: loosely ? 1 : 0, [KINDS[kind].group]: pass ? 1 : 0 } }
}

/** promptfoo's assertScoringFunction: a response passes by its form alone, whatever its other metrics. */
export function byForm(namedScores: Record<string, number>): Grade {
  const pass = namedScores.follows === 1
  return { pass, score: pass ? 1 : 0, reason: pass ? 'The form is right.' : 'The form is not right.' }
}
