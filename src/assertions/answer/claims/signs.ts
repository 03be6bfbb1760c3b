/** Signs and roots that a sentence says in words. */

/** "an hour and a half" */
const HALF_MORE =
  /\b(?:an?|one) (second|minute|hour|day|week|month|year|mile|inch|pound|dollar|kilometre|kilometer|metre|meter|litre|liter|gallon|pint|quart|cup|dozen) and an? (half|quarter)\b/gi

/** Signs and roots that stand in words before a number: "minus 5", "the square root of 17". */
export function inSigns(said: string): string {
  const sentence = / and an? (?:half|quarter)\b/i.test(said)
    ? said.replace(HALF_MORE, (_, unit, part) => `${/half/i.test(part) ? '1.5' : '1.25'} ${unit}s`)
    : said
  if (!/\b(?:minus|negative|root)\b/i.test(sentence)) return sentence
  return sentence
    .replace(/\bplus or minus (?=[\d$])/gi, '±')
    .replace(/(?<![\d$)}]\s?)(?<=\b(?:is|are|equals?|or|and|either|be|by|get|gives|to|of|=) )(?:minus|negative) (?=\d)/gi, '-')
    .replace(
      /(^|\b(?:is|are|equals?|be|get|gives) )(?:the )?(square|cube) root of (\d{1,9})(?![\d.,]*\d)(?!\s?(?:[-+*/^]|times|plus|minus|\w+ (?:power|root)))/gi,
      (_, verb, kind, of) => (/square/i.test(kind) ? `${verb}√${of}` : `${verb}∛${of}`),
    )
}
