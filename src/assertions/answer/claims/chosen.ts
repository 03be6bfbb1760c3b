/** Which letter a sentence chooses among the choices of a question. */

import type { Found } from './numbers.ts'

/** "Option B is correct", "(B) is the answer", "B is right". */
const CORRECT =
  /^(?:.*\s)?[*_]{0,2}(?:(?:option|choice|only)\s+[*_]{0,2}\(?([A-Z])\)?|\(?([A-Z])\)?)[*_]{0,2}\s+(?:(?:is|must be)\s+(?:the\s+)?(?:correct|right|answer|best|left|winner|(?:only\s+)?one(?=\s*(?:[.,;!]|$)|\swith (?:the|a) (?:right|correct)\b|\s(?:we|I|you)\s(?:want|need|seek|look|keep)|\sthat\s(?:works|fits|survives|remains|holds|is (?:right|correct|true|left)|matches|satisfies|agrees|gives)))|remains|works|fits|is (?:our|my) (?:pick|choice|answer)|matches (?:our|the|this|my)\b)/i
/** "the correct choice is B, a linear function", "Correct option:** C. The median is 11." */
const NAMED =
  /\b(?:correct|right|best) (?:choice|option|answer|statement|letter|one)[*_]{0,2}(?: is|[*_]{0,2}:)[\s*_]{1,4}\(?([A-J])(?:\)(?=\W)|(?=\)?[*_]{0,2}(?:[.,;:]|\s*$)))/i
/** "I choose option C here", "not C, but B" */
const CHOSE =
  /\b(?:I|we)(?: would| will|['’]ll|['’]d)? (?:choose|chose|pick|picked|select|selected|go with|go for|went with|went for|mark) (?:option |choice |answer |letter )?\(?([A-J])(?=[\s).,;:]|$)(?!['’])|\b[Nn]ot \(?[A-J]\)?,? but (?:rather )?\(?([A-J])(?=[\s).,;]|$)/
/** "Actually no, B", "Wait, no: A." */
const RATHER =
  /^\W{0,4}(?:actually|wait|hmm|oh|no|sorry|correction|rather|edit)\b[,:]?(?: no\b[,:]?| it(?:['’]s| is)| make that){0,2} \(?([A-J])\)?(?=[,.;:]|\s(?:since|because|as)\b|\s*$)/i
/** "it is C that works" */
const IT_IS = /\bit(?: is|['’]s| must be| has to be) \(?([A-J])\)? (?:that|which)\b/
/** "B because a prime has two divisors" */
const REASONED = /^[\s*_>]{0,6}(?:(?:option|choice) )?\(?([A-HJ])\)?,? (?:because|since)\s/
/** "it has to be B: A and C contradict the table" */
const MUST_BE =
  /\b(?:it|this|that|the answer|the choice)(?:['’]s| is| must be| has to be) \(?([A-J])\)?(?=\s?[:;–—]|\s-\s)|^\W{0,4}(?:(?:so|thus|hence|therefore),? )?(?:option|choice) \(?([A-J])\)? it is\b/i
/** "that makes B the winner" */
const MAKES = /\bmakes \(?([A-J])\)? the (?:answer|winner|correct|right|best|only)\b/
/** "only A has the right units" */
const ONLY =
  /\b[Oo]nly (?:(?:option|choice|statement) )?\(?([A-J])\)? (?:is|has|gives|match(?:es)?|satisfies|makes|can be|agrees|survives|remains|stays|works|fits|holds|passes|meets|qualifies)(?=[\s.]|$)/
/** "Every option but C is wrong" */
const BUT_ONE =
  /\b(?:all|any|every|each)(?: of)?(?: the)?(?: other)? (?:options?|choices?|answers?|statements?|letters?) (?:but|except(?: for)?|other than|apart from|besides) \(?([A-J])\)? (?:is|are|was|were) (?:wrong|false|out|incorrect|impossible|ruled out|eliminated|excluded)\b/i
/** "We eliminate everything except E" */
const ALL_ELSE =
  /\b(?:eliminat(?:e|es|ed|ing)|rul(?:e|es|ed|ing) out|exclud(?:e|es|ed|ing)|discard(?:s|ed|ing)?|strik(?:e|es|ing)(?: out)?) (?:everything|all(?: of them)?|all (?:the )?(?:other )?(?:options|choices|answers)|every (?:option|choice|answer)) (?:but|except(?: for)?|other than) \(?([A-J])\)?\.?$/i
/** "leaves E" */
const LEFT = /\b(?:leaves|leaving)(?: us with)?(?: only)?(?: option| choice)? \(?([A-J])\)?\.?$/
/** "Statements A and C are true" */
const SEVERAL =
  /^[\s*_>]{0,6}(?:so |thus |hence |therefore )?(?:(?:only )?(?:the )?(?:statements?|options?|choices?) |both )((?:[A-J], ){0,6}[A-J],? and [A-J]) (?:(?:are|is) (?:both )?(?:true|correct|right|valid)|hold)\b(?!\s(?:or|only|if|unless|when)\b)/i
/** Whether a sentence leaves one choice by setting it apart from all that it refuses. */
export const leavesOne = (sentence: string): boolean => ALL_ELSE.test(sentence.trimEnd())

/** "Option C (12 m) is the only one" */
const REMARKED = /(?<=\b(?:[Oo]ption|[Cc]hoice) |^[\W_]{0,4})(\(?[A-J]\)?) \([^()]{1,60}\)(?= is\b)/g
/** "option (C), i.e. 0.33" */
const WITH_VALUE =
  /\b(?:option|choice|letter|is|be|choose|pick|select) [*_]{0,2}\(?([A-J])\)?[*_]{0,2}(?:,? \(?(?:i\.e\.,?|that is,?|namely,?|with (?:the |a )?value(?: of)?)|,? which (?:is|says|reads|equals|has(?: the value)?)|, (?:or|at)) [$\\(*]{0,3}[-−]?\d[^;:?!]{0,40}$/
/** What says of a choice that it is none. */
const UNFIT = /\b(?:not|wrong|incorrect|false|out|fails?|never|impossible|unlike)\b|n['’]t\b/i
/** The letter before belongs to it: "A and B", "none of A". */
const LISTED =
  /(?:\b[A-J]\)?,?\s?(?:and|or|nor|to|through|[,/&–-])|\b(?:both|none of|neither|if|when|unless|whether|suppose))\s*(?:(?:option|choice)\s)?$/i

/** The letter that a sentence chooses, or the `several` that it calls right. */
/** "So it's option A: $49.50." */
const WITH_TEXT =
  /\b(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore|is|['’]s|choose|pick)\s(?:it is |it['’]s |that is |the answer is )?(?:option|choice) \(?([A-J])\)?\s?[:=–—-]\s?[^\n]{1,80}$/

export function chosenIn(whole: string, several = false): Found | undefined {
  const sentence = whole.slice(-400).replace(REMARKED, (_, letter) => letter)
  const found = (match: RegExpExecArray | null, text?: string): Found | undefined =>
    match
      ? {
          text: text ?? (match[1] ?? match[2]).toUpperCase(),
          at: whole.length - sentence.length + match.index + match[0].lastIndexOf(match[1] ?? match[2]),
        }
      : undefined
  if (several) {
    const all = SEVERAL.exec(sentence)
    return all ? { text: all[1].replace(/,? and /i, ', '), at: whole.length - sentence.length } : undefined
  }
  const withText = WITH_TEXT.exec(sentence)
  if (withText) return found(withText)
  const left = LEFT.exec(sentence) ?? BUT_ONE.exec(sentence) ?? ALL_ELSE.exec(sentence.trimEnd())
  if (left) return found(left)
  const correct = CORRECT.exec(sentence.slice(-200))
  const letter = correct?.[1] ?? correct?.[2]
  if (correct && letter) {
    const at = sentence.slice(-200).lastIndexOf(letter, correct[0].length)
    if (!LISTED.test(sentence.slice(-200).slice(0, at))) return { text: letter, at: whole.indexOf(sentence.slice(-200)) }
  }
  const named =
    RATHER.exec(sentence) ??
    NAMED.exec(sentence) ??
    IT_IS.exec(sentence) ??
    CHOSE.exec(sentence) ??
    MAKES.exec(sentence) ??
    MUST_BE.exec(sentence)
  if (named) return found(named)
  const valued = WITH_VALUE.exec(sentence)
  if (valued && !LISTED.test(sentence.slice(0, sentence.indexOf(valued[1], valued.index)).replace(/\($/, ''))) return found(valued)
  const behind = (match: RegExpExecArray): string => sentence.slice(match.index + match[0].length)
  const reasoned = REASONED.exec(sentence)
  if (reasoned)
    return /\b(?:is|are) (?:out|wrong|false|incorrect|not (?:it|right|correct))\.?$/i.test(sentence) ? undefined : found(reasoned)
  const only = ONLY.exec(sentence)
  return only && !UNFIT.test(behind(only)) ? found(only) : undefined
}

/** What a letter at the end of a sentence is chosen by. */
const CHOOSES =
  /(?:\b(?:is|be|['’]s|choose|chose|pick|select|mark|answer|option|choice|only|leaves|leaving|letter|with|to|gives|get|so|therefore|thus|hence|matches|statement|say)|[:=>→⇒])\s*[*_(]*$/i

/** The letter that a sentence ends in and chooses. */
export function lastLetter(sentence: string): Found | undefined {
  const tail = sentence.slice(-60)
  const chosen = /(?:^|[\s([*])([A-Z])[)\]*]{0,3}\.?$/.exec(tail)
  if (!chosen || /(?:\b(?:and|or|nor|both|not)|[,/&])\s*\(?[A-Z]\)?\.?$/.test(tail)) return undefined
  const at = chosen.index + chosen[0].indexOf(chosen[1])
  return CHOOSES.test(tail.slice(0, at)) || /^[\s([*]*$/.test(sentence.slice(0, sentence.length - tail.length + at))
    ? { text: chosen[1], at: sentence.length - tail.length + at }
    : undefined
}
