/**
 * What chemists write: reactions, whose terms stand in any order on their side of the arrow; formulas, where CO is not Co; and electron
 * configurations, whose subshells stand in any order, behind a noble gas or written out. Coefficients, indices and charges count as written.
 */

import { matchesOf } from '../reading/matches.ts'
import { normalizeUnicode } from '../reading/normalize.ts'

const ELEMENTS = new Set(
  (
    'H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In ' +
    'Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am ' +
    'Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og'
  ).split(' '),
)
const LONGEST = 300
const ARROW = /\\(?:long)?rightarrow(?![a-zA-Z])|\\to(?![a-zA-Z])|\\xrightarrow\s?(?:\[[^\][]{0,40}\])?\s?\{[^{}]{0,60}\}|-{1,2}>|={1,2}>/g
const BOTH_WAYS = /\\(?:rightleftharpoons|leftrightharpoons|leftrightarrow)(?![a-zA-Z])|⇌|⇄|↔|<-{1,2}>|<={1,2}>/g

/** Without what only sets the letters: \mathrm, \text, \ce, blanks of LaTeX, braces. A charge stands in angle brackets. */
function plainFormula(text: string): string {
  return normalizeUnicode(text)
    .replace(/\\(?:mathrm|text|textrm|mathsf|mathbf|textbf|operatorname|ce|rm)(?![a-zA-Z])\s?/g, '')
    .replace(/\\(?:left|right|displaystyle)(?![a-zA-Z])/g, '')
    .replace(/\\(?:[,;:! ]|q?quad(?![a-zA-Z]))|~/g, ' ')
    .replace(BOTH_WAYS, ' ⇌ ')
    .replace(ARROW, ' → ')
    .replace(/\^\s?\{?\s?\{?(\d?)\s?([-+])\s?\}?\}?/g, '<$1$2>')
    .replace(/\\cdot(?![a-zA-Z])\s?|\*/g, '·')
    .replace(/[{}_$]/g, '')
    .trim()
    .replace(/[.\s]+$/, '')
}

const FORMULA = /^(?:[A-Z][a-z]?\d{0,3}|[([]|[)\]]\d{0,3}|·\d{0,2}){1,40}$/
const STATE = /\s?\((?:s|l|g|aq)\)$/

/** A formula of elements as it is written. Undefined: it is none. */
function formulaOf(text: string): string | undefined {
  const [, body, charge] = /^([^<>]{1,80}?)\s?(<\d?[-+]>)?$/.exec(text) ?? []
  if (body === undefined) return undefined
  if (body === 'e' && charge !== undefined) return `e${charge}`
  if (!FORMULA.test(body)) return undefined
  const symbols = body.match(/[A-Z][a-z]?/g) ?? []
  return symbols.length > 0 && symbols.every((symbol) => ELEMENTS.has(symbol)) ? body + (charge ?? '') : undefined
}

interface Term {
  count: string
  formula: string
  /** (s), (l), (g) or (aq), where it is said. */
  state: string
}

/** The terms of one side, 3 CO2 + 4 H2O. */
function termsOf(side: string): Term[] | undefined {
  const terms = side.split(/\+(?!>)/).map((part): Term | undefined => {
    const [, count, rest] = /^(\d{1,3}(?:\/\d{1,2})?|\d?\\[dt]?frac\d{2})?\s{0,2}(.{1,80})$/.exec(part.trim()) ?? []
    const state = STATE.exec(rest ?? '')?.[0].trim() ?? ''
    const formula = rest === undefined ? undefined : formulaOf(rest.slice(0, rest.length - (STATE.exec(rest)?.[0].length ?? 0)).trim())
    return formula === undefined ? undefined : { count: (count ?? '1').replace(/^\\[dt]?frac(\d)(\d)$/, '$1/$2'), formula, state }
  })
  return terms.every((term) => term !== undefined) ? terms : undefined
}

/** The terms of both sides. */
function reactionOf(text: string): Term[][] | undefined {
  if (text.length > LONGEST) return undefined
  const parts = plainFormula(text).split(/ [→⇌] /)
  if (parts.length !== 2) return undefined
  const sides = parts.map(termsOf)
  return sides.every((side) => side !== undefined) ? sides : undefined
}

function sameTerms(a: readonly Term[], b: readonly Term[]): boolean {
  const rest = [...b]
  for (const { count, formula, state } of a) {
    const at = rest.findIndex(
      (other) => other.count === count && other.formula === formula && (state === other.state || state === '' || other.state === ''),
    )
    if (at < 0) return false
    rest.splice(at, 1)
  }
  return rest.length === 0
}

/** 4 s² of "4s^2", and how many of the electrons a subshell may have. */
const SUBSHELL = /^([1-7])(?:(s)\^?([12])|(p)\^?([1-6])|(d)\^?(10|[1-9])|(f)\^?(1[0-4]|[1-9]))(?!\d?\^)/
const CORES: Readonly<Record<string, string>> = {
  He: '1s2',
  Ne: '[He]2s22p6',
  Ar: '[Ne]3s23p6',
  Kr: '[Ar]3d104s24p6',
  Xe: '[Kr]4d105s25p6',
  Rn: '[Xe]4f145d106s26p6',
}

/** The electrons of each subshell, in one order. Undefined: it is no configuration. */
function configurationOf(text: string): string | undefined {
  if (text.length > LONGEST) return undefined
  const shells = new Map<string, string>()
  let rest = plainFormula(text).replace(/\s/g, '')
  for (let round = 0; rest !== '' && round < 60; round++) {
    const core = round < 10 && rest.startsWith('[') ? CORES[/^\[([A-Z][a-z])\]/.exec(rest)?.[1] ?? ''] : undefined
    if (core !== undefined && shells.size === 0) {
      rest = core + rest.slice(4)
      continue
    }
    const found = SUBSHELL.exec(rest)
    const [letter, count] = found?.slice(2).filter((one) => one !== undefined) ?? []
    const name = `${found?.[1]}${letter}`
    if (!found || shells.has(name)) return undefined
    shells.set(name, count)
    rest = rest.slice(found[0].length)
  }
  return shells.size > 1 ? [...shells].sort().join() : undefined
}

const MAY_BE_CONFIGURATION = /\d\s?\\?[{]?\s?[spdf]/
/** Letters set upright with an index, \mathrm{CO_2}, or the index of one small figure: CO₂, \ce{CO2}. */
const UPRIGHT = /^\s*\$?\s?\\(?:mathrm|text|ce|textrm|rm)(?![a-zA-Z])|[₀-₉]/
const MAY_REACT = /\\to(?![a-zA-Z])|arrow|harpoons|->|[→⇌⟶⇄]/

/** Whether two texts say the same in chemistry. Undefined: the reference is nothing of chemistry, or the other text is not. */
export function sameChemistry(text: string, reference: string): { same: boolean; type: string } | undefined {
  if (!/[A-Zspdf]/.test(reference)) return undefined
  if (MAY_REACT.test(reference)) {
    const meant = reactionOf(reference)
    const said = meant && reactionOf(text.replace(/(?<![<>=])=(?![=>])/, ' → '))
    if (!meant || !said) return undefined
    return { same: said.every((side, i) => sameTerms(side, meant[i])), type: 'reaction' }
  }
  if (MAY_BE_CONFIGURATION.test(reference)) {
    const meant = configurationOf(reference)
    const said = meant === undefined ? undefined : configurationOf(text)
    if (meant !== undefined && said !== undefined) return { same: said === meant, type: 'electron configuration' }
  }
  if (!UPRIGHT.test(reference) || reference.length > 60 || text.length > 60 || !/\d|[₀-₉]/.test(reference)) return undefined
  const meant = formulaOf(plainFormula(reference))
  const said = meant === undefined || matchesOf(meant, /[A-Z]/g).length < 2 ? undefined : formulaOf(plainFormula(text))
  return said === undefined ? undefined : { same: said === meant, type: 'chemical formula' }
}
