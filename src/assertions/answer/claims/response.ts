/** What of an output is the response to the question: not the thinking, not the next turn, not a question the model goes on with. */

import { LIMITS } from '../limits.ts'

/** Tags that some models write for `<think>`. */
const THOUGHT = /<\|(begin|end)_of_thought\|>/g
const SOLUTION = /<\|begin_of_solution\|>/g

/** Marks of HTML that say how a text looks. */
const MARKUP =
  /<\/?(?:b|strong|i|em|u|p|div|span|br|h[1-6]|ul|ol|li|mark|small|big|center|font|code|pre|details|summary|math|mrow|mn|mi|mo|mtext)(?:\s[^<>\n]{0,200})?\s?\/?>/gi
const CLOSES_MARKUP = /<\/(?:b|strong|i|em|u|p|div|span|h[1-6]|li|mark|small|center|font|code|pre|sup|sub|details|math)>|<br\s?\/?>/i
const BLOCK = /^<\/?(?:p|div|br|h|ul|ol|li|pre|details|summary|center)/i

/** A longer text is no page that a model wrote. */
const LONGEST_MARKUP = 50_000

/** Signs of mathematics as HTML writes them. */
const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  le: '≤',
  ge: '≥',
  ne: '≠',
  times: '×',
  divide: '÷',
  minus: '−',
  plusmn: '±',
  radic: '√',
  pi: 'π',
  infin: '∞',
  deg: '°',
  sup2: '²',
  sup3: '³',
  frac12: '1/2',
  frac14: '1/4',
  frac34: '3/4',
  nbsp: ' ',
}
const ENTITY = new RegExp(`&(${Object.keys(ENTITIES).join('|')});`, 'g')
/** MathML whose numbers stand in each other's numerators or exponents. */
const STRUCTURED = /<m(?:frac|sup|sub|sqrt|root|table|over|under)/i

/** Text without the marks of HTML in it: "<b>14</b>", 10<sup>3</sup>, "x &ge; 7". */
export function withoutMarkup(encoded: string): string {
  const text = encoded.includes('&') && encoded.includes(';') ? encoded.replace(ENTITY, (_, name: string) => ENTITIES[name]) : encoded
  if (!text.includes('<') || text.length > LONGEST_MARKUP || !CLOSES_MARKUP.test(text) || STRUCTURED.test(text)) return text
  return text
    .replace(/<su([pb])>([^<>\n]{1,60})<\/su[pb]>/gi, (_, kind: string, inner: string) => `${/p/i.test(kind) ? '^' : '_'}{${inner}}`)
    .replace(MARKUP, (mark) => (BLOCK.test(mark) ? '\n' : ''))
}

/** What is struck through. */
const STRUCK = /~~(?=\S)[^~\n]{1,200}~~/g

/** Where another turn begins, and a part of each that is looked for first. */
const NEXT_TURN = /<\|(?:im_start|im_end|endoftext|end_of_solution|eot_id|end|user|assistant)\|>|<\/s>|\[\/?INST\]/
const TURN_PARTS = ['<|', '</s>', 'INST]']

/** The response of an output within bounds; undefined where the thinking is not closed. */
export function responseOf(raw: string): string | undefined {
  const output = raw.includes('_of_')
    ? raw.replace(THOUGHT, (_, side) => (side === 'begin' ? '<think>' : '</think>')).replace(SOLUTION, '')
    : raw
  const thought = output.includes('think>') ? behindThinking(output) : output
  if (thought === undefined) return undefined
  const text = thought.includes('~~') ? thought.replace(STRUCK, '') : thought
  const turn = TURN_PARTS.some((part) => text.includes(part)) ? text.search(NEXT_TURN) : -1
  const own = turn > 0 ? text.slice(0, turn) : text
  const answered = own.search(ANSWERED)
  INLINE.lastIndex = Math.max(0, answered)
  INLINE_PART.lastIndex = INLINE.lastIndex
  const opening = answered < 0 || !INLINE_PART.test(own) ? null : INLINE.exec(own)
  return beforeRunOn(opening ? own.slice(0, opening.index + 1) : own, answered)
}

function behindThinking(output: string): string | undefined {
  const thought = output.lastIndexOf('</think>')
  const open = output.lastIndexOf('<think>')
  if (open > thought && output.slice(0, open).trim() === '') return undefined
  return open > thought ? output.slice(0, open) : thought < 0 ? output : output.slice(thought + '</think>'.length)
}

/** A line that opens the turn of another speaker, or a question. */
const TURN = /^[\s#*_>[<]{0,8}(?:user|human|instruction|system)\b[\s*_\]>]{0,4}(?:[:：]|\n|$)/i
const HEADING =
  /^[\s#*_>[<]{0,8}(?:(?:next|new|another|here is another|similar|follow-up|bonus|practice|sample|related|now a|a)\s(?:\w{1,12}\s)?)?(?:question|problem|exercise|example|task|input|prompt|puzzle|q)\s?#?\d{0,4}\s?[\])]?[*_\]>]{0,4}\s?(?:[:：.]|\n|$)/i
/** "Here is another exercise of the same type.", "Let's try another problem." */
const ANOTHER =
  /^[\s#*_>]{0,8}(?:(?:now|next),? )?(?:here(?: is|['’]s| comes)|let(?:['’]s| us) (?:try|do|look at|consider|solve)|try|consider|solve) (?:(?:another|a new|a similar|one more|a second|the next|a further|the following|a related)(?: \w+)? (?:question|problem|exercise|example|task|puzzle|one)|this one)\b/i
const TITLE = /^\s{0,3}#{1,6}\s?(?:next|new|another)?\s?(?:question|problem|exercise|example|task|instruction|input)\b/i
/** Something that states an answer before it. */
const ANSWERED = /\\f?boxed|####|<\/answer>|answer\W{0,4}(?:is|are|=|[:：]|\n)/i
const ANSWERS = new RegExp(ANSWERED, 'gi')
/** A question put to a solver, and not one that a solver asks himself. */
const ASKED = /\b(?:how (?:many|much|long|far|old|fast|tall)|what (?:is|are|was|were|will)|which of|find the|calculate|determine)\b/i
const DOUBTED = /^\W{0,4}(?:wait|hmm|hold on|actually|but|no|let|so|check|then|therefore|thus|is|the question|we)\b/i

/** The same inside a line. */
const INLINE_PART = /(?:Question|Problem|Exercise|Q|User|Human) ?\d{0,3}:\s/g
const INLINE = /[.!?)}$*\d]\s{1,3}(?=(?:(?:Next|New|Another) )?(?:Question|Problem|Exercise|Q|User|Human) ?\d{0,3}:\s)/g

/** A response with so many headings of questions before its first answer goes through questions itself. */
const OWN = 2
/** How many lines are searched for a question. */
const LINES = 20_000

/** How a line begins that may be an opening, so that most lines need no closer look. */
const MAYBE_OPENING = /[\s#*_>[<]{0,11}(?:us|hu|in|sy|ne|no|an|a\s|he|si|sa|so|fo|bo|pr|pu|re|q|ex|ta|le|tr|co)/iy

/**
 * The text before a question of its own that a model goes on with, once it has answered the one it was asked. A question
 * without a heading counts only as a paragraph of its own between two explicit answers: solvers ask themselves questions too.
 * `first` is where the first answer is stated, or -1.
 */
function beforeRunOn(text: string, first: number): string {
  const nextAnswer = answersIn(text, first < 0 ? Number.POSITIVE_INFINITY : first)
  const results = resultsIn(text)
  let explicit = false
  let headings = 0
  for (let start = 0, at = 0, lines = 0; at >= 0 && lines < LINES; start = at + 1, lines++) {
    at = text.indexOf('\n', start)
    const behind = Math.min(at < 0 ? text.length : at + 1, start + LONGEST_LINE)
    MAYBE_OPENING.lastIndex = start
    if (MAYBE_OPENING.test(text)) {
      const line = text.slice(start, behind)
      if (explicit && start > 0 && headings < OWN && ANOTHER.test(line)) return text.slice(0, start)
      if (isOpening(line)) {
        if (start > 0 && (TURN.test(line) || (headings < OWN && (explicit || results(start))))) return text.slice(0, start)
        headings++
      }
    }
    if (explicit && isBlankBefore(text, start) && isQuestion(text.slice(start, behind)) && nextAnswer(behind) < behind + LIMITS.candidate)
      return text.slice(0, start)
    explicit ||= nextAnswer(start) < behind
  }
  return text
}

const LONGEST_LINE = 2000

/** Whether the line before the one at `start` is blank. */
function isBlankBefore(text: string, start: number): boolean {
  const line = text.lastIndexOf('\n', start - 2) + 1
  return start === 0 || text.slice(line, Math.min(start, line + LONGEST_LINE)).trim() === ''
}

/** Tells whether a line before a place states a result and a blank line follows it. Places may only grow. */
function resultsIn(text: string): (before: number) => boolean {
  let from = 0
  let found = false
  return (before) => {
    while (!found && from < before) {
      const at = text.indexOf('\n', from)
      const line = text.slice(from, Math.min(at < 0 ? text.length : at + 1, from + LONGEST_LINE))
      found = /\d/.test(line) && /^\s*\n/.test(text.slice(at + 1, at + 40)) && /=|\b(?:is|are|equals)\b/.test(line)
      from = at + 1
    }
    return found
  }
}

/** Where the next answer from a place on is stated; places may only grow, so that all searches together read the text once. `first` is known. */
function answersIn(text: string, first: number): (from: number) => number {
  let found = first
  return (from) => {
    if (found >= from) return found
    ANSWERS.lastIndex = from
    found = ANSWERS.exec(text)?.index ?? Number.POSITIVE_INFINITY
    return found
  }
}

const isOpening = (line: string): boolean => TURN.test(line) || HEADING.test(line) || TITLE.test(line)

const isQuestion = (line: string): boolean =>
  line.length > 30 && !DOUBTED.test(line) && ASKED.test(line) && /\?\s*$/.test(line) && /\d/.test(line)
