/** "Cara must work three more hours.", "every one of them receives nine apples": the number in words of what the question counts. */

import { matchesOf, upTo } from '../reading/matches.ts'
import { meetsQualifiers, stems } from './asked.ts'
import type { Found } from './numbers.ts'
import { SPELLED, spelledValue } from './spelled.ts'
import { namesOthers, sameNoun } from './weighing/marks.ts'
import { degreesOf, EACH_ONE, questionOf } from './weighing/question.ts'

/** A longer sentence is not searched. */
const SEARCHED = 400
/** The words behind a number, its noun among them: "three more hours". */
const WORDS = /^(?: [a-z'’-]{3,}){1,3}/i
/** Part of every number in words. */
const NUMERAL = /two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|t(?:een|y)\b|hundred|thousand|dozen/i
/** A verb before a number: "receives", "must work", "there are". */
const VERB =
  /(?:^|\s)(?!(?:as|this|his|its|plus|minus|times|less|across|others|besides|unless|versus|perhaps|always|these|those|needed|used|based|shared|divided|multiplied|compared|added|instead)\s)(?:[a-z]{2,}(?:s|ed|['’]s|['’]re)|have|got|get|need|take|took|made|ate|bought|sold|won|lost|found|are|were|(?:must|can|will|should|could|has to|have to|needs? to|had to|to|still|did)\s(?:still |now |only )?[a-z]{2,})\s(?:still |only |exactly |just |another |a total of |now )?$/i
/** Which are left: they stand before the verb. */
const LEFT = /^[^,;]{0,40}\b(?:(?:is|are|was|were) left|remain(?:s|ed)?|(?:is|are|was|were) (?:still )?(?:missing|needed|leftover))\b/i
/** "twenty-nine remain", "fourteen of them are left" */
const REMAINS = /^ (?:of (?:them|these|the [a-z]+) )?(?:still )?(?:remain(?:s|ed)?|(?:is|are|was|were) (?:still )?(?:left|free))\b/i
const MORE = /\b(?:more|additional|extra|further|fewer|less)\b/i

/** What the question counts, in stems; where it names nothing ("How many does each get?") what its numbers count. */
function countedBy(problem: string): readonly string[] {
  const { unit, counted, sentence } = questionOf(problem)
  if (unit !== undefined) return stems(unit)
  if (counted === undefined || counted.length > 0 || !/\bhow many\b/i.test(sentence)) return counted ?? []
  return matchesOf(problem.slice(-600), /\d ([a-z]{3,})/gi).flatMap(([, noun]) => stems(noun))
}

/** Undefined: no number in words counts that, several do, or the sentence speaks of another share, remainder or comparison. */
export function countedInWords(sentence: string, problem: string): Found | undefined {
  if (sentence.length > SEARCHED || !NUMERAL.test(sentence)) return undefined
  const counted = countedBy(problem)
  const runs = counted.length > 0 ? matchesOf(sentence, SPELLED) : []
  if (runs.length === 0) return undefined
  const isCounted = (noun: string): boolean => stems(noun).some((word) => counted.some((one) => sameNoun(word, one)))
  const inFigures = matchesOf(sentence, /\d ((?:[a-z]+ )?[a-z]{3,})/gi).some(([, noun]) => isCounted(noun))
  const asked = questionOf(problem)
  const asksLeft = /\b(?:left|remain\w*|free|leftover)\b/i.test(asked.sentence)
  const found = runs.flatMap(({ index, 0: words }) => {
    const behind = sentence.slice(index + words.length)
    const noun = WORDS.exec(behind)?.[0] ?? ''
    const remains = asksLeft && REMAINS.test(behind)
    if (!remains && !noun.split(' ').some(isCounted)) return []
    const before = sentence.slice(0, index)
    const left = /(?:^|[,;] (?:and |so |but )?|\band )$/.test(before) && LEFT.test(behind)
    if (!left && !remains && !VERB.test(before.slice(-60))) return []
    return [{ index, words, behind, before, more: MORE.test(noun), remains }]
  })
  const last = found.at(-1)
  if (!last || (inFigures && !last.remains)) return undefined
  const from = Math.max(...[',', ';', ':', ' and '].map((joint) => last.before.lastIndexOf(joint)))
  const clause = sentence.slice(Math.max(0, from), last.index + last.words.length) + upTo(last.behind, /[,;:]/)
  if (found.some((one) => one !== last && one.index > from) || namesOthers(clause, asked)) return undefined
  const compares = asked.compares || /\b(?:another|additional|extra|further|still)\b/i.test(asked.sentence)
  if ((last.more && !compares) || (/\bthan\b/i.test(last.behind) && !asked.compares)) return undefined
  if (degreesOf(clause).includes(EACH_ONE) && !asked.degrees.includes(EACH_ONE) && !/\b(?:in|per|each|every|an?)\b/i.test(asked.sentence))
    return undefined
  if (!meetsQualifiers(from < 0 ? sentence : clause, problem) && !meetsQualifiers(sentence, problem)) return undefined
  const value = spelledValue(last.words.toLowerCase())
  return value === undefined || value.includes('/') ? undefined : { text: value, at: last.index }
}
