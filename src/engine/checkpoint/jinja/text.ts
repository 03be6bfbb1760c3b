import { compare, Float, Iterated, numberOf, Tuple, typeName, Undefined, type Value } from './values.ts'

/** Values as text: Python's `str` and `repr`, and `json.dumps`. */

export function str(value: Value): string {
  if (typeof value === 'string') return value
  return value instanceof Undefined ? '' : repr(value)
}

function repr(value: Value): string {
  if (value === null) return 'None'
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return String(value)
  if (value instanceof Float) return floatText(value.value)
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Tuple) return `(${value.map(repr).join(', ')}${value.length === 1 ? ',' : ''})`
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(', ')}}`
  // Python writes an address here, which no prompt can mean.
  throw new TypeError(`a ${value instanceof Iterated ? 'generator' : typeName(value)} is no text`)
}

const short: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const inner = text.replace(/[\p{C}\p{Z}\\'"]/gu, (char) => {
    if (char === ' ' || ((char === '"' || char === "'") && char !== quote)) return char
    if (char === quote) return `\\${char}`
    const code = char.codePointAt(0)!
    const hex = (digits: number) => code.toString(16).padStart(digits, '0')
    return short[char] ?? (code < 0x100 ? `\\x${hex(2)}` : code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`)
  })
  return quote + inner + quote
}

/** The shortest digits that mean the number, with an exponent below 1e-4 and from 1e16 on. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const [digits, power] = value.toExponential().split('e')
  const exponent = Number(power)
  if (value !== 0 && (exponent < -4 || exponent >= 16))
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
  const text = value.toFixed(Math.max(1, digits.replace(/[-.]/g, '').length - 1 - exponent))
  return Object.is(value, -0) ? `-${text}` : text
}

export interface JsonForm {
  ensureAscii: boolean
  /** Blanks or text a level; undefined: one line. */
  indent?: string
  separators: readonly [item: string, key: string]
  sortKeys: boolean
}

export function toJson(value: Value, form: JsonForm, level = 0): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return jsonText(value, form)
  const number = numberOf(value)
  if (number !== undefined)
    return value instanceof Float ? floatText(number).replace('inf', 'Infinity').replace('nan', 'NaN') : String(number)
  if (Array.isArray(value))
    return enclosed(
      '[]',
      value.map((item) => toJson(item, form, level + 1)),
      form,
      level,
    )
  if (!(value instanceof Map)) throw new TypeError(`a ${typeName(value)} cannot be written as JSON`)
  const entries = [...value]
  if (form.sortKeys) entries.sort(([a], [b]) => compare(a, b))
  const parts = entries.map(
    ([key, item]) => jsonText(typeof key === 'string' ? key : toJson(key, form), form) + form.separators[1] + toJson(item, form, level + 1),
  )
  return enclosed('{}', parts, form, level)
}

function jsonText(text: string, { ensureAscii }: JsonForm): string {
  const json = JSON.stringify(text)
  return ensureAscii ? json.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`) : json
}

function enclosed([open, close]: string, parts: readonly string[], { indent, separators: [comma] }: JsonForm, level: number): string {
  if (indent === undefined || parts.length === 0) return open + parts.join(comma) + close
  const line = `\n${indent.repeat(level)}`
  return open + line + indent + parts.join(comma + line + indent) + line + close
}
