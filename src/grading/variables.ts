/** Values of test variables that are not what somebody wrote: what a YAML or JSON reader made of them grades every right answer as wrong. */

type Vars = Readonly<Record<string, unknown>>

/** What is wrong with a row's variables, with the fix; undefined where nothing is. */
export function variableFault(vars: Vars): string | undefined {
  const digits = Object.entries(vars).find(([, value]) => itemsOf(value).some(isRounded))
  if (digits) {
    return `The variable "${digits[0]}" is a number of more digits than were kept when the file was read. Got ${digits[1]}. Write it in quotes.`
  }
  // Problems are left as they are: published sets have such characters, and a model reads over them.
  for (const item of itemsOf(vars.answer)) {
    if (item instanceof Date) return `The variable "answer" was read as a date. Got ${item.toISOString().slice(0, 10)}. Write it in quotes.`
    const lost = typeof item === 'string' ? lostBackslash(item) : undefined
    if (lost === undefined) continue
    return `The variable "answer" holds a control character where LaTeX has a backslash. Got ${JSON.stringify(item)}, probably ${lost}. In YAML put the text into single quotes, in JSON write two backslashes.`
  }
  return undefined
}

const itemsOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value])

const isRounded = (value: unknown): boolean => typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER

/** What YAML makes of a backslash and this letter in double quotes. JSON knows b, f, n, r and t alone. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\x07': 'a',
  '\b': 'b',
  '\x1b': 'e',
  '\f': 'f',
  '\n': 'n',
  '\r': 'r',
  '\t': 't',
  '\v': 'v',
  '\u2028': 'L',
  '\u2029': 'P',
}

/**
 * LaTeX commands that begin with such a letter, in answers. Short ones are left out where the letter is white space: a line may
 * begin with the variable u, and not be \nu.
 */
const COMMANDS = new Set(
  (
    'alpha angle approx arccos arcsin arctan arg ast asymp begin beta bar binom bigcap bigcup big bigl bigr Bigl bmod bot bot boxed bullet because ' +
    'ell emptyset end epsilon equiv eta exists exp frac flat forall fbox nabla natural neg neq nexists not notin nmid nsubseteq nleq ngeq newline ' +
    'rangle rbrace rceil right rfloor rho rightarrow rm root rvert rVert tan tanh tau tbinom text textbf textit textrm tfrac theta therefore ' +
    'Lambda Leftarrow Leftrightarrow Longleftarrow Longrightarrow Longleftrightarrow Pi Phi Psi Pr tilde times to top triangle triangleq varepsilon varnothing varphi vartheta vec vee vdots vert vline vmatrix'
  ).split(' '),
)

/** The command whose backslash and first letter became a control character. */
function lostBackslash(text: string): string | undefined {
  for (const [, control, rest] of text.matchAll(/([\x07\b\x1b\f\n\r\t\v\u2028\u2029])([A-Za-z]{1,15})/g)) {
    const letters = ESCAPES[control] + rest
    const prefixes = [...letters].map((_, i) => letters.slice(0, letters.length - i))
    const command = prefixes.find((name) => COMMANDS.has(name))
    // Behind white space a word may stand that begins like a command.
    if (command !== undefined && (command === letters || !/\s/.test(control))) return `\\${command}`
  }
  return undefined
}
