/** Words that make another thing of the value beside them. */

import { CHANGED } from '../reading/changed.ts'
import { cues } from './cues.ts'

/** What makes another thing of the claim behind it: "four times 19", "a multiple of 12", "at most 40", "the reciprocal of 6". */
const OPERATED = cues(
  String.raw`
    \b(?:times|twice|thrice|double|triple|half|\d\schoose)\s*[$€£]?$
    (?<!\b(?:least|lowest|smallest) common )\b(?:half|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?|multiples?) of\s*[$€£]?$
    (?<!\b(?:greatest|highest|largest|biggest) common )\b(?:factors?|powers?|roots?|squares?|cubes?|reciprocal|inverse|negative|opposite|complement|logarithm) of\s*[$€£]?$
    \bfactorial of\s*[$€£]?$
    [\w)] (?:[<>≤≥]|<=|>=)\s?[$€£]?$
    (?<!\b(?:least|sharp|best|tight|smallest|greatest|optimal) )\b(?:upper|lower) (?:bound|limit) (?:is|of|equals)?\s*[$€£]?$
    \b(?:next|following|last|first|final) step (?:uses|needs|takes|involves)\s$
    \bthe (?:\w+ )?(?:successor|predecessor|double|triple|digit sum|digital root|sum of (?:the |all )?(?:digits|divisors|factors)|conjugate|negation|absolute value|floor|ceiling|(?:first|last|units|ones|tens|leading) digit|prime factors?|(?:next|previous|first) prime (?:after|before|below|above)|number (?:after|before)) of\s*[$€£]?$
    \b(?:next|previous|first|last) (?:prime|integer|even|odd|multiple|square|number)(?: number)? (?:after|before|below|above)\s$
    \b(?:(?:divisible|multiplied|divided) by|sum of the first|(?:divisors?|fractions?|percent(?:age)?) of|plus)\s*[$€£]?$
    \b(?:modulo|mod|than|at most|at least|exceeds?|exceeding|upwards? of|(?:short|shy) of|close to)\s*[$€£]?$
    \b(?:neighbou?rhood of|almost|nearly|not|never|except|besides|neither|nor|over|under|below|above|beyond)\s*[$€£]?$
    \b(?:any(?:thing|one)? but|every(?:thing|one)? but|all but|apart from|aside from)\s*[$€£]?$
    \b(?:times|twice|double|triple|half|thrice)\s(?:of\s)?(?:the|an?|his|her|its|that|as)\s[^\d.,;=]{0,40}$
    \b(?:all|any|every|each)\s(?:\w+\s){1,5}but\s[$€£]?$
    %\soff?\s[$€£\ue000]?$
    \b(?:(?:ranges?|ranging|varies|anywhere|anything) from|between)\s[$€£]?[\d.,]{1,20}\s(?:to|and)\s[$€£]?$
    \b(?:bounded|limited|exceeded) (?:above |below )?by\s[$€£]?$`,
)

/** "older than Kim, who is 24": the number of another. */
const COMPARED = /\bthan\s[^.,;\d]{1,60}, (?:who|which|whose)\s[^.,;\d]{1,40}$/i

export const isOfAnother = (before: string): boolean => COMPARED.test(before.slice(-120))

/** Whether the words before a claim make it a part of another thing. */
export const isOperated = (before: string): boolean => OPERATED.test(before.slice(-40)) || isOfAnother(before)

/** "the sum of 10 and 5", "the least common multiple of 4 and 6" */
const OF_SEVERAL =
  /\b(?:sum|product|difference|quotient|average|mean|gcd|lcm|(?:common )?(?:multiple|divisor|factor)) (?:of|between)\s[$€£\\(]{0,3}-?\d[^,;]{0,30} and [$€£\\(]{0,3}-?\d[^,;]{0,20}$/i

/** Whether words say an operation on several numbers and not what comes out. */
export const isOfSeveral = (text: string): boolean => OF_SEVERAL.test(text.slice(-120))

/** Words that make another thing of the number beside them. */
const QUALIFIED = cues(
  String.raw`
    \b(?:other than|except|excluding|besides|anything but|all but|everything but|not|never|neither)\b
    \b(?:(?:less|more|greater|fewer|larger|smaller|bigger|lower|higher) than|at (?:least|most)|up to|no more than)\b
    \b(?:between|or (?:more|less|fewer|greater|larger|higher|lower|smaller|bigger|above|below|beyond)|multiple of|divisible by|times|if|unless)\b
    \bfactorial\b|\d(?:st|nd|rd|th) [a-z]|[\d)}\]$*]\s${CHANGED}|\d\s(?:plus|minus)\s\d`,
)

/** What goes on behind a value and makes another one of it. */
const MADE_ANOTHER = new RegExp(String.raw`^[\s$*_)}\]\\]{0,4}\s${CHANGED}`, 'i')

/** "23 doubled", "$\\frac34$ inverted": whether the words behind a claim make another value of it. */
export const isChanged = (behind: string): boolean => MADE_ANOTHER.test(behind.slice(0, 80))

/** Whether a candidate holds words that deny, compare or multiply: "All values except: 31". */
export const isQualified = (text: string): boolean =>
  text.length < 600 &&
  /[a-z]{2}/i.test(text) &&
  !text.includes('\\begin') &&
  QUALIFIED.test(text.replace(/\\(?:times|not(?:in)?)(?![a-z])|\bif and only if\b/g, ''))
