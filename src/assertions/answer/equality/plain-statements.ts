/** Sentences about functions and solutions in signs: "f is identically zero" is f(x) = 0, "The eigenvalues are -5 and 2" is -5, 2. */

import type { Answer } from '../node.ts'
import { readAnswer } from '../reading/read.ts'
import { rationalInWords } from '../reading/words.ts'
import { inWords } from './branches.ts'

type Equal = (a: Answer, b: Answer) => boolean

const VALUE = String.raw`(zero|one|two|three|-?\d{1,6}(?:/\d{1,4})?)`
const IDENTICALLY = new RegExp(
  String.raw`^([a-zA-Z])(?:\s?\(([a-z])\))?\s(?:is\s(?:identically|constantly)(?: equal to)?|is the constant function)\s${VALUE}$`,
)
const EVERYWHERE = new RegExp(String.raw`^([a-zA-Z])\s?(?:≡|\\equiv)\s?${VALUE}$`)
const NOTHING = /^the (?:zero function|function that is (?:identically|always) zero)$/
const FOR_ALL =
  /^([a-zA-Z]\s?\(([a-z])\)\s?=\s?[^=<>]{1,100}?),?\sfor (?:all|every|any|each)\s(?:real\s)?(?:numbers?\s)?\2(?:\s?(?:∈|\\in)\s?(?:ℝ|R|\\mathbb\s?\{?\s?R\}?))?$/
const FUNCTION = /^([a-zA-Z])\s?\(([a-z])\)\s?=\s?[^=<>]{1,100}$/
const JOINT = /\s?[,;]\s?(?:or\s|and\s)?|\s(?:or|and)\s/
const MOST = 4

export const mayBeFunctions = (text: string): boolean =>
  /identically|constantly|constant function|zero function|≡|\\equiv|\bfor (?:all|every|any|each)\b/.test(text)

/** f(x) = 0 and f(x) = x² of "f(x) = x² for all x, or f is identically zero" */
function functionsOf(text: string, name: string, letter: string): string | undefined {
  const parts = inWords(text)
    .replace(/^either\s|[\s.]+$/gi, '')
    .split(JOINT)
  if (parts.length > MOST) return undefined
  const out = parts.map((part) => {
    const constant = IDENTICALLY.exec(part) ?? EVERYWHERE.exec(part)
    if (constant) {
      const value = constant.at(-1)!
      const number = /\d/.test(value) ? value : rationalInWords(value)?.n
      return constant[1] === name && (constant.length === 3 || (constant[2] ?? letter) === letter)
        ? `${name}(${letter})=${number}`
        : undefined
    }
    if (NOTHING.test(part)) return `${name}(${letter})=0`
    const said = FOR_ALL.exec(part)?.[1] ?? part
    return FUNCTION.test(said) && !/[<>≤≥]|\\[a-z]*[lgn]eq?(?![a-z])| (?:if|when|where|for) /.test(said) ? said : undefined
  })
  return out.every((one) => one !== undefined) ? out.join(' or ') : undefined
}

/** Whether a text lists in words the functions that a reference lists in signs. */
export function sameFunctions(text: string, reference: string, equal: Equal): boolean {
  if (text.length > 300 || reference.length > 300) return false
  const head = /([a-zA-Z])\s?\(([a-z])\)\s?=/.exec(reference)
  if (!head) return false
  const said = functionsOf(text, head[1], head[2])
  const meant = said === undefined ? undefined : functionsOf(reference, head[1], head[2])
  return said !== undefined && meant !== undefined && equal(readAnswer(said), readAnswer(meant))
}

const LISTED =
  /^(?:(?:so|thus|hence|therefore),? )?the (?:(?:two|three|four|only|distinct|real|possible) ){0,2}(eigenvalue|solution|root|zero)(s|es)?(?: of (?:[A-Z]|the (?:matrix|equation|polynomial|function)(?: [A-Za-z])?))? (?:is|are) (.{1,120}?)\.?$/i
const LETTERS: Readonly<Record<string, RegExp>> = {
  eigenvalue: /^(?:\\lambda|λ|[kt])(?:_\{?\d\}?)?$/,
  solution: /^[a-zθ](?:_\{?\d\}?)?$/,
  root: /^[a-zθ](?:_\{?\d\}?)?$/,
  zero: /^[a-zθ](?:_\{?\d\}?)?$/,
}

export const mayListSolutions = (text: string): boolean => /\b(?:eigenvalue|solution|root|zero)e?s? (?:is|are|of)\b/i.test(text)

/** Whether a sentence lists the values that a reference has under one letter, or under none. */
export function sameListed(text: string, reference: string, equal: Equal): boolean {
  const found = text.length < 200 ? LISTED.exec(inWords(text)) : null
  if (!found) return false
  const said = readAnswer(found[3])
  const meant = readAnswer(reference)
  const items = (answer: Answer): Answer[] => (answer.kind === 'list' || answer.kind === 'set' ? answer.items : [answer])
  const named = [...items(said), ...items(meant)].flatMap((item) => (item.kind === 'relation' ? [item.sides[0].key] : []))
  const letters = new Set(named.map((name) => name.replace(/_.*/, '')))
  if (letters.size > 1 || !named.every((name) => LETTERS[found[1].toLowerCase()].test(name))) return false
  const bare = items(said).every((item) => item.kind !== 'relation')
  const plain = (answer: Answer): Answer =>
    answer.kind === 'list' ? { ...answer, word: undefined, items: answer.items.map(valueIn), key: '' } : valueIn(answer)
  return items(said).length === items(meant).length || bare ? equal(plain(said), plain(meant)) : false
}

/** 3 of x_1 = 3 */
const valueIn = (answer: Answer): Answer =>
  answer.kind === 'relation' && answer.ops.join() === '=' && answer.sides.length === 2 ? answer.sides[1] : answer
