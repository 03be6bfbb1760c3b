/** A response as a tree in a terminal: the paths of a block in columns while they fit, below each other where they don't. */

import stringWidth from 'string-width'
import wrapAnsi from 'wrap-ansi'
import { styled } from '../../cli/styled.ts'
import { plain } from '../../plain.ts'
import type { Part, ShownPath, ShownText } from '../page/payload.ts'

export interface DrawOptions {
  /** Cells of a line. */
  width: number
  /** Escape codes for bold, faint and green. */
  color: boolean
}

/** Cells of text that a column needs at least. */
const NARROWEST = 12

/** Draws the parts of a response in reading order. Whatever they say is text: nothing in it reaches the terminal as a control. */
export function drawTree(tree: readonly Part[], options: DrawOptions): string {
  return tree.flatMap((part) => ('text' in part ? drawSaid(part, options) : drawBlock(part, options))).join('\n')
}

const wrapped = (text: string, width: number): string[] =>
  wrapAnsi(plain(text).trim(), Math.max(1, width), { hard: true, trim: false }).split('\n')

/** Fills a line up with blanks; escape codes take no cell. */
const pad = (line: string, width: number, fill = ' '): string => line + fill.repeat(Math.max(0, width - stringWidth(line)))

function drawSaid({ text }: ShownText, { width }: DrawOptions): string[] {
  return text.trim() === '' ? [] : wrapped(text, width)
}

function drawBlock({ paths, summary }: { paths: ShownPath[]; summary?: ShownText }, options: DrawOptions): string[] {
  const inner = Math.floor((options.width - 1) / Math.max(1, paths.length)) - 3
  const body = inner >= NARROWEST ? drawColumns(paths, inner, options) : drawStack(paths, options)
  if (!summary) return body
  const [first, ...rest] = wrapped(summary.text, options.width - 2)
  return [...body, `╰ ${styled(titleOf('Summary', summary), 'bold', options)}`, `  ${first}`, ...rest.map((line) => `  ${line}`)]
}

function titleOf(name: string, { tokens, reaches, ended }: ShownText): string {
  return `${name}${tokens >= 0 ? `, ${tokens} tokens` : ''}${ended ? ', ended' : ''}${reaches ? ' ✓' : ''}`
}

/** Box by box; `inner` cells of text in each. */
function drawColumns(paths: readonly ShownPath[], inner: number, options: DrawOptions): string[] {
  const texts = paths.map((path) => linesOf(path, inner))
  const tall = Math.max(...texts.map((lines) => lines.length))
  const head = paths.map((path, i) => {
    // Where the count does not fit, the bare name does.
    const full = ` ${titleOf(`Path ${i + 1}`, path)} `
    const title = stringWidth(full) <= inner + 2 ? full : ` Path ${i + 1}${path.reaches ? ' ✓' : ''} `
    return pad(styled(title, path.reaches ? 'green' : 'bold', options), inner + 2, '─')
  })
  const line = (i: number): string => texts.map((lines, p) => ` ${mark(pad(lines[i] ?? '', inner), paths[p], options)} `).join('│')
  return [
    `┌${head.join('┬')}┐`,
    ...Array.from({ length: tall }, (_, i) => `│${line(i)}│`),
    `├${paths.map(() => '─'.repeat(inner + 2)).join('┴')}┘`,
  ]
}

function drawStack(paths: readonly ShownPath[], options: DrawOptions): string[] {
  return paths.flatMap((path, i) => [
    `├ ${styled(titleOf(`Path ${i + 1}`, path), path.reaches ? 'green' : 'bold', options)}`,
    ...linesOf(path, options.width - 2).map((line) => `│ ${mark(line, path, options)}`),
  ])
}

/** What a path says, behind the outline that named it. */
function linesOf({ text, outline }: ShownPath, width: number): string[] {
  return [...(outline ? wrapped(`→ ${outline.text.trim()}`, width) : []), ...wrapped(text, width)]
}

const mark = (line: string, { reaches }: ShownText, options: DrawOptions): string => (reaches ? styled(line, 'green', options) : line)
