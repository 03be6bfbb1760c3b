/** Lists of cue words, as regular expressions of one alternative a line. */

/** Any of the lines. One that is indented further goes on the line before it. No line may begin or end with a blank. */
export const cues = (lines: string, flags = 'i'): RegExp =>
  new RegExp(
    lines
      .trim()
      .replace(/\n {6,}/g, '')
      .split(/\n */)
      .join('|'),
    flags,
  )
