/**
 * Text that promptfoo hands on unaltered.
 *
 * promptfoo renders every string variable through nunjucks before the prompt is rendered: `{{`, `{%` and `{#` are
 * executed or fail, `{{ name }}` is replaced by another variable, a last line break is dropped, `file://` and `package:`
 * are loaded. It does this to strings only. A list of one string is left alone, and `{{ problem }}` prints a list of one
 * as that string. So text that promptfoo would alter is put into a list (with `disableVarExpansion`, else promptfoo
 * makes a row of each element), and all other text stays a plain string, which reads better in tables and results.
 */

const TEMPLATE = /\{[{%#]/
const REFERENCE = /^(?:file:\/\/|package:)/

export type Vars = Record<string, unknown>
export type VerbatimText = string | [string]

/** Whether promptfoo would run the text as a template. */
export const isTemplate = (text: string): boolean => TEMPLATE.test(text)

/** Whether promptfoo would load what the text names. */
export const isLoaded = (text: string): boolean => REFERENCE.test(text)

const isAltered = (text: string): boolean => isTemplate(text) || isLoaded(text) || text.endsWith('\n')

/** The text as a variable of a promptfoo test. */
export function verbatim(text: string): VerbatimText {
  return isAltered(text) ? [text] : text
}

/** The gate: every variable of a row from a file or a hub passes it. Lists, numbers and objects are left alone by promptfoo too. */
export function verbatimVars<T extends Vars>(vars: T): { [Name in keyof T]: T[Name] extends string ? VerbatimText : T[Name] } {
  const passed = Object.entries(vars).map(([name, value]) => [name, typeof value === 'string' ? verbatim(value) : value])
  return Object.fromEntries(passed) as ReturnType<typeof verbatimVars<T>>
}

/** The text of a variable made by {@link verbatim}. */
export function plainText(value: string | readonly string[]): string {
  return typeof value === 'string' ? value : value.join()
}

/** Variables as they were before {@link verbatimVars}. */
export function plainVars(vars: Vars): Vars {
  const isWrapped = (value: unknown): value is [string] =>
    Array.isArray(value) && value.length === 1 && typeof value[0] === 'string' && isAltered(value[0])
  return Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, isWrapped(value) ? value[0] : value]))
}

/** A template that prints the text. Of JSON it makes JSON. */
export function printing(text: string): string {
  // A comment that ends without a beginning is an error.
  return text.replace(/\{(?=[{%#])|#(?=\})/g, "{{ '$&' }}")
}
