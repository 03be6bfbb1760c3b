/** Signs and roots that a sentence says in words. */

/** Signs and roots that stand in words before a number: "minus 5", "the square root of 17". */
export function inSigns(sentence: string): string {
  if (!/\b(?:minus|negative|root)\b/i.test(sentence)) return sentence
  return sentence
    .replace(/\bplus or minus (?=[\d$])/gi, '±')
    .replace(/(?<![\d$)}]\s?)(?<=\b(?:is|are|equals?|or|and|either|be|by|get|gives|to|of|=) )(?:minus|negative) (?=\d)/gi, '-')
    .replace(
      /(^|\b(?:is|are|equals?|be|get|gives) )(?:the )?(square|cube) root of (\d{1,9})(?![\d.,]*\d)(?!\s?(?:[-+*/^]|times|plus|minus|\w+ (?:power|root)))/gi,
      (_, verb, kind, of) => (/square/i.test(kind) ? `${verb}√${of}` : `${verb}∛${of}`),
    )
}
