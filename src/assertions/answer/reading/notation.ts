/** Notations of fields and countries for what has a usual form: ℝ⁺ is (0, ∞), ₉C₄ is a binomial, (1,2)^T is a column. */

const REALS = String.raw`\\(?:mathbb|mathbf|Bbb)\s?\{?\s?R\s?\}?\s?`
const HALF_LINE = new RegExp(
  String.raw`${REALS}(?:_\s?\{?\s?(>=?|<=?|\\(?:gt|lt|geq?|leq?|geqslant|leqslant)(?![a-z]))\s?0\s?\}?|\^\s?\{?\s?([+-])\s?\}?(?!\w))`,
  'g',
)
const CHOOSE = /(?:\{\s?\}\s?|(?<![\w}\])]))([_^])\s?\{?\s?(\d{1,4}|[a-z])\s?\}?\s?([CP])\s?_\s?\{?\s?(\d{1,4}|[a-z])\s?\}?(?!\w)/g
const TRANSPOSED =
  /^[([]([^()[\]{}]{1,200},[^()[\]{}]{1,200})[)\]]\s?\^\s?\{?\s?(?:T|\\top|\\intercal|\\(?:mathsf|mathrm|text|mathit)\s?\{?\s?T\s?\}?)\s?\}?$/
const UNIT_VECTOR =
  /\\(?:vec|hat|mathbf|boldsymbol|bm|overrightarrow|widehat)\s?(?:\{\s?\\?([ijk])(?:math)?\s?\}|\\([ij])math(?![a-z])|\s([ijk])(?![a-z]))/g
const SET_BEHIND = /(\\(?:setminus|cup|cap)\s{0,3})\{([^{}\\]{1,100})\}/g
const BACKSLASH = /(\\mathbb\s?\{R\}|\\mathbb R)\s?\\\s{1,3}\\?\{([^{}]{1,100}?)\\?\}/g

function halfLine(_: string, relation: string | undefined, sign: string | undefined): string {
  if (sign !== undefined) return sign === '+' ? '(0,\\infty)' : '(-\\infty,0)'
  const closed = /=|eq|\\[gl]e/.test(relation!)
  if (/>|\\g/.test(relation!)) return closed ? '[0,\\infty)' : '(0,\\infty)'
  return closed ? '(-\\infty,0]' : '(-\\infty,0)'
}

const CONJUGATE = /\\(?:overline|bar)\s?\{\s?(-?[\d.]*\s?[-+]\s?[\d.]*\s?i)\s?\}/g

const DERIVATIVE =
  /\\[dt]?frac\s?\{\s?d(?:\^\s?\{?([23])\}?)?\s?((?:[a-zA-Z]|\\[a-z]{2,7})(?:_\s?\{?\s?\w{1,3}\s?\}?)?)\s?\}\s?\{\s?d\s?([a-z])(?:\^\s?\{?([23])\}?)?\s?\}/g
/** dy/dx */
const DERIVATIVE_CLOSE = /(?<![\w\\])d([a-zA-Z])\s?\/\s?d([a-z])(?!\w)/g
const DOTS =
  /\\(d{0,2})dot\s?(?:\{\s?((?:[a-zA-Z]|\\[a-z]{2,7})(?:_\s?\{?\s?\w{1,3}\s?\}?)?)\s?\}|\s([a-zA-Z])(?![a-zA-Z])|(\\[a-z]{2,7}))(_\s?(?:\{\s?\w{1,3}\s?\}|\w))?/g

/** dy/dx as y', and dv/dt and a v with a dot as another one, by the time. */
function primed(name: string, by: string, count: number): string {
  const [, letter, index] = /^([^_]+)(?:_\s?\{?\s?(\w{1,3}))?/.exec(name)!
  const primes = "'".repeat(count)
  if (index !== undefined) return `${letter}_{${index}d${by}}${primes}`
  return `${letter}${letter === 'y' && by === 'x' ? '' : `_{d${by}}`}${primes}`
}

/** \tg, \operatorname{arctg}, \ctg */
const TANGENT = /\\(?:(?:operatorname|mathrm)\s?\{\s?(arc)?(c?)tg\s?\}|(arc)?(c?)tg(?![a-zA-Z]))/g

/** A text in the usual notation. */
export function inUsualNotation(text: string): string {
  if (!/[\\^_↦]/.test(text))
    return text.includes('/d') ? text.replace(DERIVATIVE_CLOSE, (_, name: string, by: string) => primed(name, by, 1)) : text
  const transposed = text.endsWith('T') || text.endsWith('}') || text.endsWith('top') ? TRANSPOSED.exec(text) : null
  if (transposed) return `\\begin{pmatrix}${transposed[1].split(',').join('\\\\')}\\end{pmatrix}`
  const mapped = /^[a-z]\s?(?:\\mapsto(?![a-z])|↦)\s?(.{1,200})$/.exec(text)
  if (mapped) return mapped[1]
  let out = text
  if (out.includes('i') && /\\(?:overline|bar)/.test(out))
    out = out.replace(CONJUGATE, (_, inner: string) => `(${inner.replace(/i$/, '(-i)')})`)
  if (/frac\s?\{\s?d/.test(out))
    out = out.replace(DERIVATIVE, (whole, above: string | undefined, name: string, by: string, below: string | undefined) =>
      above === below ? primed(name, by, Number(above ?? 1)) : whole,
    )
  if (out.includes('/d')) out = out.replace(DERIVATIVE_CLOSE, (_, name: string, by: string) => primed(name, by, 1))
  if (out.includes('dot'))
    out = out.replace(DOTS, (_, more: string, a?: string, b?: string, c?: string, index?: string) =>
      primed((a ?? b ?? c)! + (index ?? ''), 't', more.length + 1),
    )
  if (out.includes('tg'))
    out = out.replace(
      TANGENT,
      (_, a?: string, b?: string, c?: string, d?: string) => `\\${a ?? c ?? ''}${(b ?? d) === 'c' ? 'cot' : 'tan'} `,
    )
  if (/R/.test(out)) out = out.replace(HALF_LINE, halfLine).replace(BACKSLASH, '$1\\setminus\\{$2\\}')
  if (/[CP]\s?_/.test(out))
    out = out.replace(CHOOSE, (_, _mark, n: string, kind: string, k: string) =>
      kind === 'C' ? `\\binom{${n}}{${k}}` : `\\frac{(${n})!}{(${n}-${k})!}`,
    )
  if (/\\(?:setminus|cup|cap)\s{0,3}\{/.test(out)) out = out.replace(SET_BEHIND, '$1\\{$2\\}')
  if (/[ijk]/.test(out) && /\\(?:vec|hat|mathbf|bold|bm|over|wide)/.test(out))
    out = out.replace(UNIT_VECTOR, (_, a?: string, b?: string, c?: string) => `\\vec{${a ?? b ?? c}}`)
  return out
}
