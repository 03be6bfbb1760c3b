/** Command lines that a user can copy. */

/** Words that every shell takes as they are. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/

/** The words as one line that a POSIX shell reads back as them (XCU 2.2.2: nothing is special between single quotes but their end). */
export function commandLine(words: readonly string[]): string {
  return words.map((word) => (PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
