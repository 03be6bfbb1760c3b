/** Answers that a response lists and does not choose from: "Possible answers: (1) 84 (2) 42 (3) 168". */

/** What stands before "answer" there. "The only possible answers" are told. */
const POSSIBLE = /(?<!\b(?:only|all) (?:the )?)\b(?:possible|potential|candidate|likely|plausible|conceivable|sample)\s$/i

/** Whether words before "answer" and the sign behind it open a list of which none is chosen. `marker` begins right behind "answer". */
export const opensOptions = (before: string, marker: string): boolean => POSSIBLE.test(before.slice(-24)) && /^s|[:：]/.test(marker)

const ITEM = /\n\s{0,8}(?:[-*•]\s|\(?(?:\d{1,2}|[a-z])[).]\s)[^\n]{0,200}/y

/** Where the items end that stand below a line. */
export function endOfItems(text: string, from: number): number {
  const line = text.indexOf('\n', from)
  if (line < 0) return text.length
  let end = line
  for (let items = 0; items < MOST; items++) {
    ITEM.lastIndex = end
    const item = ITEM.exec(text)
    if (!item) break
    end += item[0].length
  }
  return end
}

const MOST = 40
