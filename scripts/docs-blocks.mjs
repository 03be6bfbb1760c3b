// What the Markdown pages hold for machines: commands with the way they are checked, files, links and anchors.
//
// A block of commands is fenced as `sh`. Comments right above it say how it is checked; without one it runs as it stands.
//   <!-- run: npx … -->        runs this in its place, for instance a smaller size (may have several lines)
//   <!-- needs: PR1_DATA -->   runs only where that environment variable is set
//   <!-- not run: reason -->   does not run
//   <!-- file: name -->        above any block: it is written to that file first
//   <!-- commands: project --> anywhere: the page's commands run in a new project that has installed the package, else in a copy of the repository

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** Pages with commands, in the order in which somebody reads them. */
export function pagesOf(root) {
  const docs = path.join(root, 'docs')
  const order = [...readFileSync(path.join(docs, 'README.md'), 'utf8').matchAll(/\]\((\w[\w-]*\.md)\)/g)].map(([, file]) => file)
  const all = ['README.md', ...readdirSync(docs).filter((file) => file.endsWith('.md') && file !== 'README.md')]
  const rest = all.filter((file) => !order.includes(file))
  const suites = readdirSync(path.join(root, 'suites'), { recursive: true, encoding: 'utf8' })
    .filter((file) => path.basename(file) === 'README.md' && !file.includes('node_modules'))
    .map((file) => path.join('suites', file))
    .sort()
  return ['README.md', ...new Set([...order, ...rest].map((file) => path.join('docs', file))), ...suites, 'CONTRIBUTING.md', 'CHANGELOG.md']
}

/** Blocks of commands and files of a page: `line` of the fence, `language`, `text`, and what the comments above say. */
export function blocksOf(markdown) {
  const fence = /((?:^[ ]*<!--(?:(?!-->)[\s\S])*-->\n)*)^([ ]*)```(\S*)\n([\s\S]*?)^\2```$/gm
  return [...markdown.matchAll(fence)].map(({ 0: whole, 1: comments, 2: indent, 3: language, 4: text, index }) => ({
    line: markdown.slice(0, index + comments.length).split('\n').length,
    language,
    text: text.replace(new RegExp(`^${indent}`, 'gm'), ''),
    end: index + whole.length,
    marks: Object.fromEntries(
      [...comments.matchAll(/<!-- ([a-z ]+): ((?:(?!-->)[\s\S])*?) -->/g)].map(([, mark, value]) => [mark, value.replace(/^[ ]+/gm, '')]),
    ),
  }))
}

/** Whether a page's commands belong into a project that uses the package. */
export const inProject = (markdown) => markdown.includes('<!-- commands: project -->')

/** Links of a page that lead to no file or heading, as `line: link`. Addresses outside the repository are not looked at. */
export function brokenLinks(root, page) {
  const markdown = readFileSync(path.join(root, page), 'utf8')
  const text = withoutFences(markdown)
  const links = [...text.matchAll(/\]\(([^)\s]+)\)|<(?:img|a)[^>]*?(?:src|href)="([^"]+)"/g)]
  return links.flatMap((match) => {
    const link = match[1] ?? match[2]
    if (/^[a-z]+:/.test(link)) return []
    const [file, anchor] = link.split('#')
    const target = file === '' ? page : path.join(path.dirname(page), file)
    const broken =
      !existsSync(path.join(root, target)) ||
      (anchor !== undefined && target.endsWith('.md') && !anchorsOf(readFileSync(path.join(root, target), 'utf8')).has(anchor))
    return broken ? [`${page}:${text.slice(0, match.index).split('\n').length}: ${link}`] : []
  })
}

/** Anchors as GitHub makes them from headings. */
function anchorsOf(markdown) {
  const seen = new Map()
  return new Set(
    [...withoutFences(markdown).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => {
      const anchor = heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-')
      const count = seen.get(anchor) ?? 0
      seen.set(anchor, count + 1)
      return count === 0 ? anchor : `${anchor}-${count}`
    }),
  )
}

/** Fenced text is blanked, so that lines keep their numbers. */
function withoutFences(markdown) {
  return markdown.replace(/^([ ]*)```[\s\S]*?^\1```$/gm, (block) => block.replace(/[^\n]/g, ' '))
}
