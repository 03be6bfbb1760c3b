/** What of an output is the response to the question: not the thinking, not the next turn, not a question the model goes on with. */

import { LIMITS } from '../limits.ts'

/** Tags that some models write for `<think>`. */
const THOUGHT = /<\|(begin|end)_of_thought\|>/g
const SOLUTION = /<\|begin_of_solution\|>/g

/** The response of an output within bounds; undefined where the thinking is not closed. */
export function responseOf(raw: string): string | undefined {
  const output = raw.includes('_of_')
    ? raw.replace(THOUGHT, (_, side) => (side === 'begin' ? '<think>' : '</think>')).replace(SOLUTION, '')
    : raw
  const thought = output.lastIndexOf('</think>')
  const open = output.lastIndexOf('<think>')
  if (open > thought && output.slice(0, open).trim() === '') return undefined
  const text = open > thought ? output.slice(0, open) : thought < 0 ? output : output.slice(thought + '</think>'.length)
  const turn = text.search(/<\|(?:im_start|im_end|endoftext|end_of_solution|eot_id|end|user|assistant)\|>|<\/s>|\[\/?INST\]/)
  const own = turn > 0 ? text.slice(0, turn) : text
  const answered = own.search(ANSWERED)
  const opening = answered < 0 ? undefined : own.slice(answered).matchAll(INLINE).next().value
  if (opening) return beforeRunOn(own.slice(0, answered + opening.index + 1))
  return beforeRunOn(own)
}

/** A line that opens the turn of another speaker, or a question. */
const TURN = /^[\s#*_>[<]{0,8}(?:user|human|instruction|system)\b[\s*_\]>]{0,4}(?:[:：]|\n|$)/i
const HEADING =
  /^[\s#*_>[<]{0,8}(?:(?:next|new|another|here is another|similar|follow-up|bonus|practice|sample|related|now a|a)\s(?:\w{1,12}\s)?)?(?:question|problem|exercise|example|task|input|prompt|puzzle|q)\s?#?\d{0,4}\s?[\])]?[*_\]>]{0,4}\s?(?:[:：.]|\n|$)/i
const TITLE = /^\s{0,3}#{1,6}\s?(?:next|new|another)?\s?(?:question|problem|exercise|example|task|instruction|input)\b/i
/** Something that states an answer before it. */
const ANSWERED = /\\f?boxed|####|<\/answer>|answer\W{0,4}(?:is|are|=|[:：]|\n)/i
/** A question put to a solver, and not one that a solver asks himself. */
const ASKED = /\b(?:how (?:many|much|long|far|old|fast|tall)|what (?:is|are|was|were|will)|which of|find the|calculate|determine)\b/i
const DOUBTED = /^\W{0,4}(?:wait|hmm|hold on|actually|but|no|let|so|check|then|therefore|thus|is|the question|we)\b/i

/** The same inside a line. */
const INLINE = /[.!?)}$*\d]\s{1,3}(?=(?:(?:Next|New|Another) )?(?:Question|Problem|Exercise|Q|User|Human) ?\d{0,3}:\s)/g

/** A response with so many headings of questions before its first answer goes through questions itself. */
const OWN = 2
/** How many lines are searched for a question. */
const LINES = 20_000

/**
 * The text before a question of its own that a model goes on with, once it has answered the one it was asked. A question
 * without a heading counts only as a paragraph of its own between two explicit answers: solvers ask themselves questions too.
 */
function beforeRunOn(text: string): string {
  const nextAnswer = searcher(text, ANSWERED)
  let explicit = false
  let answered = false
  let paragraph = true
  let headings = 0
  for (let start = 0, at = 0, lines = 0; at >= 0 && lines < LINES; start = at + 1, lines++) {
    at = text.indexOf('\n', start)
    const line = text.slice(start, Math.min(at < 0 ? text.length : at + 1, start + 2000))
    if (isOpening(line)) {
      if (start > 0 && (TURN.test(line) || (answered && headings < OWN))) return text.slice(0, start)
      headings++
    }
    const behind = start + line.length
    if (explicit && paragraph && isQuestion(line) && nextAnswer(behind) < behind + LIMITS.candidate) return text.slice(0, start)
    explicit ||= nextAnswer(start) < behind
    answered ||= explicit || (/\d/.test(line) && /^\s*\n/.test(text.slice(at + 1, at + 40)) && /\b[=is]\b|=/.test(line))
    paragraph = line.trim() === ''
  }
  return text
}

/** Where the next match from a place on begins; places may only grow, so that all searches together read the text once. */
function searcher(text: string, pattern: RegExp): (from: number) => number {
  const search = new RegExp(pattern, 'gi')
  let found = -1
  return (from) => {
    if (found >= from) return found
    search.lastIndex = from
    found = search.exec(text)?.index ?? Number.POSITIVE_INFINITY
    return found
  }
}

const isOpening = (line: string): boolean => TURN.test(line) || HEADING.test(line) || TITLE.test(line)

const isQuestion = (line: string): boolean =>
  line.length > 30 && !DOUBTED.test(line) && ASKED.test(line) && /\?\s*$/.test(line) && /\d/.test(line)
