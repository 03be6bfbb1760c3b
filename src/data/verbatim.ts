/**
 * Text that promptfoo hands on unaltered.
 *
 * promptfoo renders every string variable through nunjucks before the prompt is rendered: `{{`, `{%` and `{#` are
 * executed or fail, `{{ name }}` is replaced by another variable, a last line break is dropped, `file://` and `package:`
 * are loaded. It does this to strings only. A list of one string is left alone, and `{{ problem }}` prints a list of one
 * as that string. So text that promptfoo would alter is put into a list (with `disableVarExpansion`, else promptfoo
 * makes a row of each element), and all other text stays a plain string, which reads better in tables and results.
 */

const ALTERED = /\{[{%#]|\n$|^(?:file:\/\/|package:)/

/** The text as a variable of a promptfoo test. */
export function verbatim(text: string): string | [string] {
  return ALTERED.test(text) ? [text] : text
}

/** The text of a variable made by {@link verbatim}. */
export function plainText(value: string | readonly string[]): string {
  return typeof value === 'string' ? value : value.join()
}
