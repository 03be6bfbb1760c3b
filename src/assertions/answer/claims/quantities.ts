/** Sentences behind the answer that give another quantity of the same thing: "The perimeter is then 40." where a hypotenuse is asked for. */

import { askedOf, stems } from './asked.ts'
import { questionOf } from './weighing/question.ts'

const FOLLOWING =
  'area|perimeter|circumference|volume|surface|diagonal|diameter|median|mean|average|mode|range|product|quotient|discount|tip|tax'
/** What a question may ask for where these follow. */
const ASKED = new Set(stems(`${FOLLOWING.replaceAll('|', ' ')} hypotenuse radius side edge height leg base sum difference midpoint slope`))
const NAMES = new RegExp(
  String.raw`^[\W_]{0,6}(?:(?:so|then|thus|hence|and),? )?(?:(?:the|its|their) (?:[a-z]+ )?(${FOLLOWING})(?: area)?(?: of (?:the|this) [a-z]+)? (?:is|equals|would be) |(?:the|this) [a-z]+ (?:then |also )?has an? (${FOLLOWING})(?: area)? of )[^=]*$`,
  'i',
)

/** Whether a sentence gives a quantity that the question does not speak of, which asks for another one by its name or in a unit of length. */
export function namesOtherQuantity(sentence: string, problem: string): boolean {
  const named = sentence.length < 200 ? NAMES.exec(sentence) : null
  if (!named) return false
  const quantity = (named[1] ?? named[2]).toLowerCase()
  const { words, focus } = askedOf(problem)
  if (stems(quantity).some((word) => words.has(word))) return false
  if ([...focus].some((word) => ASKED.has(word))) return true
  const { unit } = questionOf(problem)
  return (
    unit !== undefined &&
    /^(?:area|volume|surface)$/.test(quantity) &&
    /^(?:(?:centi|milli|kilo|deci)?met(?:er|re)s?|[cmkd]?m|feet|foot|inches|yards?|miles)$/i.test(unit)
  )
}
