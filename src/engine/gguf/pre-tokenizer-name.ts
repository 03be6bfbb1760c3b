import { isObject, type JsonObject } from '../../json.ts'
import { preTokenizers } from './pre-tokenizers.ts'

/** From the rules of a `tokenizer.json` to the name that llama.cpp has for the way they cut a text. */

const { raw } = String
const ending = raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`
const withoutFlag = raw`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`

/** Patterns that llama.cpp runs in another form, as they stand in the models' own files. */
const cased = (end: string, digits: string) => {
  const [upper, lower, before] = [raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`, raw`[^\r\n\p{L}\p{N}]?`]
  return raw`${before}${upper}*${lower}+${end}|${before}${upper}+${lower}*${end}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
}
const originals = new Map([
  [cased('', raw`\p{N}`), 'tekken'],
  [cased(`${ending}?`, raw`\p{N}{1,3}`), 'gpt-4o'],
])

/**
 * The name for `tokenizer.ggml.pre`; undefined where llama.cpp cuts in none of the ways that are known here as these rules do.
 * @param rules `tokenizer.json` of a byte-level tokenizer
 */
export function preTokenizerName(rules: Readonly<JsonObject>): string | undefined {
  const patterns = patternsOf(rules.pre_tokenizer)
  if (patterns === undefined) return undefined
  const wholeTokens = isObject(rules.model) && rules.model.ignore_merges === true
  for (const [name, known] of preTokenizers) {
    const [only] = patterns
    const same = patterns.length === 1 && originals.get(only) === name ? true : isSame(patterns, known.patterns)
    if (same && (known.wholeTokens ?? false) === wholeTokens) return name
  }
  return undefined
}

function isSame(patterns: readonly string[], known: readonly string[]): boolean {
  const plain = patterns.map((pattern) => pattern.replaceAll(ending, withoutFlag))
  return plain.length === known.length && plain.every((pattern, i) => pattern === known[i])
}

/** What cuts the text, one pattern after the other; undefined where something else does. */
function patternsOf(rule: unknown): string[] | undefined {
  if (!isObject(rule)) return undefined
  if (rule.type === 'Sequence' && Array.isArray(rule.pretokenizers)) {
    const parts = rule.pretokenizers.map(patternsOf)
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined
  }
  const [words] = preTokenizers.get('gpt-2')?.patterns ?? []
  if (rule.type === 'ByteLevel') return rule.add_prefix_space === true ? undefined : rule.use_regex === false ? [] : [words]
  if (rule.type === 'Digits') return [rule.individual_digits === true ? raw`\p{N}` : raw`\p{N}+`]
  const regex = rule.type === 'Split' && isObject(rule.pattern) ? rule.pattern.Regex : undefined
  if (typeof regex !== 'string') return undefined
  // Patterns that match every character: what they do not match is nothing.
  const cuts = (rule.behavior === 'Isolated' && rule.invert !== true) || (rule.behavior === 'Removed' && rule.invert === true)
  return cuts ? [regex] : undefined
}
