/**
 * Outputs no honest model writes, for the bounds of the assertions: long, repetitive and deeply nested texts in the forms that the
 * graders read (tags, paths with answers, boxes, formulas, answer lines, arithmetic, chats). The same seed and size give the same text.
 * Numbers stay small, and so do exponents: what is large here is the text, never a value that other software would have to compute.
 *
 *     for (let seed = 0; ; seed++) grade(output(seed, 1_000_000))
 */

/** xorshift32 over a mixed seed, numbers in [0, 1). */
export function randomFrom(seed) {
  let state = (Math.imul(seed + 1, 2_654_435_761) ^ 0x9e3779b9) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const below = (random, n) => Math.floor(random() * n)
const pick = (random, list) => list[below(random, list.length)]
const WORDS = 'so the answer is not of 3 in because there are then we get x and or at least wait check total which equals'.split(' ')
const OPENING = ['(', '[', '{', '\\{', '\\left(', '|', '\\sqrt{', '\\frac{', '\\text{', '\\overline{', '\\begin{pmatrix}', 'x^{', 'f(']
const CLOSING = [')', ']', '}', '\\}', '\\right)', '|', '}', '}{2}', '}', '}', '\\end{pmatrix}', '}', ')']
const SIGNS = '+ - * / = < \\le \\cup \\pm , ; : ! % ^ _ & \\\\ $ \\circ \\cdot and or'.split(' ')
const BLANKS = [' ', '\n', '\t', '\r\n', '\u00a0', '\n\n', '  ']
const LETTERS = ['a', 'x', 'é', '中', '\u0301', '²', '½', '４', '−', '≤', '\ufdfa', '😀', '\ud800', '\u200b']

/** A formula of at most `depth` levels, as a model might state it. */
function formula(random, depth) {
  const number = () => String(below(random, random() < 0.2 ? 1e9 : 30))
  if (depth <= 0) return random() < 0.6 ? number() : pick(random, ['x', 'y', 'n', '\\pi', 'e', 'i', '0.25', '12%', '1{,}234'])
  const part = () => formula(random, depth - 1 - below(random, 2))
  const parts = (n, between) => Array.from({ length: n }, part).join(between)
  switch (below(random, 16)) {
    case 0:
      return `\\frac{${part()}}{${part()}}`
    case 1:
      return `\\sqrt{${part()}}`
    case 2:
      return `(${parts(2 + below(random, 6), pick(random, ['+', '-', '\\cdot ', '*']))})`
    case 3:
      return `${pick(random, ['\\sin', '\\ln', '\\arctan', '\\cos'])}(${part()})`
    case 4:
      return `(${part()})^{${1 + below(random, 9)}}`
    case 5:
      return `\\sum_{k=1}^{${1 + below(random, 99)}} \\frac{${part()}}{k+1}`
    case 6:
      return `\\int_0^1 ${part()} dx`
    case 7:
      return `\\lim_{x\\to ${below(random, 3)}} ${part()}`
    case 8:
      return `\\begin{pmatrix}${parts(2, '&')}\\\\${parts(2, '&')}\\end{pmatrix}`
    case 9:
      return `(${part()}, ${part()}]${random() < 0.5 ? ` \\cup [${part()}, ${part()})` : ''}`
    case 10:
      return `\\{${parts(1 + below(random, 20), ', ')}\\}`
    case 11:
      return `x ${pick(random, ['=', '<', '\\ge'])} ${part()}`
    case 12:
      return `${part()} \\pm ${part()}`
    case 13:
      return `|${part()}|`
    case 14:
      return `${part()}${pick(random, ['\\text{ cm}', ' \\%', '^\\circ', '!', '_2', ' apples', ' km/h'])}`
    default:
      return parts(1 + below(random, 8), pick(random, [', ', ' ', ' and ', '=', ':', '+']))
  }
}

const prose = (random, words) => Array.from({ length: words }, () => pick(random, WORDS)).join(' ')
const fresh = (random) => below(random, 2 ** 31).toString(36)

/** What one path or line comes to. */
function statement(random) {
  const answer = random() < 0.5 ? String(below(random, 100)) : formula(random, 1 + below(random, 5))
  const form = pick(random, ['it is #', 'Final Answer: #', '\\boxed{#}', '$#$', 'so x = #', '#', '<answer>#</answer>', '#### #', '**#**'])
  return form.replace('#', () => answer)
}

/** A run of one sign, a few signs, or one line without end. */
function run(random) {
  const unit = Array.from({ length: 1 + below(random, 3) }, () =>
    pick(random, [...SIGNS, ...BLANKS, ...LETTERS, '1', '(A) ', '*', '#', '`', '"']),
  )
  return () => unit.join('')
}

/**
 * Shapes: each draws its own manner once and then gives piece after piece, until the text is long enough. What opens need not close.
 */
export const SHAPES = {
  runs: run,
  tags: (random) => {
    const tags = ['<Parallel>', '</Parallel>', '<Path>', '</Path>', '<Summary>', '</Summary>', 'a', '\n', '']
    const few = Array.from({ length: 1 + below(random, 5) }, () => pick(random, tags))
    return random() < 0.5 ? () => pick(random, tags) : () => few.join('')
  },
  blocks: (random) => {
    const paths = pick(random, [1, 2, 4, 16, 17, 400])
    const same = random() < 0.3 ? statement(random) : undefined
    return () => {
      const said = Array.from({ length: paths }, () => `<Path>${same ?? statement(random)}</Path>`).join('')
      return `<Parallel>${said}</Parallel>\n<Summary>${statement(random)}</Summary>\n`
    }
  },
  paths: (random) => {
    const length = pick(random, [40, 400, 4000, 40_000])
    const shape = SHAPES[pick(random, ['runs', 'words', 'formulas', 'brackets', 'statements', 'boxes', 'sentences'])](random)
    return () =>
      `<Parallel><Path>${fill(shape, length)}</Path><Path>${fill(shape, length)}</Path></Parallel><Summary>${fill(shape, 40)}</Summary>`
  },
  words: (random) => {
    const kinds = pick(random, [1, 2, 7, 1000, 2 ** 30])
    const blank = pick(random, BLANKS)
    const long = 'w'.repeat(pick(random, [0, 1, 6, 2000]))
    return () => `${long}${below(random, kinds).toString(36)}${blank}`
  },
  punctuation: (random) => () => pick(random, ['.', ',', '-', '!', '1', '1,', '.5', "'", '&lt;', '&amp;', '-\n', ' ', '3-', '?']),
  formulas: (random) => {
    const depth = 1 + below(random, 7)
    const around = pick(random, ['$#$ ', '\\(#\\) ', '$$#$$\n', '# ', '#=', '#, ', '#+'])
    return () => around.replace('#', () => formula(random, depth))
  },
  brackets: (random) => {
    const at = below(random, OPENING.length)
    const depth = pick(random, [1, 8, 40, 70, 1000])
    const inner = pick(random, ['1', 'x', '', '1,2'])
    return () => OPENING[at].repeat(depth) + inner + (random() < 0.7 ? CLOSING[at].repeat(depth) : '') + pick(random, ['+', ',', ' ', '='])
  },
  boxes: (random) => {
    const glue = pick(random, ['', ' ', ' and ', ', ', '\n', ' x '])
    const content = pick(random, [() => '', () => String(below(random, 9)), () => formula(random, 3), () => '\\boxed{'])
    return () => `\\boxed{${content()}}${glue}`
  },
  statements: (random) => {
    const between = pick(random, ['\n', '. ', ', ', ' so ', ' = ', '\n\n'])
    return () => statement(random) + between
  },
  sentences: (random) => {
    const few = Array.from({ length: 1 + below(random, 4) }, () => prose(random, 1 + below(random, 8)))
    const end = pick(random, ['. ', ', ', '; ', ' ', '\n', '? ', ' 5 ', ' = '])
    return random() < 0.5 ? () => few.join(' ') + end : () => prose(random, 1 + below(random, 30)) + end
  },
  markers: (random) => {
    const few = [
      'answer',
      'answer:',
      'the answer is ',
      'Final Answer: ',
      '**Answer**\n',
      '#### ',
      '<answer>',
      '</answer>',
      '<think>',
      '</think>',
      'is ',
      '= ',
    ]
    const chosen = Array.from({ length: 1 + below(random, 3) }, () => pick(random, few))
    return () => pick(random, chosen) + (random() < 0.3 ? statement(random) : '')
  },
  arithmetic: (random) => {
    const end = pick(random, ['\n', '; ', ' = ', ' + ', ', so '])
    const wrap = pick(random, ['#', '(#)', '- #', '**#**', '$#$', 'Answer: #', '\\frac{#}{2}'])
    const ops = ['+', '-', '*', '/', ' x ', ' × ', '=', '^']
    return () => {
      const sum = Array.from({ length: 1 + below(random, 20) }, () => below(random, 100) + pick(random, ops)).join('') + below(random, 9)
      return wrap.replace('#', () => sum) + end
    }
  },
  fresh: (random) => () => `${fresh(random)} ${pick(random, ['', '\n', '= ', '<Path>', '. '])}`,
}

/** Piece after piece of a shape, up to `size` characters. */
export function fill(next, size) {
  const pieces = []
  for (let length = 0; length < size; ) {
    const piece = next() || ' '
    pieces.push(piece)
    length += piece.length
  }
  return pieces.join('').slice(0, size)
}

/** A text of `size` characters. Small ones repeat, large ones are put together from several shapes, and some end in an answer. */
export function output(seed, size) {
  const random = randomFrom(seed)
  const names = Object.keys(SHAPES)
  const part = (length) => {
    const shape = SHAPES[pick(random, names)](random)
    if (random() < 0.5 || length < 2000) return fill(shape, length)
    const unit = fill(shape, pick(random, [300, 2000, 20_000]))
    return unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
  }
  const count = random() < 0.5 ? 1 : 2 + below(random, 4)
  let text = Array.from({ length: count }, () => part(Math.ceil(size / count))).join('')
  if (random() < 0.2) text = `<Parallel><Path>${text}</Path><Path>${text.slice(-4000)}</Path></Parallel>\n<Summary>so</Summary>\n`
  if (random() < 0.1) text = `<think>${text}`
  if (random() < 0.5) text += `\n\n${statement(random)}`
  if (random() < 0.03)
    return JSON.stringify([
      { role: 'user', content: 'Solve.' },
      { role: 'assistant', content: text },
    ])
  return text.slice(-size)
}
