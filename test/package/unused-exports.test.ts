/** Every export of src/ is used by another file of this project, or published. */

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type ESTree, parseSync, Visitor } from 'vite'
import { describe, expect, it } from 'vitest'
import { root } from './route.ts'

/** What promptfoo calls by name. */
const HOOKS = ['trainer/suite/capture.ts', 'trainer/generate/teacher-host.ts']

interface Used {
  /** `FILE NAME` of what was named. */
  names: Set<string>
  /** Files of which everything may be used: `import *`, `export *` and `import()`, each with the text of who does. */
  wholes: Map<string, string[]>
}

/** What `file` takes of files of src/. Those of dist/ are built from them. */
function collect(file: string, text: string, { names, wholes }: Used): void {
  const fileOf = (source: ESTree.Node | null | undefined) => {
    if (source?.type !== 'Literal' || typeof source.value !== 'string' || !source.value.startsWith('.')) return undefined
    const target = path.posix.join(path.posix.dirname(file), source.value)
    return target.startsWith('dist/') ? target.replace(/^dist(.*)\.js$/, 'src$1.ts') : target
  }
  const whole = (source: ESTree.Node | null | undefined) => {
    const target = fileOf(source)
    if (target) wholes.set(target, [...(wholes.get(target) ?? []), text])
  }
  const nameOf = (node: ESTree.ModuleExportName) => (node.type === 'Literal' ? node.value : node.name)
  new Visitor({
    ImportDeclaration: ({ source, specifiers }) => {
      for (const one of specifiers) {
        if (one.type === 'ImportSpecifier') names.add(`${fileOf(source)} ${nameOf(one.imported)}`)
        else whole(source)
      }
    },
    ExportNamedDeclaration: ({ source, specifiers }) => {
      if (source) for (const { local } of specifiers) names.add(`${fileOf(source)} ${nameOf(local)}`)
    },
    ExportAllDeclaration: ({ source }) => whole(source),
    ImportExpression: ({ source }) => whole(source),
    TSImportType: ({ source }) => whole(source),
  }).visit(parseSync(file, text).program)
}

/** What `file` exports, types too. */
function exportsOf(file: string, text: string): string[] {
  const names: string[] = []
  const add = (node: ESTree.Node | null | undefined) => {
    if (node?.type === 'Identifier') names.push(node.name)
    else if (node?.type === 'ObjectPattern') for (const one of node.properties) add(one.type === 'Property' ? one.value : one.argument)
  }
  new Visitor({
    ExportNamedDeclaration: ({ declaration, specifiers }) => {
      for (const { exported } of specifiers) add(exported as ESTree.Node)
      if (declaration?.type === 'VariableDeclaration') for (const { id } of declaration.declarations) add(id)
      else if (declaration && 'id' in declaration) add(declaration.id as ESTree.Node)
    },
  }).visit(parseSync(file, text).program)
  return names
}

describe('exports', () => {
  // assertions/ is not held to it yet.
  it('are used elsewhere', () => {
    const texts = ['src', 'test', 'scripts', 'bench', 'bundle', 'suites']
      .flatMap((folder) => readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`))
      .map((file) => file.split(path.sep).join('/'))
      .filter((file) => /\.m?[tj]s$/.test(file) && !file.includes('/node_modules/'))
      .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }))
    const used: Used = { names: new Set(), wholes: new Map() }
    for (const { file, text } of texts) collect(file, text, used)
    expect(used.names.size).toBeGreaterThan(1000)

    const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
    const published = Object.values<{ default?: string }>(exports).map((one) => one.default?.replace(/^\.\/dist(.*)\.js$/, 'src$1.ts'))
    const unused = texts
      .filter(({ file }) => /^src\/(?!assertions\/).*\.ts$/.test(file) && !published.includes(file) && !HOOKS.includes(file.slice(4)))
      .flatMap(({ file, text }) => {
        const takers = used.wholes.get(file) ?? []
        const isUsed = (name: string) =>
          used.names.has(`${file} ${name}`) || takers.some((taker) => new RegExp(`\\b${name}\\b|export \\* from`).test(taker))
        return exportsOf(file, text)
          .filter((name) => !isUsed(name))
          .map((name) => `${file}: ${name}`)
      })
    expect(unused).toEqual([])
  })
})
