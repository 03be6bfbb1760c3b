/** Words beside a value that change what it says: "all values except", "smaller than", "31 or more". */

/** What takes the value back or leaves it out; "No. of ways" does not. */
const DENIAL =
  /\b(?:not|never|neither|nor|none|nothing|cannot|without|except|excepting|excluding|excludes?|(?<!\bthe )excluded|but|unless|unlike|besides|wrong|incorrect|false|untrue|invalid|impossible|reject(?:ed|s)?|discard(?:ed|s)?|ruled out|instead of|inadmissible|extraneous|fails?|too (?:large|small|big|low|high|many|few|long|short))\b|n't\b|\bno\s+(?!of\b)[a-z]/
/** What names a bound of the value. */
const COMPARISON =
  /\b(?:less|more|greater|smaller|bigger|larger|fewer|higher|lower|shorter|longer|older|younger|rather|other|better|worse|different) (?:than|from)\b|\bat (?:least|most)\b|\b(?:upper|lower) (?:bound|limit)\b|\bor (?:more|less|fewer|greater|higher|lower|larger|smaller|above|below|over|under|so|another)\b|\band (?:above|below|over|under|up|beyond)\b|(?:^|\s)(?:above|below|under|over|beyond|up to|between|within|exceeds?|exceeding|almost|nearly|minus|plus)\s*:?\s*$/
/** What computes another number from it: "twice the answer is". */
const SCALING =
  /\b(?:twice|thrice|double|triple|half|times|(?:half|square|cube|opposite|negative|negation|inverse|reciprocal|complement|third|quarter|multiple|part|fraction) of)\b(?=.*\b(?:answer|result|value|number|solution|it)\b)/

/** Whether words before or behind a value deny it, only bound it, or make another value of it. */
export function deniesValue(words: string): boolean {
  const text = words.slice(0, 200).toLowerCase()
  return DENIAL.test(text) || COMPARISON.test(text) || SCALING.test(text)
}
