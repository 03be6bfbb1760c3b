/** Numbers as others write them, in the figures that every reader here knows: 1.234.567, 350万, 2亿, 101 (base 2). */

import { numberInWords } from './words.ts'

/** Two groups behind dots or more: no decimal has two. */
const DOTTED = /(?<![\w.,])(\d{1,3}(?:\.\d{3}){2,6})(?:,(\d{1,6}))?(?![\d.,]*\d|\w)/g

/** Ten thousands and hundred millions of Chinese and Japanese, also behind the sign that closes a formula or box. */
const MYRIADS = /(?<![\w.,])(\d{1,3}(?:,\d{3}){1,4}|\d{1,12})(?:\.(\d{1,8}))?([}$\s]{0,4})(百万|千万|[万萬亿億])(?![万萬亿億百千\d])/g

/** The same text with such numbers in plain figures. */
export function inPlainFigures(text: string): string {
  const plain =
    text.includes('.') && DOTS.test(text) ? text.replace(DOTTED, (_, whole: string, part?: string) => joined(whole, part)) : text
  return MYRIAD.test(plain)
    ? plain.replace(MYRIADS, (_, whole: string, part: string | undefined, closing: string, sign: string) => {
        const zeros = ZEROS[sign] ?? 8
        const digits = (part ?? '').padEnd(zeros, '0')
        const value = (whole.replaceAll(',', '') + digits.slice(0, zeros)).replace(/^0+(?=\d)/, '')
        return value + (digits.length > zeros ? `.${digits.slice(zeros)}` : '') + closing
      })
    : plain
}

/** Whether a sign is one of them. */
export const isMyriad = (sign: string | undefined): sign is string => sign !== undefined && MYRIAD.test(sign)

const joined = (whole: string, part: string | undefined): string => whole.replaceAll('.', '') + (part === undefined ? '' : `.${part}`)

const ZEROS: Readonly<Record<string, number>> = { 万: 4, 萬: 4, 百万: 6, 千万: 7 }

/** What most texts lack, so that they are not searched. */
const DOTS = /\d\.\d{3}\.\d{3}/
const MYRIAD = /[万萬亿億]/

const IN_BASE =
  /(?<![\w.,_])([0-9A-F]{1,60}|[0-9a-f]{1,60})(\$|\\\))?\s?(?:\(\s?base[\s-](\d{1,2}|[a-z]{3,8})\s?\)|\b(?:in )?base[\s-](\d{1,2}|[a-z]{3,8})\b)/g

/** "101 (base 2)" as 101_{2}; words with a number stay words. */
export function inBase(text: string): string {
  if (!text.includes('base')) return text
  return text.replace(IN_BASE, (whole, digits: string, closing = '', bracketed?: string, bare?: string) => {
    const written = bracketed ?? bare!
    const base = /^\d/.test(written) ? written : numberInWords(written)
    return base === undefined || !/\d/.test(digits) ? whole : `${digits}_{${base}}${closing}`
  })
}
