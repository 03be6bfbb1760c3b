/**
 * The answer rule of the Parallel-R1 code, restated for comparison with its published numbers: of the last 300
 * characters the last "Final Answer:" line, the normalisation of Minerva (Lewkowycz et al. 2022, appendix D), equality of strings.
 */

const TAIL = 300
const MARKER = /Final Answer\s*:\s*([^\n]+)/gi

/** Removed wherever it stands. */
const REMOVED = [
  'square',
  'ways',
  'integers',
  'dollars',
  'mph',
  'inches',
  'hours',
  'km',
  'units',
  '\\ldots',
  'sue',
  'points',
  'feet',
  'minutes',
  'digits',
  'cents',
  'degrees',
  'cm',
  'gm',
  'pounds',
  'meters',
  'meals',
  'edges',
  'students',
  'childrentickets',
  'multiples',
  '\\text{s}',
  '\\text{.}',
  '\\text{\ns}',
  '\\text{}^2',
  '\\text{}^3',
  '\\text{\n}',
  '\\text{}',
  '\\mathrm{th}',
  '^\\circ',
  '^{\\circ}',
  '\\;',
  ',\\!',
  '{,}',
  '"',
  '\\dots',
] as const

const REPLACED: readonly [string, string][] = [
  ['an ', ''],
  ['a ', ''],
  ['.$', '$'],
  ['\\$', ''],
  ['\\ ', ''],
  [' ', ''],
  ['mbox', 'text'],
  [',\\text{and}', ','],
  ['\\text{and}', ','],
  ['\\text{m}', '\\text{}'],
]

/** What the rule takes for the answer; undefined where there is no such line. */
export function paperAnswer(output: string): string | undefined {
  let found: string | undefined
  for (const match of output.slice(-TAIL).matchAll(MARKER)) found = match[1]
  return found
}

/** Whether the rule counts an output as right. */
export function paperStrict(output: string, reference: string): { pass: boolean; extracted?: string } {
  const answer = paperAnswer(output)
  if (answer === undefined) return { pass: false }
  return { pass: minervaNormalize(answer) === minervaNormalize(reference), extracted: answer }
}

/** Minerva's normalisation of a final answer. */
export function minervaNormalize(answer: string): string {
  let out = answer.slice(answer.lastIndexOf('=') + 1)
  for (const [before, after] of REPLACED) out = out.replaceAll(before, after)
  for (const text of REMOVED) out = out.replaceAll(text, '')
  out = out.replace(/^[^$]*\$([^$]*)\$[\s\S]*$/, '$1')
  for (const command of ['\\text{', '\\textbf{', '\\overline{']) out = unwrapped(out, command)
  out = lastBox(out)
  out = out
    .replace(/frac([^{])(.)/g, 'frac{$1}{$2}')
    .replace(/sqrt([^{])/g, 'sqrt{$1}')
    .replaceAll('$', '')
  return /^\d+$/.test(out.replaceAll(',', '')) ? out.replaceAll(',', '') : out.trim()
}

/** \text{x} as x, up to its first closing brace. */
function unwrapped(text: string, command: string): string {
  let out = ''
  let at = 0
  for (;;) {
    const start = text.indexOf(command, at)
    const end = start < 0 ? -1 : text.indexOf('}', start + command.length)
    if (end < 0) return out + text.slice(at)
    out += text.slice(at, start) + text.slice(start + command.length, end)
    at = end + 1
  }
}

function lastBox(text: string): string {
  const command = '\\boxed{'
  const start = text.indexOf(command)
  const end = text.lastIndexOf('}')
  return start < 0 || end < start ? text : text.slice(0, start) + text.slice(start + command.length, end) + text.slice(end + 1)
}
