/**
 * Text that somebody else wrote (a model, a data set, a label, a server) on its way to a terminal. A terminal obeys what it is
 * sent: an escape sequence can rewrite lines above, and a mark of direction can turn a line around.
 */

/** Control characters by their pictures, marks that turn the direction of text as U+FFFD. Line breaks stay, tabs are blanks. */
export function plain(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .replace(/\r\n/g, '\n')
    .replace(/\t/g, '  ')
    .replace(/[\0-\x09\x0b-\x1f]/g, (control) => String.fromCharCode(0x2400 + control.charCodeAt(0)))
    .replace(/\x7f/g, '␡')
    .replace(/[\x80-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd')
}

/** {@link plain} in one line: a name in a table, a label before a bar. */
export function plainLine(text: string): string {
  return plain(text).replace(/\n/g, ' ')
}

/** {@link plain}, but for bold, faint and green, which `pr1-tree` writes around text that is plain already. */
export function plainButStyled(text: string): string {
  return text
    .split(/(\x1b\[(?:1|2|22|32|39)m)/)
    .map((part, i) => (i % 2 === 0 ? plain(part) : part))
    .join('')
}

/** JSON that a terminal takes as it is: what {@link plain} would replace stands as an escape of JSON, so nothing of it is lost. */
export function plainJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2)
  return text.replace(
    /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A notice of this package, in one go. Standard error, so that output stays what it is. */
export function notice(message: string, screen: { write(text: string): unknown } = process.stderr): void {
  screen.write(`parallel-r1: ${plain(message)}\n`)
}
