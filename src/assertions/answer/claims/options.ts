/** A list of options of which the response marks one: "A. 10 ✗", "B. 20 ✓". */

const OPTION = /^\s{0,4}(?:[-*•]\s)?[*_]{0,2}\(?([A-J])[).:][*_]{0,2}\s(.{1,200})$/
const MARKED = /[✓✔✅☑←]|<-{1,2}|(?<!\b(?:not|never|isn['’]t|neither) )\b(?:correct|right|true)\b(?!\s*\?)/i
const UNMARKED = /[✗✘❌✕]|\b(?:not|incorrect|wrong|false|never)\b|n['’]t\b/i

/** The letter of the one marked option at the end of a text. Undefined: none is marked there, or several are. */
export function markedOption(text: string): string | undefined {
  const options: RegExpExecArray[] = []
  for (const line of text.slice(-2000).trimEnd().split('\n').reverse()) {
    const option = OPTION.exec(line)
    if (option) options.push(option)
    else if (line.trim() !== '') break
  }
  const marked = options.filter(([, , said]) => MARKED.test(said) && !UNMARKED.test(said))
  return options.length > 1 && marked.length === 1 ? marked[0][1] : undefined
}
