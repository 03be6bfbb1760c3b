/**
 * The role that a sentence or clause plays in a response, told by its own words: it concludes, it only states, or it elaborates
 * on what was concluded. Of an elaboration no number is the answer.
 */

import { effectOf, isEarlierAttempt } from './corrections.ts'
import { cues } from './cues.ts'

/** Elaborations, as the reason names them. */
export type Elaboration =
  | 'example'
  | 'check'
  | 'note'
  | 'counterfactual'
  | 'comparison'
  | 'contrast'
  | 'consequence'
  | 'aside'
  | 'remark'
  | 'approximation'

/** For messages. */
export const NAMED_ROLE: Readonly<Record<Elaboration, string>> = {
  example: 'an example',
  check: 'a check',
  note: 'a note',
  counterfactual: 'a case contrary to fact',
  comparison: 'a comparison',
  contrast: 'a remark on another thing',
  consequence: 'a consequence',
  aside: 'a remark in brackets',
  remark: 'a remark',
  approximation: 'a rounded form',
}

/** What a part of a response does. `weight` of an elaboration says how sure that is, 1 to 4; of a conclusion how clearly it is one. */
export type Role = { is: Elaboration; weight: number } | { is: 'conclusion'; weight: number } | { is: 'statement'; weight: 0 }

const STATEMENT: Role = { is: 'statement', weight: 0 }

/** What opens a conclusion, or turns a sentence into one. */
const CONCLUDES = cues(
  String.raw`
    ^[\W_]{0,6}(?:and |but |now |\([a-z]\) )?(?:so|thus|hence|therefore|consequently|accordingly|altogether|overall|finally|ergo|rounded|rounding)\b(?! far\b)
    ^[\W_]{0,6}(?:in (?:total|all|conclusion|summary|short|the end)|to (?:sum up|conclude|summari[sz]e)|all in all|as a result|for a total)\b
    ^[\W_]{0,6}(?:it follows|we (?:conclude|see that|get|obtain|find|have)|(?:this|that|which) (?:means|shows|implies|gives|yields|proves))\b
    [,;:][$)]{0,2} (?:and |so )?(?:so|thus|hence|therefore|consequently|which means|that is why|for a (?:final|total)|giving|leading to)\b(?! far\b)
    \b(?:is|are|must|would|has|have|can) (?:thus|therefore|hence|then|now)\b|\bwe (?:find|see|get|obtain|have)\b
    \b(?:therefore|thus|hence),?\s
    \b(?:in total|in all|altogether)[.!*\s]*$
    [∴⇒]|\\(?:therefore|implies|Rightarrow)\b`,
)
/** What answers a question by its subject. */
const ANSWERING = cues(
  String.raw`
    \bthe (?:\w+ )?(?:largest|smallest|greatest|least|most|fewest|longest|shortest|highest|lowest|biggest|first|last|only)\b[^.;]{0,120}(?:\b(?:is|are|was)\b|=)
    \b(?:the|our|my|its|their) (?:\w+[ -]){0,3}(?:answer|result|total|sum|solutions?|roots?|probability|value|number|area|volume|perimeter|length
      |distance|cost|price|product|quotient|range|domain|set|ratio|average|mean|median|expression|derivative|formula|midpoint|graph|points?
      |side|age|percentage|fraction|maximum|minimum)\b[^.;]{0,120}(?:\b(?:is|are|equals|was|were)\b|=)`,
)
/** "Total:", "(c) total:", "**Integer roots:**" */
const LABELLED = /^[\W_]{0,6}(?:\([a-z\d]\) ?)?(?:[a-z][\w'’-]* ){0,4}[a-z][\w'’-]{2,}[*_]{0,2}:(?!\S*\/\/)/i
/** A value set off from the text at the end. */
const SET_OFF = /(?:\*\*[^*\n]{1,200}\*\*[^\w$]{0,4}(?:[a-z²³ ]{1,40}\.?)?|\$\$[\s.]{0,4}|\\\][\s.]{0,4})$/i

/** "is 48.", "has 54 plums left.", "$f'(x) = 2x$." */
const ENDS_IN_VALUE =
  /(?:=|\b(?:is|are|equals|makes?|has|have|costs?|needs?|takes?|gets?|works|totals|(?:comes?|amounts?|adds? up|works?)(?: out)? to)\b)\s(?:(?:now|currently|exactly|only|just|still|thus|therefore|about) )?[^\w\s]{0,3}[\d√π][^=;:]{0,40}$|(?:=|\b(?:is|are) \$)[^=$]{1,200}\$(?: [a-z]{1,15}){0,4}[\s.*]{0,4}$|(?:<=?|>=?|≤|≥)\s?[$€£]?\d[\d.,]*$/i

const EXAMPLE = cues(
  String.raw`
    ^[\W_]{0,6}(?:and |so )?(?:try [$\\(]{0,3}[a-z]\s?=|for (?:example|instance)|as an (?:example|illustration|instance)|to illustrate|e\.g\.|one example\b|an example\b)
    \bfor (?:example|instance)\b|\be\.g\.|\bis (?:one of them|an example)\b|\bjust to illustrate\b`,
)
/** "for n = 3 this is 12", "At x = 1 this would be" */
const INSTANCE = /^[\W_]{0,4}(?:and )?(?:for|at|with|when)\s[$\\(]{0,3}[a-z]\s?=[^.;]{1,40}?\b(?:this|it|that|the formula|both sides)\b/i
/** ", such as 5" */
const SUCH_AS = /^[\W_]{0,4}(?:such as|like|among them|including|say)\b/i
const CHECKS = cues(
  String.raw`
    ^[\W_]{0,6}(?:as )?(?:an? )?(?:(?:quick|sanity|final|simple|numerical|cross|double)[ -]?){0,3}(?:check|test|verification|proof)(?:ing)?[*_]{0,2}(?::|,? (?:of|with|for)\b|,)
    ^[\W_]{0,6}(?:to (?:double-? ?|cross-? ?)?(?:check|verify|confirm|test)|(?:we|you|one) can (?:easily |also |quickly )?(?:check|verify|confirm)
      |let(?:['’]s| us| me) (?:double-? ?|quickly )?(?:check|verify|confirm|test)|sure enough|indeed|it checks out)\b
    \b(?:just )?as an? (?:\w+ )?(?:sanity )?check\b
    ^[\W_]{0,6}(?:plug(?:ging)?|substitut(?:e|ing)) (?:[^.;=]{1,30} )?back\b
    ^[\W_]{0,6}(?:this|that|and it|it) (?:indeed |also |exactly )?(?:matches|agrees with|satisfies|fits) (?:the|our|both|all) (?:\w+ )?(?:given|original|stated|equations?|conditions?|problem|requirements?)\b
    ,? as (?:required|needed|desired|given|stated)(?: (?:by|in) [^.;]{1,40})?[.!\s✓]{0,4}$`,
)
/** A check that fails, or ends in a result, is none. */
const CORRECTS =
  /\b(?:not|wrong|fails?|failed|error|mistake|incorrect|contradict\w*|but|however|should|reject|discard|answer|find|only)\b|n['’]t\b|[≠✗✘❌]|\\neq?\b/i
const NOTE = cues(
  String.raw`
    ^[\W_]{0,6}(?:this|that|it|which) (?:corresponds to|is (?:the same as )?(?:option|choice|answer choice|answer)) (?:\w+ )?[(\[]?(?:\d|[A-J])\b
    \b(?:by contrast|in contrast|on the other hand|meanwhile|conversely)\b
    ^[\W_]{0,6}(?:common (?:mistakes?|errors?|pitfalls?)|pitfalls?|key (?:takeaways?|points?|ideas?)|takeaways?|why (?:this|it) works|intuition|remarks?|tips?|warning|caution|alternative(?:ly| approach| method)?|another (?:way|approach|method)|explanation|reason(?:ing)?|extension|bonus)\b[^:.\n]{0,30}[*_]{0,2}:
    ^[\W_]{0,6}(?:do(?: not|n['’]t)|never|one should not) (?:confuse|mix|mistake|forget)\b
    ^[\W_]{0,6}(?:this|the(?: above)?|my|our) (?:solution|calculation|computation|method|approach|proof|argument|derivation|explanation)(?: above)? (?:took|takes|used|uses|needs|needed|has|had|contains|required|requires|consists)\b
    ^[\W_]{0,6}(?:continuing (?:the|this) pattern|a common mistake|forgetting (?:to|that|the))\b
    ^[\W_]{0,6}I (?:just |simply |first |then )?(?:got|found|obtained|computed|calculated|multiplied|added|subtracted|divided|used|took|assumed|counted|rounded|converted|applied|did|set up|interpreted) (?!a mistake|an error)
    ^[\W_]{0,6}(?:and )?(?:please )?(?:note|notice|observe|remember|recall|remark|keep in mind|bear in mind|be aware|mind you|nota bene|n\.b\.)\b
    ^[\W_]{0,6}(?:by the way|btw|incidentally|interestingly|curiously|amusingly|surprisingly|in passing|trivia|fun fact|side note|p\.? ?s\.?)\b
    ,? as (?:it should(?: be)?|expected|required)(?: (?:for|in|by|with|from) [^.;,=\d]{1,60})?[.!\s]{0,3}$
    ,? (?:for comparison|by the way|incidentally|of course|for reference)\b,?
    ^[\W_]{0,6}(?:as (?:an aside|a side ?note|a curiosity|a remark|a bonus)|on a side ?note|for (?:the )?(?:reference|record|context|completeness|curious))\b
    ^[\W_]{0,6}(?:it is|it['’]s|that is) (?:also )?(?:worth (?:noting|mentioning)|interesting|remarkable|no coincidence|a coincidence)\b
    \b(?:friend|student|classmate|neighbou?r|teacher|he|she|they|guess|estimate) (?:was|were|is|are) (?:only |just )?off by\b`,
)
/** What a response says of a thing to have it left out. */
const IRRELEVANT = cues(
  String.raw`
    \b(?:my|our) (?:earlier|previous|first|initial|old|original) (?:value|answer|result|guess|count|estimate|total|attempt) (?:of [$€£]?\d|was (?:off|wrong|too|incorrect|a mistake|[$€£]?\d))
    ^[\W_]{0,6}(?:method|approach|way|route) (?:\d|one|two|three|[AB]) (?:used|was|went|took|counts|counted)\b
    \b(?:but|although|though|which|and) (?:that|this|it|which|they|those)?\s?(?:(?:is|was|are|were)(?: not|n['’]t) (?:what (?:is|was)
      |asked|needed|wanted|the question|relevant|required|part of|of interest)|(?:does(?: not|n['’]t)|plays? no)\s?(?:matter|role|count|concern)|(?:we|I) (?:have no|do(?: not|n['’]t) have any) (?:use|need) for
      |(?:is|was) (?:just |only |merely |pure |a )*(?:coincidence|irrelevant|beside the point))
    \bbut (?:only )?[^.;,]{1,40} (?:is|was|are) (?:asked|needed|wanted|required)(?: for)?\b
    \b(?:but|although|though) (?:the|our) (?:question|problem|task) (?:is|was|asks?|asked|wants?|concerns?) (?:about|for|only)\b
    \b(?:but|although|though) (?:it|that|this) (?:does(?: not|n['’]t)|is(?: not|n['’]t)|did(?: not|n['’]t)|was(?: not|n['’]t))[\s.!]{0,3}$`,
)
/** A case that is contrary to fact. */
const CONTRARY = cues(
  String.raw`
    ^[\W_]{0,6}(?:and )?had [^.;]{1,120}\b(?:would|might|could)\b|\bwould\b[^.;]{1,80}\bhad (?:he|she|it|we|they|you|the|there)\b
    \bif (?:[\w'’]+ ){1,8}(?:had|were|was|did|could|hadn['’]t|weren['’]t|wasn['’]t|didn['’]t|couldn['’]t|[a-z]{2,}ed)\b[^.;]{0,120}(?:\bwould|['’]d)\b
    ^[\W_]{0,4}(?:with|without|by|for|using|under|at)\b[^.;=]{1,80},? (?:it|this|that|the \w+(?: \w+)?|there|you|we|one|he|she|they) (?:would|['’]d)\b
    \bwould\b[^.;]{1,80}\bif (?:[\w'’]+ ){1,8}(?:had|were|was|did|could|[a-z]{2,}ed)\b
    \bwould have (?:been|had|made|given|cost|taken|got)\b|\b(?:instead|otherwise)\b[^.;]{0,80}\bwould\b|\bwould\b[^.;]{0,80}\b(?:instead|otherwise)\b`,
)
const WOULD = /\bwould\b/i
/** "I would say 5" and "that would be 30" state. */
const WOULD_SAY =
  /\b(?:I|we) would (?:say|conclude|answer|go)\b|(?:^[\W_]{0,6}(?:so |then |and )?(?:that|this|it|which)|\b(?:answer|total|result|sum|ratio|value|number|probability|area)) would (?:\w+ )?(?:be|make|give|equal|come)\b|\bwould then\b/i
const COMPARES = cues(
  String.raw`
    ^[\W_]{0,4}(?:(?:just|only|slightly|much|far|a (?:bit|little|lot)|almost|about|exactly|roughly|twice|three times|half) )*(?:more|less|fewer
      |higher|lower|larger|smaller|greater|bigger|better|worse|shorter|longer|older|younger|cheaper|as (?:many|much|large|old|long)) (?:\w+ )?(?:than|as)\b
    ^[\W_]{0,4}(?:just|only|slightly|well|far|a (?:bit|little)|clearly|way) (?:above|below|over|under|ahead of|behind|beyond|within|inside)\b
    ^[\W_]{0,4}(?:and )?(?:which|this|that|it|they)(?:['’]s| is| are| was| were| lies?| stays?)(?: (?:just|only|slightly|well|far|still|clearly|way|safely|indeed|also|not|a (?:bit|little)))* (?:above|below|over|under|within|beyond|short of|(?:less|more|fewer|greater|smaller|larger|bigger|lower|higher|shorter|longer|older|younger|cheaper) than|close to|near|not far from) (?:the|his|her|its|their|our|that of|those of)\b[^=]*$
    ^[\W_]{0,6}at (?:that|this) (?:rate|pace|speed|price)\b[^=]*$
    ^[\W_]{0,6}(?:for|by|in) (?:comparison|contrast)\b|^[\W_]{0,6}(?:compared?|compare this|as opposed|in comparison|relative) (?:to|with)\b`,
)
/** "That is 12 more than she picked" */
const REMARKS_MORE =
  /^[\W_]{0,4}(?:that|this|which|it)(?:['’]s| is| was| makes| means)\s(?:just |only |exactly |about |still |also )?(?:[$€£]?\d[\d.,]*|an? \w+|\w+)(?: [a-z]+){0,3}? (?:below|above|under|over|short of|away from|more|less|fewer|higher|lower|larger|smaller|greater|longer|shorter|older|younger|times as|times the|percent of|% of)\b/i
/** What was before, or of another: "before the stop there were 6". */
const EARLIER =
  /^[\W_]{0,4}(?:before|earlier|originally|initially|at first|previously|at the (?:start|beginning|outset)|in the beginning|last (?:week|year|month)|yesterday)\b[^.;]{0,80}\b(?:was|were|had)\b/i
/** "He started with 50 and gave away 19.", "Her current total is 85.": what was given, told once more. */
const GIVEN =
  /^[\W_]{0,4}(?:(?:he|she|it|they|we|[A-Z][a-z]+|the \w+) (?:originally |initially )?(?:started|began|start|begins?) (?:out )?with\b|(?:his|her|its|their|the) (?:current|original|initial|starting|given)\b|(?:recall|given|originally|initially)\b)/i
/** "Confidence: 95%", "Source: Problem 7", "Given: 5 tickets": what stands beside a solution. */
const BESIDE =
  /^[\W_]{0,8}(?:confidence|certainty|difficulty|source|references?|topics?|level|rating|solution time|time (?:taken|spent|needed to solve)|given|known(?: values)?|key facts?|facts|assumptions?|inputs?|formulas? used|rules? used|method used|steps? used|concepts?|tags?|page|chapter|tokens?|word count|note|notes|units?|p\.?s\.?)\b[^:.\n]{0,20}[*_]{0,2}:/i
/** "Für x = 0 ergibt sich zum Vergleich 1" */
const FOREIGN_NOTE =
  /\b(?:zum Vergleich|zur Kontrolle|nebenbei bemerkt|por cierto|a modo de comparación|à titre de comparaison|soit dit en passant|per confronto)\b/i
/** "In other words, in 8 trials one expects 7", "In percent: 87.5" */
const RESTATES = /^[\W_]{0,4}(?:in other words|put differently|equivalently|in percent(?:age)?s?|as a percentage|in decimals?)\b/i
/** "As a decimal this is about 0.28." */
const APPROXIMATES =
  /^[\W_]{0,4}(?:as a decimal|in decimal(?:s| form)|numerically|as a percent(?:age)?|(?:this|that|it|which)(?: is|['’]s) (?:approximately|about|roughly|around|nearly|≈|\$?\\approx)|approximately)\b/i
/** "The maximum is taken at x = 90" */
const TAKEN_AT = /^[^,;]{0,60}\b(?:is|are) (?:taken|attained|reached|achieved|assumed) (?:at|for|when|in|if)\b/i
/** "For k = 6 the inequality fails" */
const FAILS_AT =
  /^[\W_]{0,4}(?:but |and )?(?:for|with|at|when|if)\s[$\\(]{0,3}[a-z]\s?=[^.;]{1,60}\b(?:fails?|does(?: not|n['’]t)|is (?:false|violated|not)|breaks|no longer)\b/i
/** "the other root is negative" */
const OTHER_OUT =
  /^[\W_]{0,4}(?:and |but |while )?(?:the|its) (?:other|second|remaining|third)\b[^.;]{0,120}(?:\b(?:negative|not|complex|imaginary|extraneous|rejected|discarded|invalid|impossible|irrelevant|too \w+|outside|out of|no)\b|n['’]t\b)/i
const OF_ANOTHER = cues(
  String.raw`
    ^[\W_]{0,4}(?:and )?(?:that|those|the one|the ones) (?:of|for)\b
    ^[\W_]{0,4}(?:and )?(?:its|their|his|her)\s(?!(?:\w+ ){0,2}(?:answer|total|result|value|sum|product|difference|average|mean|number|ratio)\b)
    ^[\W_]{0,4}(?:and )?the (?:complementary \w+|other|remaining|rest|complement(?:ary)?|opposite|second|next|previous|day after|day before)\b`,
)
/** "for white it is 7/12" */
const FOR_ANOTHER =
  /^[\W_]{0,4}(?:and |but |while )?for (?:an? |the )?((?:[a-z]+ ){0,2}[a-z]{3,})(?: of \d+)?,? (?:it|this|that|there|he|she|they)(?:['’]s| is| are| would be| has)\b/i
/** White of "for white it is 7/12". Empty: the clause is no such one. */
export const forWhom = (clause: string): string => FOR_ANOTHER.exec(clause)?.[1] ?? ''
/** "A heptagon already has 14." */
const EVEN_OTHER = /^[\W_]{0,4}(?:for )?(?:an?|two|three|four|five) [a-z]+ (?:already|even|by contrast) [a-z]+\b/i
/** What follows from the conclusion, or what it is like. */
const FOLLOWS =
  /^[\W_]{0,4}(?:and )?(?:of which (?:only )?[$\\(]{0,3}\d|(?:[$\\(]{0,3}[-\d]\S{0,12}|no other \w+) (?:is|are|does|do|would)(?: not|n['’]t)\b|(?:which|this|it|that)\s(?:then |also |in turn )?(?:tends?|approaches|converges|goes|grows|agrees|matches|corresponds|is (?:an? |the )?(?:even|odd|prime|square|cube|perfect|triangular|multiple|well[- ]known|famous|known|same as|familiar|reasonable|plausible))\b)/i
/** ", of which 0 must be rejected" */
const REJECTS = /\b(?:rejected|discarded|extraneous|inadmissible|ruled out|excluded)\b/i
const LEAVES = /^[\W_]{0,4}(?:and )?(?:which|this|that) (?:leaves|left|would leave)\b/i
const IT_IS = /^[\W_]{0,4}(?:and )?(?:it|they|this|he|she) (?:is|are|lies?|has|have|was|were)\b/i

/** "(and not 63, a usual slip).", "(The median would be 6.)": a paragraph of its own. */
const BRACKETED = /^\((?=[^()]{0,200}[a-z]{3})(?:[^()]|\([^()]{0,80}\)){3,300}\)[.\s]{0,3}$/
const SET_APART =
  /^\((?:and |but )?(?:not|rather than|instead of|as opposed to|unlike|many|some|most|people|students|a (?:common|usual|frequent|typical|popular))\b(?!.*\b(?:but|actually|so|therefore|thus|hence)\b)/i
const LIMITS = /\b(?:I|if|else|otherwise|unless|or)\b/i
const SETS_APART = /^\((?:and |but )?(?:not|rather than|instead of)\b/i

/** "and the next one is 128", "and after that at minute 48": what follows in a series, or stood before. */
const IN_SERIES =
  /^[\W_]{0,4}(?:(?:and|then|with) )?(?:the (?:(?:next|following|second|third|previous|preceding)(?! (?:[a-z]+est|odd|even|prime)\b)(?: (?:ones?|such(?: [a-z]+)?|time|solutions?|values?))?|(?:ones?|number|time) (?:before|after|following|preceding))\b[^.;=]{0,30}?\s(?:is|are|was|being|would be|at|comes|follows?)\b|(?:after|before) (?:that|it|this|them),? (?:[a-z]+ ){0,3}(?:at|in|on|come|comes|is)\b)[^=]*$/i
/** "and each shirt thus costs more than $4": a bound of every one. */
const BOUNDED =
  /^[\W_]{0,4}(?:(?:and|so|but|thus|hence) )?(?:that )?(?:each|every|no|none|all|any|both|neither)\b[^.;=]{0,80}\b(?:(?:more|less|fewer|larger|greater|smaller|longer|shorter|higher|lower|older|younger|heavier|lighter|wider) than|at (?:least|most)|below|above|under|over|beyond)\s[*$€£\\(]{0,4}\d[^=]*$/i
/** What a question asks with where these answer it. */
const ASKED_WITH: readonly (readonly [RegExp, RegExp])[] = [
  [IN_SERIES, /\b(?:second|third|fourth|next|following|after|previous|preceding|before|other|last|both)\b/i],
  [BOUNDED, /\b(?:each|every|per|at (?:least|most)|minimum|maximum|minimal|maximal|apiece|average)\b/i],
]

/** Whether a clause says what the question asks for, in words that the main clause before it has not. */
export const answersInstead = (clause: string, head: string, question: string): boolean =>
  ASKED_WITH.some(([role, words]) => {
    const asked = role.test(clause) ? words.exec(question)?.[0] : undefined
    return asked !== undefined && !head.toLowerCase().includes(asked.toLowerCase())
  }) ||
  isOfDegreeAsked(clause, question) ||
  (IN_SERIES.test(clause) && /\d, (?:and )?[-−]?\d/.test(head)) ||
  (COUNTED_ON.test(clause) && COUNTED.test(head) && !/\bfirst\b/i.test(question))
const OF_DEGREE =
  /^\W*(?:so |and |thus |hence )?(?:the|its|their) (larger|smaller|largest|smallest|greater|greatest|least|bigger|positive|negative|older|younger|longer|shorter)(?: (?:one|root|number|solution|value|of (?:them|these|the two)))? (?:is|=|being)\b/i
/** "The roots are -8 and 3; the larger one is 3." where the larger one is asked for. */
function isOfDegreeAsked(clause: string, question: string): boolean {
  const degree = OF_DEGREE.exec(clause)?.[1]
  return degree !== undefined && new RegExp(String.raw`\b${degree}\b`, 'i').test(question)
}
/** "One solution is 1 and the second solution is 5": both are told. */
const COUNTED = /\b(?:one|first)\b/i
const COUNTED_ON = /^\W*(?:and )?the (?:second|third|next|following)\b/i

/** Whether words conclude, whatever else they do. */
export const concludes = (text: string): boolean => CONCLUDES.test(text) || /\b(?:answer|in total|altogether)\b/i.test(text)

/** An operation that is carried out. */
const CALCULATES = /[\d)}]\s?(?:[-+−*/×·÷]|\\(?:times|cdot|div)\b)\s?[^=]{1,60}=/

/** ", so she will no longer be twice as old": it concludes no value. */
const PLAIN_RESULT = /,? (?:so|thus|hence|therefore|which means)\b[^\d$\\]{1,200}$/i

/**
 * "If letters couldn't repeat, there would be 4 * 3 * 2 = 24.": a case contrary to fact whose calculation is supposed, too. Many steps
 * are told like that, so something else has to say that the answer stands before it.
 */
export const isSupposed = (sentence: string): boolean => {
  const said = sentence.slice(0, 600)
  const calculation = CONTRARY.test(said) && !concludes(said) ? CALCULATES.exec(said) : null
  return calculation !== null && /(?:\bwould|['’]d)\b/i.test(said.slice(0, calculation.index))
}

/** The role of a sentence. */
export function roleOfSentence(sentence: string): Role {
  if (BESIDE.test(sentence) || FOREIGN_NOTE.test(sentence)) return { is: 'note', weight: 5 }
  if (isEarlierAttempt(sentence, '')) return { is: 'contrast', weight: 4 }
  const said = sentence.slice(0, 600).replace(PLAIN_RESULT, '')
  if (said.startsWith('(') && BRACKETED.test(said) && effectOf(said.replace(SETS_APART, '')) === 'nothing') {
    if (SET_APART.test(said) || (!SETS_APART.test(said) && !concludes(said) && !CALCULATES.test(said) && !LIMITS.test(said)))
      return { is: 'aside', weight: 4 }
  }
  if (effectOf(said) === 'withdraws' || effectOf(said) === 'doubts') return { is: 'conclusion', weight: 1 }
  if (IRRELEVANT.test(said) && !concludesFirst(said)) return { is: 'contrast', weight: 4 }
  if (NOTE.test(said) && !concludes(said)) return { is: 'note', weight: 4 }
  if (EXAMPLE.test(said) && !concludes(said)) return { is: 'example', weight: 4 }
  if (CHECKS.test(said) && !CORRECTS.test(said) && !concludes(said)) return { is: 'check', weight: 4 }
  if (CONTRARY.test(said) && !concludes(said) && !CALCULATES.test(said)) return { is: 'counterfactual', weight: 4 }
  if (COMPARES.test(said) && !concludes(said) && !CALCULATES.test(said)) return { is: 'comparison', weight: 4 }
  if (REMARKS_MORE.test(said) && !concludes(said) && !CALCULATES.test(said)) return { is: 'comparison', weight: 2 }
  const weight = conclusionWeight(said)
  if (weight > 0 && concludes(said)) return { is: 'conclusion', weight }
  if (INSTANCE.test(said) && !CALCULATES.test(said)) return { is: 'example', weight: 3 }
  if (OTHER_OUT.test(said) || FAILS_AT.test(said) || TAKEN_AT.test(said)) return { is: 'contrast', weight: 4 }
  if (CALCULATES.test(said)) return weight > 0 ? { is: 'conclusion', weight } : STATEMENT
  if (WOULD.test(said) && !WOULD_SAY.test(said)) return { is: 'counterfactual', weight: 2 }
  if (RESTATES.test(said) && !/\b(?:answer|total|so|thus)\b/i.test(said)) return { is: 'approximation', weight: 4 }
  if (GIVEN.test(said) && !said.includes('=')) return { is: 'contrast', weight: 4 }
  if (EARLIER.test(said)) return { is: 'contrast', weight: 3 }
  if (EVEN_OTHER.test(said)) return { is: 'comparison', weight: 4 }
  if (OF_ANOTHER.test(said) || (FOR_ANOTHER.test(said) && !said.includes('='))) return { is: 'contrast', weight: 2 }
  return weight > (ENDS_IN_VALUE.test(said) ? 1 : 0) ? { is: 'conclusion', weight } : STATEMENT
}

/** Whether a sentence shows no sign of a step or conclusion but perhaps a value. */
export const isPlain = (sentence: string): boolean =>
  !concludes(sentence) &&
  !/\b(?:gives?|yields?|makes|becomes|equals)\b/i.test(sentence) &&
  !CALCULATES.test(sentence) &&
  ![ANSWERING, LABELLED, SET_OFF].some((sign) => sign.test(sentence.slice(-600)))

/** "The coupon brings this down to $55.": it goes on with the same quantity. */
export const CHANGES_IT =
  /\b(?:brings?|reduces?|lowers?|raises?|takes?|cuts?|drops?)\s(?:this|it|that|the (?:price|total|cost|amount|bill|sum|number))\s(?:down |up |further )?to\s(?:just |only )?[$€£•\d]/i
/** "After buying 4 more he has 12.", "Then", "The difference is": a step that goes on from what was concluded. */
const SEQUEL =
  /^[\W_]{0,6}(?:and |but )?(?:then|now|next|after(?:wards)?|later|finally|first|second(?:ly)?|third|lastly|adding|add|subtract\w*|multiply\w*|divid\w*|dividing|combin\w*|using|use|since|because|when|if|given|from|with|we|I|let|solving|taking|so|thus|hence|this|that|these|those|it|which|he|she|they|there|both|each|to|for|in|on|at|by|of|out of|therefore|together|all|the (?:total|sum|difference|product|answer|result|rest|remaining|average|final|other|whole|number|amount|cost|price|probability|ratio|new|combined|two))\b|\b(?:then|now|therefore|also|more|another|answer|however|furthermore|moreover|additionally|must|equals?|left|remain\w*|altogether|total|so)\b/i
export const isSequel = (sentence: string): boolean =>
  SEQUEL.test(sentence) ||
  CHANGES_IT.test(sentence) ||
  /=|\\(?:Rightarrow|implies|iff|Longleftrightarrow)(?![a-z])/.test(sentence) ||
  !/[a-z]{3,} [^.]{0,80}\b(?:is|are|was|were|has|have|had|\w{2,}s|\w{2,}ed)\b/i.test(sentence)

/** Whether a sentence opens as a conclusion does and ends in its value. */
export const isOpenConclusion = (sentence: string): boolean =>
  CONCLUDES.test(sentence.slice(0, 24)) &&
  (ENDS_IN_VALUE.test(sentence) || SET_OFF.test(sentence) || (sentence.length < 160 && /^[^=]*\d[^=\d]{0,80}$/.test(sentence)))

/** Whether a sentence gives a rounded form of an exact value before it: "As a decimal this is about 0.28." behind "it is 5/18". */
export const isRounding = (before: string, said: string): boolean =>
  APPROXIMATES.test(said) && !/\bround/i.test(said) && /\d\/\d|\\[dt]?frac|\\sqrt|√|\\pi|π|\^/.test(before)

/** Whether words are a step of the solution: they conclude or carry out an operation. */
export const isStep = (text: string): boolean => CONCLUDES.test(text) || CALCULATES.test(text)

/** The conclusion comes first and a remark behind it: a clause of its own. */
const concludesFirst = (text: string): boolean => CONCLUDES.test(text.slice(0, 14))

/** The role of a clause at the end of a sentence, behind another that states something. `joint` joins the two. */
export function roleOfClause(clause: string, joint: string): Role {
  const said = clause.slice(0, 400)
  if (joint === '(' && /^\W{0,3}mod(?:ulo)?\b/.test(said)) return STATEMENT
  if (joint === '(') return effectOf(said) === 'nothing' && /(?<!\\)\b[a-z]{3,}\s/i.test(said) ? { is: 'aside', weight: 4 } : STATEMENT
  if (effectOf(said) !== 'nothing' || REJECTS.test(said)) return STATEMENT
  if (IRRELEVANT.test(said)) return { is: 'contrast', weight: 4 }
  if (BOUNDED.test(said)) return { is: 'comparison', weight: 4 }
  if (CONCLUDES.test(said) || /^[\W_]{0,4}but\b/i.test(said)) return STATEMENT
  if (IN_SERIES.test(said)) return { is: 'contrast', weight: 4 }
  if (EXAMPLE.test(said) || SUCH_AS.test(said)) return { is: 'example', weight: 4 }
  if (INSTANCE.test(said)) return { is: 'example', weight: 4 }
  if (COMPARES.test(said)) return { is: 'comparison', weight: 4 }
  if (OTHER_OUT.test(said) || EARLIER.test(said) || TAKEN_AT.test(said)) return { is: 'contrast', weight: 4 }
  if (CALCULATES.test(said)) return STATEMENT
  if (FOLLOWS.test(said) && !/\b(?:leaving|giving|making|so)\b/i.test(said)) return { is: 'consequence', weight: 4 }
  if (CONTRARY.test(said) || (WOULD.test(said) && !WOULD_SAY.test(said))) return { is: 'counterfactual', weight: 4 }
  if (/^[\W_]{0,4}(?:and )?that of\b/i.test(said)) return { is: 'contrast', weight: 4 }
  if (OF_ANOTHER.test(said) || IT_IS.test(said) || (FOR_ANOTHER.test(said) && !said.includes('='))) return { is: 'contrast', weight: 2 }
  return LEAVES.test(said) ? { is: 'consequence', weight: 1 } : STATEMENT
}

/** How clearly a sentence concludes: by its opening, its subject, a label, a value that is set off or ends it. 0: it does not. */
export function conclusionWeight(sentence: string): number {
  const said = sentence.slice(-600)
  return [CONCLUDES, ANSWERING, LABELLED, SET_OFF, ENDS_IN_VALUE].filter((sign) => sign.test(said)).length
}
