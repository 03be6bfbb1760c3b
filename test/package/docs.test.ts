/** README, docs/ and the suites' READMEs: links lead somewhere, blocks say what they are. `npm run docs:check` runs their commands. */

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { blocksOf, brokenLinks, pagesOf } from '../../scripts/docs-blocks.mjs'
import { root } from './route.ts'

const pages = pagesOf(root)

describe('the pages', () => {
  it('are all in the table of contents', () => {
    const contents = readFileSync(path.join(root, 'docs', 'README.md'), 'utf8')
    for (const page of pages.filter((file) => path.dirname(file) === 'docs' && file !== path.join('docs', 'README.md'))) {
      expect(contents, page).toContain(`](${path.basename(page)})`)
    }
  })

  it.each(pages)('%s: links lead to files and headings, every block names its language, marks are known', (page) => {
    expect(brokenLinks(root, page)).toEqual([])
    const blocks = blocksOf(readFileSync(path.join(root, page), 'utf8'))
    for (const { line, language, marks } of blocks) {
      expect(language, `${page}:${line}`).toMatch(page.endsWith('log.md') ? /^\w*$/ : /^(sh|yaml|ts|text|json|diff)$/)
      for (const mark of Object.keys(marks)) expect(['run', 'needs', 'not run', 'file']).toContain(mark)
    }
  })

  it('the file map of the walkthrough has every folder of src/ and src/trainer/', () => {
    const map = readFileSync(path.join(root, 'docs', 'walkthrough.md'), 'utf8').split('## File map')[1]
    for (const folder of ['src', 'src/trainer']) {
      for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
        if (entry.isDirectory()) expect(map).toContain(`](../${folder}/${entry.name})`)
      }
    }
  })

  it('a link to a heading that is not there is told with its line', () => {
    expect(brokenLinks(path.join(root, 'test', 'package'), 'broken-links.md')).toEqual([
      'broken-links.md:3: broken-links.md#nothing',
      'broken-links.md:4: nothing.md',
    ])
  })
})
