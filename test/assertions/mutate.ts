/** Seeded mutations of real texts, for fuzzing: the same seed makes the same texts. */

/** xorshift32, numbers in [0, 1). */
export function randomFrom(seed: number): () => number {
  let state = (Math.imul(seed, 2_654_435_761) ^ 0x9e3779b9) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const PIECES = [
  '\\boxed{',
  '\\frac',
  '\\frac{',
  '\\sqrt',
  '\\text{',
  '\\left(',
  '\\right)',
  '\\begin{pmatrix}',
  '\\end{pmatrix}',
  '\\begin{cases}',
  '\\\\',
  '&',
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  '|',
  '$',
  '$$',
  '^',
  '_',
  '!',
  '%',
  '\\%',
  ',',
  ';',
  ':',
  '=',
  '<',
  '\\le',
  '\\pm',
  '\\cup',
  '\\infty',
  '\\pi',
  '\\circ',
  '\\sum_{k=1}^{',
  '\\int_0^',
  '\\lim_{x\\to ',
  '\\frac{d}{dx}',
  'dx',
  '\\binom',
  '\\log_',
  '\\ldots',
  '...',
  '9999999999',
  '1e999',
  '0',
  'x',
  'i',
  ' and ',
  ' or ',
  'not ',
  'Final Answer: ',
  'the answer is ',
  '####',
  '<answer>',
  '</think>',
  '**',
  '\n',
  '\u200b',
  '²',
  '½',
  '−',
  '\u202e',
  '\ud800',
  '\0',
  '\b',
  '\f',
  '__proto__',
  'constructor',
] as const

/** A text with one to six random changes, now and then a much repeated part; at most `limit` characters. */
export function mutate(text: string, other: string, random: () => number, limit = 5000): string {
  let out = text
  const at = (): number => Math.floor(random() * (out.length + 1))
  for (let changes = 1 + Math.floor(random() * 6); changes > 0; changes--) {
    const from = at()
    const length = Math.floor(random() * 12)
    const kind = random()
    if (kind < 0.35) out = out.slice(0, from) + PIECES[Math.floor(random() * PIECES.length)] + out.slice(from)
    else if (kind < 0.55) out = out.slice(0, from) + out.slice(from + length)
    else if (kind < 0.7) out = out.slice(0, from) + out.slice(from, from + length) + out.slice(from)
    else if (kind < 0.8) {
      const start = Math.floor(random() * other.length)
      out = out.slice(0, from) + other.slice(start, start + 40) + out.slice(from)
    } else if (kind < 0.88) out = out.slice(0, from)
    else if (kind < 0.94) out = out.slice(0, from) + String.fromCharCode(Math.floor(random() * 0x250)) + out.slice(from)
    else if (kind < 0.97) out = out.replace(/\d/, String(Math.floor(random() * 1e12)))
    else {
      const part = random() < 0.5 ? PIECES[Math.floor(random() * PIECES.length)] : out.slice(from, from + 1 + length)
      out = out.slice(0, from) + part.repeat(1 + Math.floor(random() * 300)) + out.slice(from)
    }
    if (out.length > limit) out = out.slice(-limit)
  }
  return out
}
