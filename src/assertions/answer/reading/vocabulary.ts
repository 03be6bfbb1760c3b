/** The LaTeX commands and words that mean something in an answer. */

export const FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'sin cos tan cot sec csc arcsin arccos arctan arccot arcsec arccsc asin acos atan sinh cosh tanh coth sech csch ' +
    'arcsinh arccosh arctanh asinh acosh atanh ln log lg exp sqrt cbrt abs floor ceil ceiling cis arsinh arcosh artanh max min gcd lcm binomial factorial'
  ).split(' '),
)
export const LONGEST_FUNCTION = 7
export const TEXT_COMMANDS = new Set('text textbf textit textrm textsf texttt textnormal mbox hbox emph textsc'.split(' '))
export const STYLE_COMMANDS = new Set('mathrm mathbf mathit mathsf operatorname boldsymbol bm mathcal mathbb rm bf'.split(' '))
export const SILENT = new Set(
  (
    'hline left right bigl bigr Bigl Bigr biggl biggr Biggl Biggr big Big bigg Bigg displaystyle textstyle limits nolimits quad qquad ' +
    'thinspace enspace enskip negthinspace hfill kern mathstrut strut null boxed fbox underline cancel mathop mathrel mathord ensuremath'
  ).split(' '),
)
/** Commands that go with their argument: colours, blanks, labels. */
export const SKIPPED = new Set('textcolor color hspace vspace mspace phantom hphantom vphantom tag label'.split(' '))
export const ALIASES: Readonly<Record<string, string>> = {
  dfrac: 'frac',
  tfrac: 'frac',
  cfrac: 'frac',
  nicefrac: 'frac',
  sfrac: 'frac',
  dbinom: 'binom',
  tbinom: 'binom',
  leq: '<=',
  le: '<=',
  leqslant: '<=',
  leqq: '<=',
  geq: '>=',
  ge: '>=',
  geqslant: '>=',
  geqq: '>=',
  lt: '<',
  gt: '>',
  ne: '!=',
  neq: '!=',
  cdot: '*',
  times: '*',
  ast: '*',
  div: '/',
  lvert: '|',
  rvert: '|',
  vert: '|',
  mid: '|',
  langle: '(',
  rangle: ')',
  lbrace: '\\{',
  rbrace: '\\}',
  lbrack: '[',
  rbrack: ']',
  varnothing: '\\emptyset',
  emptyset: '\\emptyset',
  degree: '^\\circ',
  degrees: '^\\circ',
  bmod: 'mod',
  mod: 'mod',
  colon: ':',
  ldots: '...',
  dots: '...',
  cdots: '...',
  dotsc: '...',
  infin: '\\infty',
  varepsilon: '\\epsilon',
  varphi: '\\phi',
  surd: '\\sqrt',
  backslash: '\\setminus',
  rightarrow: '\\to',
  longrightarrow: '\\to',
  implies: '\\Rightarrow',
  Longrightarrow: '\\Rightarrow',
  Leftrightarrow: '\\iff',
  leftrightarrow: '\\iff',
  Longleftrightarrow: '\\iff',
  lnot: '\\neg',
  land: '\\and',
  wedge: '\\and',
  lor: '\\or',
  vee: '\\or',
  arcsin: 'arcsin',
}
export const WORD_NAMES: Readonly<Record<string, string>> = { pi: '\\pi', infinity: '\\infty', inf: '\\infty', theta: '\\theta' }
/** Words that begin like a function. */
export const NO_FUNCTIONS = new Set('mins secs logs sins tans tanks tank floors minus mint mind mine sink sing sine maxi'.split(' '))
/** Words that would otherwise be read as products of letters. */
export const SHORT_WORDS = new Set(
  (
    'no yes odd not so we is one two six ten red all any the for if of to per day way man men cow car box egg dog cat hat cup pen bag toy bus ' +
    'job are was has had can but you our out who how its may get use new now old see did put end few own too big hrs on he if us'
  ).split(' '),
)
export const GREEK = new Set(
  (
    'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega ' +
    'Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega infty ell hbar'
  ).split(' '),
)
