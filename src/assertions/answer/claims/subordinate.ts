/**
 * What in a sentence only says when, why, with what or compared with what it holds: "He paid $56, including the $6 fee", "the coach
 * who bought 9 balls". What is left without it is the main clause, and that states the value.
 */

import { cues } from './cues.ts'
import { blotted } from './sentences.ts'

/** What opens a subordinate part, behind the value of the main clause. */
const OPENS = cues(
  String.raw`
    ,? \(?(?:because|given that|considering that|seeing that|now that|in order (?:to|that)|even though|although|whereas|thanks to|due to|owing to|according to)\b
    , \(?(?:since|as (?=(?:it|this|that|there|these|those|the|we|he|she|they|her|his|each|every|all|both|\d+|[A-Z•])\b|•)|while|though)\b
    , \(?(?:including|excluding|not (?:counting|including)|counting|assuming|supposing|based on|provided(?: that)?|compared (?:to|with)|relative to|(?:down|up) from|ahead of|instead of|unlike|starting|beginning|using|as opposed to|working|attained|achieved|reached|taken|occurring|obtained|found|valid|rounded from|after|before|when|where|whenever)\b
    ,? whom?\b
    , (?:in|on|at|for|to|by|with) (?:which|whom)\b
    , which(?!,| (?:to|only|tells?|represents?|also|is|are|was|were|equals?|gives?|makes?|means?|leaves?|left|yields?|comes?|came|amounts?|totals?|adds?|brings?|simplif\w+|rounds?|reduces?|works out|can|could|will|would|shows?|implies|results?|leads?|becomes|in turn|then|must|has|have|we|I|you|gave|made|meant|costs?|produces?|turns?|evaluates?|takes?|took)\b)\s
    , with(?:out)? (?!.*\b(?:left|remain\w*|over|total|being)\b)`,
  'gi',
)

/** Where the sentence goes back to what it concludes. */
const RETURNS =
  /, (?:and )?(?:so|thus|hence|therefore|which (?:is|are|means|gives|makes|leaves|equals)|giving|leaving|making|meaning|yielding|the answer|we (?:get|have|find|obtain|see)|it (?:is|follows)|there (?:are|is|were|will be)|for a total)\b|;\s|:\s|\s[–—]\s|\)/i

/** Where a conclusion begins that has to state its own value. */
const CONCLUDES = /, (?:and )?(?:so|thus|hence|therefore)\b/i

/** What only leads up to a main clause: "If he had 170 balloons". */
const LEADS_UP = /^[\W_]{0,4}(?:(?:and|but|now),? )?(?:if|when|since|as|because|while|although|though|after|before|given|suppose|assuming)\b[^,]*$/i

/** A value that the words before state: with a verb, behind it or before it. */
const SAYS =
  /(?:\d|•|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,6}teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|half|dozen)\b)/i
const VERB =
  /=|\b(?:is|are|was|were|be|has|have|had|will|would|can|could|must|should|equals?|gets?|got|gives?|gave|makes?|made|takes?|took|needs?|needed|costs?|pays?|paid|sells?|sold|buys?|bought|saves?|saved|earns?|earned|spends?|spent|leaves?|left|uses?|used|weighs?|travels?|drives?|drove|covered|covers?|eats?|ate|read|reads|comes?|came|becomes?|became|requires?|holds?|conclude|obtain|find|keeps?|kept|finish(?:es|ed)?|contains?|remains?|runs?|ran|owns?|owes?|owed|collect(?:s|ed)|receives?d?|produces?d?|\w{3,}ed)\b/i

/** A calculation, or what comes out, is a step and no circumstance. */
const STEP =
  /=|\b(?:(?:we|I|you|they) (?:can )?(?:\w+ )?(?:find|get|obtain|have|know|see|conclude|deduce|compute)|turns out|in fact|yields?|produces?|which means|equal to|gives?|leaves|answer|rounded (?:to|off)|averages? to)\b/i

/** How long a sentence may be to be looked at. */
const LONGEST = 800

/** A sentence with its subordinate parts blotted out, as long as it was. They stay where nothing else states a value, or where the problem asks for them. */
export function mainClause(sentence: string, isAsked?: (part: string, head: string) => boolean): string {
  if (sentence.length > LONGEST || !/[\d$\\]/.test(sentence)) return sentence
  const plain = blotted(sentence)
  let out = sentence
  for (const { index, 0: opening } of plain.matchAll(OPENS)) {
    const head = plain.slice(0, index).split(CONCLUDES).at(-1)!
    if (!SAYS.test(head) || !VERB.test(head) || LEADS_UP.test(head)) continue
    const from = index + opening.length
    const returns = RETURNS.exec(plain.slice(from))
    const end = returns ? from + returns.index : plain.length
    const part = sentence.slice(index, end)
    if (STEP.test(plain.slice(index, end)) || !/[\d$\\]/.test(part)) continue
    if (isAsked?.(part, sentence.slice(0, index))) continue
    if (/^\W*which/.test(part) && /\d\s?[-+*/].*=/.test(part)) continue
    out = `${out.slice(0, index)}${' '.repeat(end - index)}${out.slice(end)}`
  }
  return out
}
