/** Several boxes that are one answer together: "x = \\boxed{3}, y = \\boxed{-2}", "(a) … \\boxed{12} (b) … \\boxed{35}". */

import { nameOfPart } from '../reading/labelled-parts.ts'
import { matchesOf } from '../reading/matches.ts'
import { readAnswer } from '../reading/read.ts'
import { type Box, lastBoxed } from './boxed.ts'
import type { Expected } from './expected.ts'
import { DOUBTED } from './gathered.ts'

/** What several boxes say together, from the first to the last of them. */
export interface Together {
  text: string
  boxes: readonly Box[]
}

const SEVERAL = new Set(['list', 'set', 'logic'])
/** More parts than these no problem asks for. */
const PARTS = 8

/** The last boxes of a text as the one answer that the reference expects, where it has as many parts. Undefined: they are no such answer. */
export function boxesTogether(text: string, expected: Expected): Together | undefined {
  const { entries, kind, problem, labels } = expected
  const parts = labels && partBoxes(lastBoxes(text, labels.length + 1), labels, text)
  if (parts) return parts
  const solutions = kind === 'choice' || kind === 'text' ? undefined : solutionBoxes(text)
  if (solutions) return solutions
  if (entries === undefined || entries.count > PARTS) return undefined
  const boxes = lastBoxes(text, entries.count + 1)
  // "(a) \\boxed{5} (b) \\boxed{2, 3}": one of them is a list itself.
  if (boxes.some(({ content }) => SEVERAL.has(readAnswer(content).kind))) return undefined
  return (
    namedBoxes(text, boxes.slice(-entries.count), entries, problem) ??
    (kind === 'list' ? labelledBoxes(text, boxes, entries.count) : undefined)
  )
}

/** The last boxes, at most so many. None where the last one is empty or not closed. */
function lastBoxes(text: string, most: number): Box[] {
  const out: Box[] = []
  for (let before = text.length; out.length < most; before = out[0].start) {
    const box = lastBoxed(text, before)
    if (box?.kind !== 'box' || box.end > before) break
    out.unshift(box)
  }
  return out
}

/** The name before a box, "x =" or "x is", and what opens the formula. */
const NAME = /(?:^|[^a-zA-Z\\])([a-zA-Z])\s?(?:\$|\\\))?\s?(?:=|&=|is)\s?(?:\$|\\\()?\s?$/
/** Between the boxes nothing stands but what separates them. */
const SEPARATES = /^(?:[\s$,;.&{}]|\\(?:q?quad|text|and|[()[\],;! \\])|and){0,24}$/

function namedBoxes(
  text: string,
  boxes: readonly Box[],
  entries: Required<Expected>['entries'],
  problem: string | undefined,
): Together | undefined {
  if (boxes.length < entries.count) return undefined
  const values = new Map<string, string>()
  for (const [i, box] of boxes.entries()) {
    const from = i === 0 ? Math.max(0, box.start - 20) : boxes[i - 1].end
    if (box.start - from > 60) return undefined
    const before = text.slice(from, box.start)
    const name = NAME.exec(before)
    if (!name || values.has(name[1]) || (i > 0 && !SEPARATES.test(before.slice(0, before.lastIndexOf(name[1]))))) return undefined
    values.set(name[1], box.content.trim())
  }
  const order = entries.ordered && problem !== undefined ? orderIn(problem, values) : undefined
  const said = order
    ? `(${order.map((name) => values.get(name)).join(', ')})`
    : [...values].map(([name, value]) => `${name}=${value}`).join(', ')
  return { text: said, boxes }
}

/** "(x, y)", "(q,p)" in a problem */
const TUPLE = /\(\s?([a-zA-Z](?:\s?,\s?(?:\\ )?[a-zA-Z]){1,7})\s?\)/g

/** The order in which a problem has the letters last. */
function orderIn(problem: string, values: ReadonlyMap<string, string>): string[] | undefined {
  const tuples = matchesOf(problem, TUPLE).map(([, names]) => names.split(/[\s,\\]+/))
  return tuples.findLast((names) => names.length === values.size && names.every((name) => values.has(name)))
}

/** The label of a part at the start of a line, or "(b)" behind a sentence. */
const LABEL = /(?:(?:^|\n)[\s#*_>-]{0,6}(?:part\s)?\(?([a-h]|[1-8])[).]{1,2}|[.;,$]\s\(([a-h])\))(?=[\s.:*])/gi

function labelledBoxes(text: string, boxes: readonly Box[], count: number): Together | undefined {
  if (boxes.length !== count || boxes[0].start === 0) return undefined
  const from = Math.max(0, boxes[0].start - 1500)
  const tail = text.slice(from)
  if (DOUBTED.test(tail)) return undefined
  const labels = matchesOf(tail, LABEL)
  const names = labels.map(([, line, inline]) => (line ?? inline).toLowerCase()).join('')
  if (names.length !== count || !('abcdefgh'.startsWith(names) || '12345678'.startsWith(names))) return undefined
  const inPart = ({ start }: Box, i: number): boolean =>
    start > from + labels[i].index && (i + 1 === count || start < from + labels[i + 1].index)
  return boxes.every(inPart) ? { text: boxes.map(({ content }) => content.trim()).join(', '), boxes } : undefined
}

/** The name of a part before its box: "Centre:", "the radius is". */
const PART = /\b([a-zA-Z]{4,15})(?:[*_]{0,3}\s?(?:is|are|equals|=|:)[*_]{0,3}|:)\s*(?:\$\$?|\\\(|\\\[)?\s*$/

/** Boxes that each stand behind the name of one part of the reference. */
function partBoxes(boxes: readonly Box[], names: readonly string[], text: string): Together | undefined {
  if (boxes.length !== names.length) return undefined
  const values = new Map<string, string>()
  for (const [i, box] of boxes.entries()) {
    const from = Math.max(i === 0 ? 0 : boxes[i - 1].end, box.start - 60)
    const name = PART.exec(text.slice(from, box.start))?.[1]
    if (name === undefined) return undefined
    values.set(nameOfPart(name), box.content.trim())
  }
  const said = names.map((name) => (values.has(name) ? `${name}: ${values.get(name)}` : ''))
  return said.includes('') ? undefined : { text: said.join(', '), boxes }
}

/** What says behind boxes that there are no other solutions. */
const ALL_SAID =
  /\b(?:these|those)(?: [a-z]+){0,2} are (?:all|exactly|precisely|the only)\b|\bthere (?:are|is) no (?:other|further|more) (?:[a-z]+ )?(?:solutions?|roots?|values?|ones?)\b/i
const SOLUTION = /^\s*([a-zA-Z])\s?=[^=<>,]{1,80}$/

/** "From u = 1: \\boxed{x = ±1}. From u = 4: \\boxed{x = ±2}. These are all the solutions." */
function solutionBoxes(text: string): Together | undefined {
  if (!/[a-z][.!]?\s*$/i.test(text.slice(-6)) || !ALL_SAID.test(text.slice(-200))) return undefined
  const boxes = lastBoxes(text, PARTS + 1)
  if (boxes.length < 2 || boxes.length > PARTS) return undefined
  const behind = text.slice(boxes.at(-1)!.end)
  const between = text.slice(boxes[0].start)
  if (between.length > 4000 || !ALL_SAID.test(behind) || DOUBTED.test(between) || /extraneous|discard|reject/i.test(between))
    return undefined
  const names = new Set(boxes.map(({ content }) => SOLUTION.exec(content)?.[1]))
  return names.size === 1 && !names.has(undefined) ? { text: boxes.map(({ content }) => content.trim()).join(', '), boxes } : undefined
}
