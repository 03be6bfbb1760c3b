// Writes the documents that are made from the tables of configuration: docs/provider-config.md, docs/train-config.md,
// docs/serve-config.md and the schemas.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { documents as ofServer } from '../dist/serve/documents.js'
import { documents as ofTrainer } from '../dist/trainer/config/documents.js'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
for (const { file, render } of [...ofTrainer, ...ofServer]) {
  const target = path.join(root, file)
  const old = existsSync(target) ? readFileSync(target, 'utf8') : ''
  const text = render()
  if (text === old) continue
  writeFileSync(target, text)
  console.log(`Wrote ${file}`)
}
