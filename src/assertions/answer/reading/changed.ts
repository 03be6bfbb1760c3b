/** Words behind a number that make another number of it: "23 doubled", "90 increased by 10", "36 with its digits reversed". */

const BY = '(?:by|among|between|into|equally)'
const ONES = '(?:one|two|three|four|five|six|seven|eight|nine|ten|half)'

/** An alternative for regular expressions. What it matches stands behind a number and a blank. */
export const CHANGED = String.raw`(?:(?:doubled|tripled|trebled|quadrupled|quintupled|halved|squared|cubed|inverted|negated|reversed)(?!,? (?:is|are|gives|makes|equals)\b)|(?:increased|decreased|reduced|diminished|raised|lowered|augmented|multiplied|divided) ${BY}|taken (?:twice|thrice|${ONES} times)|(?:twice|thrice) over|rounded (?:up|down) to the|with (?:its|the) (?:digits?|signs?|numerator)\b[^.,;]{0,20} (?:reversed|swapped|exchanged|changed|flipped)|less ${ONES})\b`
