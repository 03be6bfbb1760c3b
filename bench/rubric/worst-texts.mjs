/**
 * Outputs, references and problems that cost a grader most, for bench/grading-worst.mjs: long ones in each form that it reads, the words
 * that its rules look for without end, and answers that are large for their writing. The same seed gives the same text.
 * They are for our own grader alone. What npm run torture tries stays harmless to other software.
 */
import { fill, output as torture } from '../../scripts/torture/outputs.mjs'
import { mutate, randomFrom } from '../../test/assertions/mutate.ts'

const LONGEST = 1_100_000
/** Characters of most outputs, and how many of them there are for each that may be longer. */
const RESPONSE = 8000
const LONG_EVERY = 12
/** Characters of a candidate or reference that the grader parses. */
const ANSWER = 4096

/** What one seed draws. */
class Draw {
  constructor(seed, corpus) {
    this.random = randomFrom(seed + 1)
    this.corpus = corpus
    // The first numbers of neighbouring seeds are alike.
    for (let i = 0; i < 8; i++) this.random()
  }
  below = (n) => Math.floor(this.random() * n)
  pick = (list) => list[this.below(list.length)]
  chance = (p) => this.random() < p
  /** A length whose logarithm is uniform. */
  length = (least, most) => Math.ceil(least * (most / least) ** this.random())
  many = (n, make, between = '') => Array.from({ length: n }, (_, i) => make(i)).join(between)
  digits = (n) => this.many(n, () => this.below(10))
  case = () => this.pick(this.corpus)

  /** A sentence that somebody wrote. */
  sentence() {
    const sentences = this.case().output.split(/(?<=[.!?\n])\s/)
    return this.pick(sentences)
  }

  /** A few words that somebody wrote, from anywhere in a text. */
  words(most) {
    const words = this.case().output.split(/\s+/)
    const from = this.below(words.length)
    return words.slice(from, from + 1 + this.below(most)).join(' ')
  }
}

const OPENING = [
  '(',
  '[',
  '{',
  '\\{',
  '\\left(',
  '|',
  '\\sqrt{',
  '\\frac{1}{',
  '\\text{',
  '\\boxed{',
  'x^{',
  '\\begin{cases}',
  '\\lfloor ',
  '\\binom{',
]
const CLOSING = [')', ']', '}', '\\}', '\\right)', '|', '}', '}', '}', '}', '}', '\\end{cases}', '\\rfloor ', '}{2}']
const UNITS = ['cm', 'm/s', 'km h^{-1}', 'hours', 'ft', 'dollars', 'J/(kg K)', '^\\circ', '\\%', 'apples', "'", '"']
const SIGNS = [
  '+',
  '-',
  '\\cdot ',
  '\\times ',
  '/',
  '*',
  '=',
  '<',
  '\\le ',
  '\\cup ',
  '\\pm ',
  '\\to ',
  '\\Rightarrow ',
  '\\land ',
  '\\equiv ',
  ':',
  ';',
  ',',
  ' and ',
  ' or ',
]

/** Answers by kind; each gives one of about `size` characters. */
const ANSWERS = {
  number: (d, size) => d.digits(size),
  decimals: (d, size) => `${d.below(9)}.${d.digits(size)}`,
  fraction: (d, size) => `\\frac{${d.digits(size >> 1)}}{${d.digits(size >> 1)}}`,
  'sum of fractions': (d, size) =>
    `${fill(() => `\\frac{${d.digits(1 + d.below(60))}}{${d.digits(1 + d.below(60))}}${d.pick(['+', '-'])}`, size)}1`,
  'sum of powers': (d, size) =>
    `${fill(() => `\\frac{${2 + d.below(97)}^{${d.below(d.pick([10, 1000, 9000]))}}}{${2 + d.below(97)}^{${d.below(d.pick([10, 1000, 9000]))}}}${d.pick(['+', '-'])}`, size).replace(/\\frac(?!.*[+-]).*$/, '')}1`,
  'product of factorials': (d, size) =>
    `${fill(() => `${d.below(d.pick([20, 200, 5000]))}!${d.pick(['\\cdot ', '/', '+'])}`, size).replace(/\d*!?[^!]*$/, '')}1`,
  binomials: (d, size) =>
    `${fill(
      () => `\\binom{${d.below(d.pick([50, 400, 9000]))}}{${d.below(d.pick([20, 200, 4000]))}}${d.pick(['+', '-', ''])}`,
      size,
    ).replace(/\\binom(?!.*\}).*$/, '')}1`,
  tower: (d, size) => d.many(1 + (size >> 4), () => 2 + d.below(9), '^{') + '}'.repeat(size >> 4),
  roots: (d, size) => d.many(1 + (size >> 4), () => `\\sqrt{${d.below(999)}}`, d.pick(['+', '-', '\\cdot '])),
  'nested roots': (d, size) =>
    `${d.many(1 + Math.min(55, size >> 3), () => `\\sqrt{${d.below(99)}+`)}1${'}'.repeat(1 + Math.min(55, size >> 3))}`,
  functions: (d, size) => {
    const one = () =>
      `${d.pick(['\\sin', '\\ln', '\\arctan', '\\exp', '\\Gamma', '\\zeta', '\\tan', '\\log_2', '\\sinh'])}(${d.pick(['x', 'y', `${d.below(99)}`, 'x^2', '\\pi/7', 'xy'])})`
    return d.many(1 + (size >> 4), one, d.pick(['+', '-', '\\cdot ', '/']))
  },
  polynomial: (d, size) =>
    d.many(1 + (size >> 4), () => `${d.below(99)}${d.pick(['x', 'y', 'xy', 'n'])}^{${d.below(30)}}`, d.pick(['+', '-'])),
  'product of sums': (d, size) => d.many(1 + (size >> 3), () => `(${d.pick(['x', 'y', 'n', '2x'])}${d.pick(['+', '-'])}${d.below(99)})`),
  'power of a sum': (d, size) =>
    `${d.many(1 + Math.min(50, size >> 4), () => '(')}x+1${d.many(1 + Math.min(50, size >> 4), () => `)^{${d.below(9)}}+1`)}`,
  sums: (d, size) =>
    d.many(
      1 + (size >> 6),
      () =>
        `\\sum_{k=1}^{${d.pick([9, 99, 600, 2000, '\\infty', 'n'])}} ${d.pick(['\\frac{1}{k^2}', 'k^k', '\\sin k', '\\binom{n}{k}', '\\frac{x^k}{k!}', '\\sum_{j=1}^{k} j', '\\sqrt{k}'])}`,
      d.pick(['+', '\\cdot ']),
    ),
  integrals: (d, size) =>
    d.many(
      1 + (size >> 6),
      () =>
        `\\int_{0}^{${d.pick(['1', '\\infty', '\\pi', 'x'])}} ${d.pick(['e^{-t^2}', '\\sin(t)', '\\frac{\\ln t}{1+t^2}', 't^{9}', '\\int_0^1 e^{ts} ds'])} dt`,
      '+',
    ),
  limits: (d, size) =>
    d.many(
      1 + (size >> 6),
      () => `\\lim_{x\\to ${d.pick(['0', '\\infty', '1'])}} ${d.pick(['\\frac{\\sin x}{x}', '(1+1/x)^x', 'x \\ln x'])}`,
      '+',
    ),
  derivatives: (d, size) => d.many(1 + (size >> 6), () => `\\frac{d}{dx} ${d.pick(['x^x', '\\sin(x^2)', '\\frac{d}{dx} e^{x}'])}`, '+'),
  list: (d, size) =>
    d.many(1 + Math.ceil(size / 8), () => d.pick([d.below(99), `\\frac{${d.below(9)}}{${1 + d.below(9)}}`, '\\sqrt2', 'x', '-1']), ', '),
  'list of large values': (d, size) =>
    d.many(1 + Math.ceil(size / 20), () => `\\frac{${2 + d.below(99)}^{${d.below(900)}}}{${2 + d.below(99)}^{${d.below(900)}}}`, ', '),
  'list of roots': (d, size) => d.many(1 + Math.ceil(size / 20), () => `${d.below(9)}+\\sqrt{${d.below(99)}}`, ', '),
  'list of formulas': (d, size) => d.many(1 + Math.ceil(size / 14), () => `x^{${d.below(9)}}+\\sin(${d.below(9)}y)`, ', '),
  'list of signs': (d, size) => d.many(1 + Math.ceil(size / 8), () => `\\pm ${d.below(99)}`, ', '),
  sets: (d, size) => {
    const set = (depth) => `\\{${d.many(1 + d.below(4), () => (depth > 0 ? set(depth - 1) : d.below(9)), ', ')}\\}`
    return d.many(1 + (size >> 8), () => set(1 + d.below(4)), d.pick([', ', ' \\cup ', '']))
  },
  'set of sets': (d, size) => `\\{${d.many(1 + (size >> 5), () => `\\{${d.many(1 + d.below(5), () => d.below(9), ',')}\\}`, ', ')}\\}`,
  tuples: (d, size) => d.many(1 + (size >> 4), () => `(${d.below(9)}, ${d.below(9)}, ${d.pick(['1', '\\sqrt2', 'x'])})`, ', '),
  intervals: (d, size) => d.many(1 + (size >> 4), (i) => `${d.pick(['(', '['])}${2 * i}, ${2 * i + 1}${d.pick([')', ']'])}`, ' \\cup '),
  inequalities: (d, size) =>
    d.many(1 + (size >> 3), () => `x ${d.pick(['<', '>', '\\ge ', '\\ne '])} ${d.below(99)}`, d.pick([' and ', ' or ', ', ', ' \\lor '])),
  quadratics: (d, size) =>
    d.many(
      1 + (size >> 4),
      () => `x^2 - ${d.below(99)}x + ${d.below(99)} ${d.pick(['<', '\\ge ', '='])} 0`,
      d.pick([' and ', ' or ', ', ']),
    ),
  matrix: (d, size) => {
    const n = 1 + d.below(Math.ceil(Math.sqrt(size / 6)))
    const entry = d.pick([
      () => d.below(9),
      () => `\\frac{${d.below(9)}}{7}`,
      () => `x^{${d.below(9)}}`,
      () => '\\sqrt{2}',
      () => '\\sin x',
    ])
    const one = () => `\\begin{pmatrix} ${d.many(n, () => d.many(n, entry, ' & '), ' \\\\ ')} \\end{pmatrix}`
    return d.many(1 + d.below(3), one, d.pick(['', ' + ', ' \\cdot '])) + d.pick(['', '^{2}', '^{4}', '^T'])
  },
  determinant: (d) => {
    const n = 1 + d.below(12)
    return `\\det \\begin{pmatrix} ${d.many(n, () => d.many(n, () => d.pick([d.below(9), 'x', '\\sqrt2', '\\frac{1}{3}']), ' & '), ' \\\\ ')} \\end{pmatrix}`
  },
  cases: (d, size) =>
    `\\begin{cases} ${d.many(1 + (size >> 5), (i) => `${d.pick(['x^2', 'x+1', '\\sin x', '3'])} & ${i} \\le x < ${i + 1}`, ' \\\\ ')} \\end{cases}`,
  chain: (d, size) =>
    d.many(
      1 + (size >> 3),
      () => d.pick([`${d.below(99)} + ${d.below(99)}`, `${d.below(9)}x`, `${d.below(9)} \\cdot ${d.below(9)}`, '\\sqrt{4}', 'x']),
      ' = ',
    ),
  equations: (d, size) => d.many(1 + (size >> 3), (i) => `${String.fromCharCode(97 + (i % 26))}_{${i}} = ${d.below(9)}`, ', '),
  relation: (d, size) =>
    `${ANSWERS[d.pick(['polynomial', 'functions', 'roots', 'product of sums'])](d, size >> 1)} = ${ANSWERS[d.pick(['polynomial', 'functions', 'roots'])](d, size >> 1)}`,
  family: (d, size) =>
    `${d.pick(['x = ', '\\{', 'n = ', ''])}${d.many(1 + (size >> 5), () => `${d.below(9)}\\pi/${1 + d.below(9)} + ${d.below(9)}k\\pi`, ', ')}${d.pick([', k \\in \\mathbb{Z}', '\\}', ' with an integer k', ''])}`,
  congruences: (d, size) =>
    `x \\equiv ${d.many(1 + (size >> 2), () => d.below(99), ', ')} \\pmod{${1 + d.below(d.pick([9, 999, 99_999]))}}`,
  permutation: (d, size) => d.many(1 + (size >> 4), () => `(${d.many(1 + d.below(9), () => 1 + d.below(20), ' ')})`),
  span: (d, size) => `\\text{span}\\{${d.many(1 + (size >> 4), () => `(${d.many(3, () => d.below(9), ',')})`, ', ')}\\}`,
  solution: (d, size) =>
    `y = ${d.many(1 + (size >> 4), () => `${d.pick(['A', 'B', 'C', 'C_1', 'C_2', 'D'])}${d.pick(['e^{2x}', '\\cos x', '\\sin 2x', 'x', 'xe^{x}'])}`, ' + ')}`,
  recurrence: (d, size) => `a_n = ${d.many(1 + (size >> 3), () => `${d.below(9)}a_{n-${1 + d.below(9)}}`, ' + ')}`,
  quantities: (d, size) => d.many(1 + (size >> 3), () => `${d.below(99)} ${d.pick(UNITS)}`, d.pick([' and ', ' ', ', ', ' + ', ':'])),
  'number in words': (d, size) =>
    d.many(
      1 + (size >> 3),
      () => d.pick(['one', 'twenty', 'hundred', 'thousand', 'and', 'million', 'half', 'third', 'dozen', 'point', 'minus', 'a']),
      d.pick([' ', '-']),
    ),
  logic: (d, size) =>
    d.many(
      1 + (size >> 3),
      () => d.pick(['p', 'q', '\\neg r', '(p \\lor q)', 'x < 3']),
      d.pick([' \\land ', ' \\lor ', ' \\Rightarrow ', ' \\Leftrightarrow ']),
    ),
  ratio: (d, size) => d.many(2 + (size >> 3), () => d.pick([d.below(99), '\\sqrt2', 'x']), ':'),
  based: (d, size) => `${d.digits(size)}_{${2 + d.below(30)}}`,
  vector: (d, size) => d.many(1 + (size >> 3), () => `${d.below(9)}${d.pick(['\\mathbf{i}', '\\hat{j}', '\\vec{k}', 'i', 'j'])}`, ' + '),
  nesting: (d, size) => {
    const at = d.below(OPENING.length)
    const depth = Math.max(1, Math.min(d.pick([8, 59, 400]), Math.floor(size / (OPENING[at].length + CLOSING[at].length))))
    return OPENING[at].repeat(depth) + d.pick(['1', 'x', '1, 2', '']) + (d.chance(0.8) ? CLOSING[at].repeat(depth) : '')
  },
  signs: (d, size) => fill(() => d.pick(['1', 'x', '2', '(', ')', ...SIGNS]), size),
  text: (d, size) => fill(() => `${d.words(4)} `, size),
  words: (d, size) =>
    d.many(1 + (size >> 3), () => d.pick(['red', 'apple', 'and', 'A', 'the', 'B', 'even', 'function']), d.pick([' ', ', ', ' and '])),
  letters: (d, size) => d.many(size, () => d.pick(['a', 'b', 'x', 'A', 'B', 'e', 'i'])),
  real: (d) => d.pick(d.case().references),
}
const ANSWER_KINDS = Object.keys(ANSWERS)

function answer(d, most = 6000) {
  const kind = d.pick(ANSWER_KINDS)
  const size = d.length(1, most)
  return { kind, text: String(ANSWERS[kind](d, size)), again: () => String(ANSWERS[kind](d, size)) }
}

const FORMS = [
  'Final Answer: #',
  '\\boxed{#}',
  '$#$',
  'So the answer is #.',
  '#',
  '<answer>#</answer>',
  '#### #',
  '**#**',
  '\\[ # \\]',
  'Therefore, $x = #$.',
  '{"answer": "#"}',
  'The answer is \\(#\\) because',
  'so there are # in all.',
  '**Answer:** #\n',
  'not #',
  '= #',
]
const BETWEEN = ['', ' ', '\n', '\n\n', '. ', ', ', '; ', ' and ', ' so ', ' = ', '? ', ' but ', ' | ', '\\\\ ']

/** Bodies by kind: what stands around or before the answer. */
const BODIES = {
  none: () => '',
  'one sentence again': (d, size) => {
    const unit = `${d.sentence()}${d.pick(BETWEEN)}`
    return unit.trim() === '' ? '' : unit.repeat(Math.ceil(size / unit.length)).slice(0, size)
  },
  'a few sentences again': (d, size) => {
    const few = Array.from({ length: 2 + d.below(6) }, () => d.sentence())
    const between = d.pick(BETWEEN)
    return fill(() => d.pick(few) + between, size)
  },
  'sentences of all': (d, size) => {
    const between = d.pick(BETWEEN)
    return fill(() => d.sentence() + between, size)
  },
  'a response again': (d, size) => {
    const unit = `${d.case().output}${d.pick(BETWEEN)}`
    return unit.repeat(Math.min(4000, Math.ceil(size / unit.length))).slice(0, size)
  },
  'a few words again': (d, size) => {
    const unit = d.words(3) + d.pick(['', ' ', ' ', ' ', ', ', '\n', '-'])
    return unit === '' ? '' : unit.repeat(Math.ceil(size / unit.length)).slice(0, size)
  },
  'words of all': (d, size) => {
    const most = d.pick([1, 2, 5])
    const between = d.pick([' ', ' ', ', ', '\n', '. '])
    return fill(() => d.words(most) + between, size)
  },
  'sentences with numbers': (d, size) => {
    const verb = d.pick(['has', 'gives', 'leaves', 'makes', 'is', 'costs', 'needs', 'was'])
    return fill(
      () =>
        `${d.pick(['Ana', 'He', 'It', 'The shop', 'This', 'That'])} ${verb} ${d.pick([d.below(99), 'seven', '$12$', '\\(x\\)', '1/2'])} ${d.pick(['apples', 'dollars', 'of them', ''])}. `,
      size,
    )
  },
  clauses: (d, size) =>
    fill(
      () => `${d.pick(['so', 'and', 'but', 'which', 'if', 'because', 'where', 'then'])} ${d.words(4)}${d.pick([' ', ', ', ', '])}`,
      size,
    ),
  'answers again': (d, size) => {
    const one = answer(d, 300)
    const form = d.pick(FORMS)
    const between = d.pick(BETWEEN)
    return fill(() => form.replace('#', () => one.again()) + between, size)
  },
  'answers of all forms': (d, size) =>
    fill(() => d.pick(FORMS).replace('#', () => (d.chance(0.7) ? d.below(99) : answer(d, 60).text)) + d.pick(BETWEEN), size),
  table: (d, size) => {
    const columns = 1 + d.below(40)
    return fill(() => `| ${d.many(columns, () => d.pick([d.below(99), d.words(2), '---', '$x$']), ' | ')} |\n`, size)
  },
  json: (d, size) =>
    `${d.pick(['[', '{"steps": [', ''])}${fill(() => `{"${d.pick(['answer', 'step', 'value'])}": ${d.pick(['"12"', '[1, 2]', '{"a": 1}', '"\\\\frac{1}{2}"'])}}, `, size)}${d.pick([']', '"answer": 5}', '}', '}}'])}`,
  tags: (d, size) =>
    fill(
      () =>
        d.pick([
          '<think>',
          '</think>',
          '<answer>',
          '</answer>',
          '<Path>',
          '</Path>',
          '<b>',
          '</b>',
          '<br>',
          '<sup>2</sup>',
          '<div class="',
          '<<6*7=42>>',
          '<|im_end|>',
          '5',
          ' ',
          'x',
        ]),
      size,
    ),
  unicode: (d, size) =>
    fill(
      () =>
        d.pick([
          '😀',
          '中',
          'é',
          '\u0301',
          '²',
          '½',
          '４',
          '−',
          '≤',
          '\ufdfa',
          '\u200b',
          '\ud800',
          '答案：',
          '故选 B',
          'ответ',
          '∑',
          '√',
          '⟨',
          '\u202e',
          ' ',
          '1',
        ]),
      size,
    ),
  signs: (d, size) => {
    const unit = d.many(1 + d.below(4), () =>
      d.pick([
        ...SIGNS,
        ...OPENING,
        ...CLOSING,
        ' ',
        '\n',
        '*',
        '#',
        '$',
        '_',
        '~~',
        '`',
        '"',
        '.',
        '1',
        'x',
        '|',
        '&',
        '\\\\',
        '---',
        "'",
      ]),
    )
    return unit.repeat(Math.ceil(size / unit.length)).slice(0, size)
  },
  digits: (d, size) =>
    d.pick(['', '-', '0.', '1,']) +
    (d.chance(0.5)
      ? d
          .digits(Math.min(size, 2000))
          .repeat(Math.ceil(size / 2000))
          .slice(0, size)
      : d
          .pick(['1,', '1,234,', '12.', '1 ', '9', '1-', '3:', '1/2 '])
          .repeat(Math.ceil(size / 6))
          .slice(0, size)),
  formulas: (d, size) => {
    const around = d.pick(['$#$ ', '\\(#\\) ', '$$#$$\n', '\\[#\\]\n', '\\begin{align*} # \\end{align*}\n', '# ', '$# ', '\\text{#} '])
    return fill(() => around.replace('#', () => answer(d, 200).text), size)
  },
  lines: (d, size) => {
    const head = d.pick(['- ', '* ', '1. ', '# ', '> ', 'Step 1: ', 'Q: ', 'User: ', '(A) ', 'A. ', '**', ''])
    return fill(() => `${head}${d.words(6)}${d.pick(['\n', '\n\n', '\r\n', ' = 5\n'])}`, size)
  },
  corrections: (d, size) =>
    fill(
      () =>
        `${d.pick(['Wait, ', 'Actually, ', 'No, ', 'Hmm. ', 'Let me check: ', 'Sorry, ', 'On second thought, ', 'I made a mistake. '])}${d.pick(['the answer is 5. ', 'it is not 5. ', '$x = 7$ is wrong. ', 'so it is 12. ', d.sentence()])} `,
      size,
    ),
  torture: (d, size) => torture(d.below(2 ** 31), size),
  blanks: (d, size) => d.pick([' ', '\n', '\t', ' \n', '\u00a0', '\u200b']).repeat(size),
}
const BODY_KINDS = Object.keys(BODIES)

/** A reference as a problem set has it, or one as long as a bound allows. */
function reference(d, said) {
  const kind = d.below(10)
  if (kind < 4) return { kind: 'ordinary', text: d.pick(d.case().references) }
  if (kind < 5) return { kind: 'the same', text: said.text }
  if (kind < 7) return { kind: 'alike', text: said.again() }
  const other = answer(d, kind < 9 ? 200 : ANSWER)
  return { kind: other.kind, text: other.text }
}

function problem(d) {
  const kind = d.below(10)
  if (kind < 4) return undefined
  if (kind < 8) return d.case().question
  return BODIES[d.pick(BODY_KINDS)](d, d.length(50, kind < 9 ? 3000 : 300_000))
}

const CONFIGS = [
  {},
  {},
  {},
  {},
  { extract: 'whole' },
  { extract: 'final-answer' },
  { extract: 'boxed' },
  { mode: 'both' },
  { tolerance: 0.01, lists: 'ordered', units: 'required' },
  { extract: { marker: 'is' }, choices: true },
]

/** The text, variables and config of a seed, and what they are made of. `corpus`: cases { output, references, question? } to take words from. */
export function worstText(seed, corpus) {
  const d = new Draw(seed, corpus)
  const said = answer(d)
  const size = d.length(20, d.chance(1 / LONG_EVERY) ? LONGEST : RESPONSE)
  const body = d.pick(BODY_KINDS)
  const form = d.pick(FORMS)
  const stated = form.replace('#', () => said.text)
  const before = BODIES[body](d, size)
  const where = d.pick(['before', 'before', 'behind', 'around', 'inside'])
  let output = before
  if (where === 'before') output = before + d.pick(BETWEEN) + stated
  else if (where === 'behind') output = stated + d.pick(BETWEEN) + before
  else if (where === 'around') output = before.slice(0, before.length >> 1) + stated + before.slice(before.length >> 1)
  else output = form.replace('#', () => (before.length > 20_000 ? before.slice(0, 20_000) : before))
  if (d.chance(0.1)) output = mutate(output, d.case().output, d.random, LONGEST)
  const wanted = reference(d, said)
  const asked = problem(d)
  const answers = d.chance(0.03) ? Array.from({ length: 2 + d.below(9) }, () => d.pick(d.case().references)) : wanted.text
  return {
    what: `${body} (${size}), ${said.kind} ${where}, reference ${wanted.kind}${asked === undefined ? '' : `, problem of ${asked.length}`}`,
    output,
    vars: { answer: answers, ...(asked === undefined ? {} : { problem: asked }) },
    config: d.pick(CONFIGS),
  }
}
