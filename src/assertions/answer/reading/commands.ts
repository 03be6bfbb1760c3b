/** LaTeX commands in answers: signs and names by their aliases, text and style, environments. */

import { closingBrace } from '../claims/boxed.ts'
import { LIMITS, TooComplex } from '../limits.ts'
import { parseUnit } from '../units/units.ts'
import type { Tokenizer } from './tokens.ts'
import { ALIASES, FUNCTIONS, GREEK, SILENT, SKIPPED, STYLE_COMMANDS, TEXT_COMMANDS } from './vocabulary.ts'

export function takeCommand(t: Tokenizer): void {
  const start = t.at++
  const c = t.text[t.at]
  if (c === undefined) return
  if (!/[a-zA-Z]/.test(c)) {
    takeSymbolCommand(t, c)
    return
  }
  while (t.at < t.text.length && /[a-zA-Z]/.test(t.text[t.at])) t.at++
  const name = t.text.slice(start + 1, t.at)
  // "\quadx": a blank that runs into the next name.
  const blank = /^q?quad(?=.)/.exec(name)
  if (blank) t.at = start + 1 + blank[0].length
  if (blank || SILENT.has(name)) {
    t.space = true
    return
  }
  if (SKIPPED.has(name)) {
    if (t.text[t.at] === '*') t.at++
    const end = t.text[t.at] === '{' ? closingBrace(t.text, t.at) : -1
    if (end > 0) t.at = end + 1
    t.space = true
    return
  }
  if (TEXT_COMMANDS.has(name) || STYLE_COMMANDS.has(name)) {
    takeStyled(t, name)
    return
  }
  if (name === 'begin' || name === 'end') {
    const close = t.text.indexOf('}', t.at)
    const environment = close < 0 ? '' : t.text.slice(t.at, close + 1).replace(/[{}*\s]/g, '')
    t.at = close < 0 ? t.text.length : close + 1
    // \begin{array}{cc}: the columns say nothing.
    if (name === 'begin' && environment === 'array' && t.text[t.at] === '{') {
      const end = closingBrace(t.text, t.at)
      if (end > 0) t.at = end + 1
    }
    t.push({ kind: 'sign', text: `\\${name}{${environment}}`, space: t.space })
    return
  }
  if (FUNCTIONS.has(name) && name !== 'sqrt') {
    t.push({ kind: 'function', text: name, space: t.space })
    return
  }
  if (name === 'not' && /^\s?(?:=|\\in(?![a-z]))/.test(t.text.slice(t.at, t.at + 5))) {
    const equals = t.text.slice(t.at, t.at + 2).includes('=')
    t.at = equals ? t.text.indexOf('=', t.at) + 1 : t.text.indexOf('\\in', t.at) + 3
    t.push({ kind: 'sign', text: equals ? '!=' : '\\notin', space: t.space })
    return
  }
  if (name === 'det') {
    t.push({ kind: 'function', text: name, space: t.space })
    return
  }
  if (name === 'sgn') {
    t.push({ kind: 'word', text: name, space: t.space })
    return
  }
  if (name === 'cr') {
    t.push({ kind: 'sign', text: '\\\\', space: t.space })
    return
  }
  const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined
  if (alias === undefined) {
    const kind = GREEK.has(name) ? 'name' : 'sign'
    t.push({ kind, text: `\\${name}`, space: t.space })
    return
  }
  const text = alias === 'frac' || alias === 'binom' ? `\\${alias}` : alias
  t.bracket(text)
  t.push({ kind: GREEK.has(text.slice(1)) ? 'name' : 'sign', text, space: t.space })
}

const ROW_GAP = /^\s?\[\s?-?\d{0,3}\.?\d{1,3}\s?(?:pt|em|ex|mm|cm|px|mu|in)\s?\]/

function takeSymbolCommand(t: Tokenizer, c: string): void {
  t.at++
  if (c === '{' || c === '}') {
    t.bracket(`\\${c}`)
    t.push({ kind: 'sign', text: `\\${c}`, space: t.space })
  } else if (c === '\\') {
    // "\\[2pt]": space between rows.
    const gap = ROW_GAP.exec(t.text.slice(t.at, t.at + 16))
    if (gap) t.at += gap[0].length
    t.push({ kind: 'sign', text: '\\\\', space: t.space })
  } else if (c === '%' || c === '$' || c === '&') t.push({ kind: 'sign', text: c, space: t.space })
  else if (c === '|') t.push({ kind: 'sign', text: '|', space: t.space })
  else t.space = true
}

/** \mathbf{0.27\ldots} */
const ENDLESS = /^[-+]?\d{1,20}\.\d{1,60}\s?\\[lc]?dots\s?$/

/** `\text{…}` is prose, `\mathrm{…}` and the like may be a letter or a function. */
function takeStyled(t: Tokenizer, command: string): void {
  while (t.text[t.at] === ' ') t.at++
  let inner: string
  if (t.text[t.at] === '{') {
    const close = closingBrace(t.text, t.at)
    if (close < 0) throw new TooComplex('a brace is not closed')
    inner = t.text.slice(t.at + 1, close)
    t.at = close + 1
  } else if (t.at < t.text.length) inner = t.text[t.at++]
  else return
  const plain = (inner.includes('\\') ? plainUnits(inner) : inner).replace(/[{}$\\~]/g, ' ').trim()
  const prose = TEXT_COMMANDS.has(command)
  if (/^,?\s*(?:and|or|et|ou|und|oder|且|或),?$/i.test(plain))
    t.push({ kind: 'sign', text: /or|ou|oder|或/i.test(plain) ? 'or' : 'and', space: true })
  else if (command === 'mathbb' && plain === 'R') t.push({ kind: 'sign', text: '\\R', space: t.space })
  else if (!prose && FUNCTIONS.has(plain)) t.push({ kind: 'function', text: plain, space: t.space })
  else if (prose && FUNCTIONS.has(plain) && (plain === 'cis' || t.text[t.at] === '('))
    t.push({ kind: 'function', text: plain, space: t.space })
  else if (!prose && isUprightUnit(t, command, inner, plain)) t.push({ kind: 'text', text: plain, space: true })
  else if (inner.includes('\\') && plain.length > 1 && isBehindValue(t) && parseUnit(plain)?.strict)
    t.push({ kind: 'text', text: plain, space: true })
  else if (!prose && /^\D$/.test(plain)) t.push({ kind: 'name', text: plain, space: t.space })
  else if (/^[-+]?[\d.,\s]+$/.test(plain) || ENDLESS.test(inner) || (inner.includes('\\') && !/[a-zA-Z]{2}/.test(plain))) t.splice(inner)
  else if (plain !== '') t.push({ kind: 'text', text: plain, space: true })
}

function isBehindValue(t: Tokenizer): boolean {
  const before = t.tokens.at(-1)
  return before?.kind === 'number' || /^(?:[)}]|\\pi)$/.test(before?.text ?? '')
}

/** The letter of a unit: behind a blank as in 100\\mathrm{~m}, or upright behind a number. */
function isUprightUnit(t: Tokenizer, command: string, inner: string, plain: string): boolean {
  if (plain.length !== 1 || (command !== 'mathrm' && command !== 'rm')) return false
  const before = t.tokens.at(-1)
  return /^(?:~|\s|\\[ ,;:])/.test(inner) || (before?.kind === 'number' && /[mgshLlNJWVK]/.test(plain))
}

/** Fractions, products, micro, ohm and degrees of a unit inside \\mathrm or \\text, without commands. */
function plainUnits(inner: string): string {
  return inner
    .slice(0, LIMITS.candidate)
    .replace(/\^ ?\{(-?\d)\}/g, '^$1')
    .replace(/\\[dt]?frac ?\{([^{}]{1,60})\} ?\{([^{}]{1,60})\}/g, '$1/$2')
    .replace(/\\(?:cdot|times)(?![a-zA-Z])/g, '*')
    .replace(/\\mu(?![a-zA-Z]) ?/g, 'µ')
    .replace(/\\Omega(?![a-zA-Z])/g, 'Ω')
    .replace(/\^? ?\{? ?\\circ(?![a-zA-Z]) ?\}?/g, '°')
}
