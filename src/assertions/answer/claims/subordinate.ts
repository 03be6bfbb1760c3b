/**
 * What in a sentence only says when, why, with what or compared with what it holds: "He paid $56, including the $6 fee", "the coach
 * who bought 9 balls". What is left without it is the main clause, and that states the value.
 */

import { matchesOf } from '../reading/matches.ts'
import { cues } from './cues.ts'
import { blotted } from './sentences.ts'

/** What opens a subordinate part, behind the value of the main clause. */
const OPENS = cues(
  String.raw`
    ,? \(?(?:because|given that|considering that|seeing that|now that|in order (?:to|that)|even though|although|whereas|thanks to|due to|owing to|according to)\b
    , \(?(?:since|as (?=(?:it|this|that|there|these|those|the|we|he|she|they|her|his|each|every|all|both|\d+|[A-Z•])\b|•)|while|though)\b
    , \(?(?:including|excluding|not (?:counting|including)|counting|assuming|supposing|based on|provided(?: that)?|compared (?:to|with)|relative to|(?:down|up) from|ahead of|instead of|unlike|starting|beginning|using|as opposed to|working|attained|achieved|reached|taken|occurring|obtained|found|valid|rounded from|(?:proving|showing)(?! that)|after|before|when|where|whenever|once|as soon as)\b
    ,? whom?\b
    , (?:in|on|at|for|to|by|with) (?:which|whom)\b
    , which(?!,| (?:to|as an? (?:\w+ ){1,3}(?:is|equals)|only|tells?|represents?|also|is|are|was|were|equals?|gives?|makes?|means?|leaves?|left|yields?|comes?|came|amounts?|totals?|adds?|sums?|add|sum|brings?|simplif\w+|rounds?|reduces?|works out|can|could|will|would|shows?|implies|results?|leads?|becomes|in turn|then|must|has|have|we|I|you|gave|made|meant|costs?|produces?|turns?|evaluates?|takes?|took)\b)\s
    , (?:just |only |exactly )?[$€£]?\d[\d.,]*%? (?:[a-z]+ ){0,2}(?:above|below|more than|less than|fewer than|ahead of|behind|short of|higher than|lower than|older than|younger than|longer than|shorter than|better than|worse than)\b
    [ ](?<=[•\d)] )(?:is|are) (?:the|our) (?:\w+ ){0,2}(?:solutions?|roots?|values?|integers?|minimum|maximum|only \w+|unique \w+|smallest \w+|largest \w+) (?=of|in|for|that|which|with|such|satisfying|greater|less)\b
    ,? and (?:both|all|neither|none) (?:of (?:them|these) )?(?:values? |solutions? |of them )?(?:satisf\w+|lie|are|work|fulfil\w*|is|check)\b
    (?<=•),? (?:with|where) (?=•)
    ,? (?:denn|weil|porque|ya que|parce que|puisque|perché|poiché|потому что|так как|поскольку)(?=\s)|, (?:car|da|pois)(?=\s)
    [，,（(]\s?(?:因为|因為|由于|验证|驗證|проверка|denn|car|porque|pois)
    ,? (?:and )?(?:only |just )?\d[\d,]* of (?:them|these|those|whom|which)\b
    , of (?:whom|which) (?:only |just )?\d
    \s[–—-] (?=\d[\d,]* (?:[a-z]+ ){1,2}and \d)
    (?<=•) (?:for|of|in|using|from) the (?:given |original )?(?:function|equation|formula|sequence|line|curve|polynomial|recurrence|identity) (?=•)
    [ ](?:before|after|until) (?=(?:he|she|it|they)\b)(?<=\d[^,;•=]{1,60} (?:before|after|until) )
    [ ](?:when|while|once|if) (?=(?:all |the |his |her |their |each |every )?(?:\d|he\b|she\b|it\b|they\b|\w+ (?:is|are|was|were|has|have|had|sells?|sold|costs?|makes?|reach\w*|can)\b))(?<=\d[^,;•=]{1,60} (?:when|while|once|if) )
    \sand (?:the (?:other|remaining) )?\d[\d,]* (?:are|is|were|was|do|did|does|have|has|will) not\b
    , the (?:year|day|month|week|age|date) (?=(?:his|her|their|its|the|when|he|she|it|they|in|of|that)\b)
    , (?=the [^,;]{1,80} being\b)
    , as (?=•)
    , (?!(?:leaving|making|giving|bringing|yielding|meaning|total\w*|resulting|being|equal\w*|reaching|costing|earning|getting|saving|coming|obtaining|during|producing|ending|finding|becoming|showing|proving)\b)[a-z]{3,}ing\b
    (?<=[•\d]) (?:occurs?|(?:is|are) (?:taken|attained|reached|achieved|assumed)) (?:at|when|for|if|in)\b
    , (?:so|and|hence|thus) (?:that )?(?:the|his|her|their|our|its|a) (?=[^,;]{1,50}\b(?:(?:is|are|was|were|will be) (?:more than )?(?:enough|sufficient|plenty)|suffices?|sufficed|will do)\b)
    ,? and in \d+ (?:more )?(?:years?|days?|weeks?|months?|hours?|minutes?)\b
    , with(?:out)? (?!.*\b(?:left|remain\w*|over|total|being)\b)`,
  'gi',
)

/** Where the sentence goes back to what it concludes. */
const RETURNS =
  /, (?:and )?(?:so|thus|hence|therefore|which (?:is|are|means|gives|makes|leaves|equals)|giving|leaving|making|meaning|yielding|the answer|we (?:get|have|find|obtain|see)|it (?:is|follows)|there (?:are|is|were|will be)|for a total)\b|;\s|:\s|\s[–—]\s|\)/i

/** Where a conclusion begins that has to state its own value. */
const CONCLUDES = /, (?:and )?(?:so|thus|hence|therefore)\b/i

/** What only leads up to a main clause: "If he had 170 balloons". */
const LEADS_UP =
  /^[\W_]{0,4}(?:(?:and|but|now),? )?(?!(?:after|before|since) (?:the|an?|one|two|three|\d+) \w+ (?:the|he|she|it|they|we|his|her|[A-Z]\w+) )(?:if|when|since|as|because|while|although|though|after|before|given|suppose|assuming|[a-z]{3,}ing)\b[^,]*$/i

/** A value that the words before state: with a verb, behind it or before it. */
const SAYS =
  /(?:\d|•|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,6}teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|half|dozen)\b)/i
const VERB =
  /=|['’]s\b|\b(?:is|are|was|were|be|has|have|had|will|would|can|could|must|should|equals?|gets?|got|gives?|gave|makes?|made|takes?|took|needs?|needed|costs?|pays?|paid|sells?|sold|buys?|bought|saves?|saved|earns?|earned|spends?|spent|leaves?|left|uses?|used|weighs?|travels?|drives?|drove|covered|covers?|eats?|ate|read|reads|comes?|came|becomes?|became|requires?|holds?|conclude|obtain|find|keeps?|kept|finish(?:es|ed)?|ends?|arrives?|turns?|begins?|begun|measures?|scores?|stands?|contains?|remains?|converges?|tends?|approaches|increases?|runs?|ran|owns?|owes?|owed|collect(?:s|ed)|receives?d?|produces?d?|\w{3,}ed)\b/i

/** A calculation, or what comes out, is a step and no circumstance. */
const STEP =
  /=|\b(?:(?:we|I|you|they) (?:can )?(?:\w+ )?(?:find|get|obtain|have|know|see|conclude|deduce|compute)|turns out|in fact|yields?|produces?|which (?:means|puts|brings|makes|takes (?:us|it|him|her|them))|equal to|gives?|leaves|answer|rounded (?:to|off)|averages? to)\b/i

/** A verb, or the sign in a formula: "Hence $a + b = -1$". */
const says = (head: string, written: string): boolean =>
  VERB.test(head) ||
  /^\W*\d[\d,.]*(?: [a-z]+){1,3}$/i.test(head) ||
  (head.includes('•') && /[=<>∈]|\\(?:[lg]eq?|in|neq?)(?![a-z])/.test(written))

/** A reason in another language. */
const FOREIGN = /denn|weil|porque|ya que|car|parce|puisque|perché|poiché|pois|потому|так как|поскольку|因|由于|验证|驗證|проверка|, da$/i

/** How long a sentence may be to be looked at. */
const LONGEST = 800

/** A sentence with its subordinate parts blotted out, as long as it was. They stay where nothing else states a value, or where the problem asks for them. */
export function mainClause(sentence: string, isAsked?: (part: string, head: string) => boolean): string {
  if (sentence.length > LONGEST || !/[\d$\\]/.test(sentence)) return sentence
  const plain = blotted(sentence)
  let out = sentence
  for (const { index, 0: opening } of matchesOf(plain, OPENS)) {
    const head = plain.slice(0, index).split(CONCLUDES).at(-1)!
    // "with $a = 2$, $b = -3$" gives values to letters, other formulas belong to the value.
    if (/^,? (?:with|where) $/.test(opening) && !/^,? \w+ (?:\$|\\\()\s?[a-z]\s?=\s?-?\d/.test(sentence.slice(index))) continue
    const foreign = FOREIGN.test(opening)
    if (!SAYS.test(head) || !(foreign || says(head, sentence.slice(index - head.length, index))) || LEADS_UP.test(head)) continue
    const from = index + opening.length
    const returns = RETURNS.exec(plain.slice(from))
    const end = returns && !foreign ? from + returns.index : plain.length
    const part = sentence.slice(index, end)
    if ((!foreign && STEP.test(plain.slice(index, end))) || !/[\d$\\]/.test(part)) continue
    if (isAsked?.(part, sentence.slice(0, index))) continue
    if (/^\W*which/.test(part) && /\d\s?[-+*/].*=/.test(part)) continue
    out = `${out.slice(0, index)}${' '.repeat(end - index)}${out.slice(end)}`
  }
  return out
}
