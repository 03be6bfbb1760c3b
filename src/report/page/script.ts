/** The scripts of the page: modules of the folder browser, joined into one text, as a page that loads nothing cannot import. */

import { readFileSync } from 'node:fs'

const asset = (name: string): string => readFileSync(new URL(`./browser/${name}.js`, import.meta.url), 'utf8')

export interface Scripts {
  samples?: boolean
  curves?: boolean
}

/** Every module before those that import it. */
const MODULES: Record<keyof Scripts, readonly string[]> = {
  curves: ['curves'],
  samples: ['samples', 'filter', 'list', 'chain', 'detail', 'main'],
}

/** What a page does in the browser. */
export function browserScript({ samples, curves }: Scripts): string {
  const names = ['dom', ...(curves ? MODULES.curves : []), ...(samples ? MODULES.samples : [])]
  return scoped(`const modules = {}\n${names.map((name) => `modules.${name} = ${linked(asset(name))}`).join('\n')}`)
}

/** Runs in the head, before anything is painted. */
export function themeScript(): string {
  return scoped(asset('theme'))
}

/** A module as an expression: its imports are taken from those before, its exports are the value. Both stand on lines of their own. */
function linked(code: string): string {
  const names = [...code.matchAll(/^export (?:async )?(?:const|function) (\w+)/gm)].map(([, name]) => name)
  const body = code.replace(/^import (\{.*\}) from '\.\/(\w+)\.js'$/gm, 'const $1 = modules.$2').replace(/^export /gm, '')
  return `(() => {\n${body}\nreturn { ${names.join(', ')} }\n})()`
}

const scoped = (code: string): string => `;(() => {\n'use strict'\n${code}\n})()`
