// Writes the documents that are made from the tables of configuration: docs/provider-config.md, docs/train-config.md and
// schema/train.schema.json.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { documents } from '../dist/trainer/documents.js'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
for (const { file, render } of documents) {
  const target = path.join(root, file)
  const old = existsSync(target) ? readFileSync(target, 'utf8') : ''
  const text = render()
  if (text === old) continue
  writeFileSync(target, text)
  console.log(`Wrote ${file}`)
}
