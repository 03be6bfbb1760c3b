// Writes the documents that are made from the tables of configuration: docs/train-config.md, schema/train.schema.json, README's table of provider keys.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { documents } from '../dist/trainer/documents.js'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
for (const { file, render } of documents) {
  const target = path.join(root, file)
  const old = existsSync(target) ? readFileSync(target, 'utf8') : ''
  const text = render(old)
  if (text === old) continue
  writeFileSync(target, text)
  console.log(`Wrote ${file}`)
}
