/** Texts that break off, and steps that are only announced. */

import { remembered } from '../reading/remembered.ts'
import { cues } from './cues.ts'

const LOOSE = cues(
  String.raw`
    [,+\-−*/=(<>&^×·]$
    \b(?:an?|the|that|which|who|this|these|those|of|to|by|from|with|in|on|at|for|and|or|but|so|because|since|as|if|when)$
    \b(?:than|is|are|was|were|be|has|have|had|will|would|could|must|should|we|he|she|they|its|his|their|our|then|not)$
    \b(?:into|every|number of|(?:he|she|it|we|they|I|you) can|between|while|where|gives|yields|implies|equals|becomes)$
    \b(?:to|we|I|you) get$
    \b(?:obtain|satisfy|satisfies|which means|whose)$
    [\s,(](?:i\.e|e\.g|viz|namely|that is)\.?,?$|:$`,
)

/** Ends of a text without a full stop that wait for an object or a verb. */
const UNFINISHED = cues(
  String.raw`
    \b(?:must|should|have to|need to) (?:\w+ )?(?:add|subtract|multiply|divide|remove|find|consider|count|deduct|compute|calculate|square|double)$
    \b(?:we|then|now) (?:\w+ )?(?:add|subtract|multiply|divide|remove|deduct)$
    \b(?:of|to|in|by|for|with) (?:which|whom)(?: (?:a|an|the|only|each|every)?(?: ?[a-z]+){1,2})?$
    \d [a-z]+(?: [a-z]+){0,3},? (?:and|with|but|while) the [a-z]+$
    \bto (?:see|check|test) (?:whether|if|that)\b[^.]{0,60}\b(?:the|this|our) (?:given|first|second|other|original|remaining|same)$
    \b(?:so |now )?let us (?:write|look|see|use|take|consider)$`,
)

/** Whether a text breaks off in the middle of a sentence, or of a formula. */
export const isCutOff = remembered((marked: string): boolean => {
  const text = EMPHASIZED.test(marked.slice(-CLOSING)) ? marked.replace(/(?<=[\w.!?)])[*_]{1,3}\s*$/, '') : marked
  return (
    (!CHOSEN.test(text.slice(-12)) &&
      (LOOSE.test(text.slice(-40).trimEnd()) || (/[a-z]\s*$/.test(text.slice(-3)) && UNFINISHED.test(text.slice(-120).trimEnd()))) &&
      !/(?:\d|sq|square|cu|cubic)\.? in$/i.test(text.slice(-12))) ||
    isFormulaOpen(text) ||
    text.lastIndexOf('\\(') > text.lastIndexOf('\\)') ||
    text.lastIndexOf('\\[') > text.lastIndexOf('\\]')
  )
})

/** Characters at the end that tell whether marks of emphasis may close it: one, and perhaps blanks. */
const CLOSING = 40
const EMPHASIZED = /[*_]\s*$|^\s*$/

/** "that is $\\frac13 \\cdot": what the last $ opens is a formula, and nothing closes it. */
function isFormulaOpen(text: string): boolean {
  const at = text.lastIndexOf('$')
  if (at < 0) return false
  const behind = text.slice(at + 1)
  if (text[at - 1] === '$') return behind.trim() !== '' && text.split('$$').length % 2 === 0
  if (!/\\[a-zA-Z]|[-+=^_{(*]\s*$/.test(behind)) return false
  const part = text
    .slice(text.lastIndexOf('\n\n') + 1)
    .slice(-2000)
    .split('$$')
    .at(-1)!
  return part.split('$').length % 2 === 0
}

/** "So: A" */
const CHOSEN = /(?:[:=]|\b[Ss]o|\b[Tt]hus|\b[Hh]ence|\bis|\b[Oo]ption|\b[Cc]hoice)\s[*(]{0,3}[A-J][*)]{0,3}$/

/** "**Step 1:** The equation has 3 terms" and no more. */
const FIRST_STEP = /^[\s*_#]{0,8}(?:step 1\b|1[.)])[^\n]{0,200}[a-z]$/i

const CONCLUDED = /=|\b(?:is|are|so|thus|hence|therefore|total|answer|gives|get|equals)\b/i

/** Whether a line is a first step that breaks off before anything follows from it. */
export const isStepBegun = (line: string): boolean => FIRST_STEP.test(line) && !CONCLUDED.test(line)

/** "Now we need to subtract 12 from 60." */
const PLAN = cues(
  String.raw`
    ^\W{0,4}(?:(?:so|now|then),? )?(?:the (?:next|last|final|first|remaining) step (?:is|will be) to|it (?:only )?remains to|(?:all|what) (?:that )?(?:is left|remains|we need)(?: to do)? is to|the (?:task|goal|idea|plan|aim) is to)\s
    ^\W{0,4}(?:(?:now|next|then|first|finally|so|to do this|for this|after that|step \d{1,2})\b[,:]?\s){0,2}(?:we|I|let['’]s
      |let us|you)\s(?:(?:still|now|then|first|next|only|just)\s)?(?:(?:need|have
      |want) to |must |should |will |can |could |(?<=let['’]s |let us ))(?:still |then |now |first )?(?:add|subtract|multiply
      |divide|find|calculate|compute|compare|check|solve|remove|substitute|plug|simplify|consider|start|begin)\b`,
)

/** Whether a sentence announces a step and no result. */
export const isPlan = (sentence: string): boolean => {
  const plan = PLAN.exec(sentence)
  return plan !== null && !/=|\b(?:is|are|gives|get|getting|giving|equals|makes|which)\b/i.test(sentence.slice(plan.index + plan[0].length))
}
