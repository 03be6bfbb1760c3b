/** Several boxes that are one answer together: "x = \\boxed{3}, y = \\boxed{-2}", "(a) … \\boxed{12} (b) … \\boxed{35}". */

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
  const { entries, kind, problem } = expected
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
