/** What every page of a report shares. A page is one HTML file: it works without network, and forbids itself to load anything. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { formatEstimate, type Unit } from '../format.ts'
import type { Estimate } from '../intervals.ts'
import { html, Markup } from './html.ts'
import { browserScript, type Scripts, themeScript } from './script.ts'

interface Document {
  title: string
  /** Ids of the headings, which the navigation names. */
  sections: readonly string[]
  /** Whether it holds the browser of samples (sample-browser.ts), in the section `samples`, and curves that are smoothed (curves.js). */
  scripts: Scripts
  header: Markup
  main: Markup
}

const style = (): string => readFileSync(new URL('./style.css', import.meta.url), 'utf8')

export function drawDocument({ title, sections, scripts, header, main }: Document): string {
  const [theme, script] = [themeScript(), browserScript(scripts)]
  const hashes = [theme, script].map((code) => `'sha256-${createHash('sha256').update(code).digest('base64')}'`).join(' ')
  const capital = (id: string): string => id.charAt(0).toUpperCase() + id.slice(1)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src ${new Markup(hashes)}; base-uri 'none'; form-action 'none'">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<script>${new Markup(theme)}</script>
<style>${new Markup(style())}</style>
</head>
<body>
${scripts.samples ? html`<a class="skip" href="#samples">Skip to the samples</a>` : undefined}
${header}
<nav aria-label="Sections">${sections.map((id) => html`<a href="#${id}">${capital(id)}</a>`)}</nav>
<main>
${main}
</main>
<script>${new Markup(script)}</script>
</body>
</html>
`
  return page.text
}

/** The name of the page and the button of its theme. */
export const titleRow = (title: string): Markup =>
  html`<div class="top"><h1>${title}</h1><button id="theme" type="button" hidden></button></div>`

/** A value with its interval, in cells. */
export function estimate(value: Estimate | undefined, unit: Unit): Markup {
  if (!value) return html`–`
  const [main, ...interval] = formatEstimate(value, unit).split(/ (?=\()/)
  return html`${main} <span class="interval">${interval.join(' ')}</span>`
}

export function figure(svg: string | undefined, caption: Markup): Markup | undefined {
  return svg === undefined ? undefined : html`<figure>${new Markup(svg)}<figcaption>${caption}</figcaption></figure>`
}
