import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv } from 'ajv'
import { afterEach, describe, expect, it } from 'vitest'
import { blocksOf } from '../../scripts/docs-blocks.mjs'
import { isLoopback } from '../../src/listening.ts'
import { serveSchema } from '../../src/serve/config.ts'
import { readServeConfig } from '../../src/serve/config-file.ts'
import { documents } from '../../src/serve/documents.ts'
import { fieldTables } from '../../src/serve/openai/fields.ts'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const folder = mkdtempSync(path.join(tmpdir(), 'pr1-serve-config-'))
const KEY = 'k3y-0123456789abcdef'
afterEach(() => {
  delete process.env.PR1_TEST_KEY
})

const MODEL = 'models: [{ name: m, checkpoint: ./m }]\n'
function read(text: string, overrides = {}) {
  const file = path.join(folder, 'serve.yaml')
  writeFileSync(file, text)
  return readServeConfig(file, overrides)
}

describe('serve.yaml', () => {
  it('is filled in, and listens on this machine unless it is told otherwise', () => {
    const config = read(MODEL)
    expect(config).toMatchObject({ host: '127.0.0.1', port: 8091, keys: [], hosts: [], folder })
    expect(config.limits).toMatchObject({ queue: 512, maxTokens: 4096 })
    expect(read(MODEL, { port: '0', host: 'localhost' })).toMatchObject({ port: 0, host: 'localhost' })
    process.env.PR1_TEST_KEY = 'models/other'
    expect(read('models: [{ name: m, checkpoint: "{{ env.PR1_TEST_KEY }}" }]').models[0].checkpoint).toBe('models/other')
  })

  it('lets no other machine ask without a key', () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.7', 'example.org']) {
      expect(() => read(`${MODEL}host: "${host}"\n`)).toThrow(/lets other machines ask, which needs an API key/)
    }
    process.env.PR1_TEST_KEY = KEY
    expect(read(`${MODEL}host: 0.0.0.0\nkeyVariable: PR1_TEST_KEY\n`).keys).toEqual([KEY])
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].every(isLoopback)).toBe(true)
    expect(['127.0.0.1.example.org', '1.127.0.0', '0.0.0.0', ''].some(isLoopback)).toBe(false)
  })

  it('names the key by a variable or a file, and tells it to nobody', () => {
    expect(() => read(`${MODEL}keyVariable: PR1_TEST_KEY\n`)).toThrow(/PR1_TEST_KEY, which is not set/)
    process.env.PR1_TEST_KEY = 'short-secret'
    expect(() => read(`${MODEL}keyVariable: PR1_TEST_KEY\n`)).toThrow(/16 or more characters.*Got one with 12/)
    expect(() => read(`${MODEL}keyVariable: PR1_TEST_KEY\n`)).not.toThrow(/short-secret/)
    writeFileSync(path.join(folder, 'keys'), `# of the trainer\n${KEY}\n\n${KEY}2\n`)
    chmodSync(path.join(folder, 'keys'), 0o600)
    expect(read(`${MODEL}keyFile: keys\n`).keys).toEqual([KEY, `${KEY}2`])
    writeFileSync(path.join(folder, 'none'), '# nothing\n')
    expect(() => read(`${MODEL}keyFile: none\n`)).toThrow(/holds no key/)
    expect(() => read(`${MODEL}keyFile: nowhere\n`)).toThrow(/cannot be read/)
    expect(() => read(`${MODEL}apiKey: ${KEY}\n`)).toThrow(/Unknown key "apiKey"/)
  })

  it.each([
    ['', /a mapping of keys/],
    ['port: 1\n', /names nothing to serve/],
    ['models: [{ name: m }]', /"checkpoint" is missing in model "m"/],
    ['models: [{ name: "a b", checkpoint: c }]', /Use letters, digits/],
    ['models: [{ name: m, checkpoint: c, samples: off }]', /Unknown key "samples" in model "m"/],
    ['models: [{ name: m, checkpoint: c, paths: 99 }]', /"paths" in model "m".*from 1 to 16/],
    ['models: [{ name: m, checkpoint: c }, { name: m, checkpoint: d }]', /Two models.*"m"/],
    [`${MODEL}limits: { quue: 3 }`, /Unknown key "quue".*Did you mean "queue"\?/],
    [`${MODEL}port: 70000`, /from 0 to 65535/],
  ])('%j is refused by name', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })
})

describe('documents of the server', () => {
  it('the example of the page is taken, and its address and key go with it', () => {
    const [example, others] = blocksOf(readFileSync(path.join(root, 'docs/serve.md'), 'utf8')).flatMap(({ language, marks, text }) =>
      language === 'yaml' && (marks.file || text.startsWith('host:')) ? [text] : [],
    )
    expect(read(example).suites[0]).toMatchObject({ name: 'countdown', reward: 'answer + 0.2 * structure' })
    process.env.PR1_SERVE_KEY = KEY
    expect(read(`${example}\n${others}`)).toMatchObject({ host: '0.0.0.0', keys: [KEY], hosts: ['models.example.org'] })
    delete process.env.PR1_SERVE_KEY
  })

  it.each(documents)('$file is as the tables say; npm run docs renews it', ({ file, render }) => {
    expect(readFileSync(path.join(root, file), 'utf8')).toBe(render())
  })

  it('hold every key and every field', () => {
    const page = readFileSync(path.join(root, 'docs/serve-config.md'), 'utf8')
    const { limits } = serveSchema.shape
    const names = [
      ...Object.keys(serveSchema.shape).filter((name) => !['models', 'suites', 'limits'].includes(name)),
      ...Object.keys(limits.unwrap().shape),
      ...Object.values(fieldTables).flatMap(({ shape }) => Object.keys(shape)),
    ]
    for (const name of names) expect(page, name).toContain(`| \`${name}\` |`)
  })

  it('the schema takes what the check takes', () => {
    const validate = new Ajv({ strict: true, allErrors: true }).compile(
      JSON.parse(readFileSync(path.join(root, 'schema/serve.schema.json'), 'utf8')),
    )
    const one = { models: [{ name: 'm', checkpoint: 'c', temperature: 0.5 }], limits: { queue: 3 } }
    expect(validate(one), JSON.stringify(validate.errors)).toBe(true)
    expect(validate({ ...one, port: -1 })).toBe(false)
    expect(validate({ ...one, keys: 1 })).toBe(false)
    expect(readdirSync(path.join(root, 'schema'))).toContain('serve.schema.json')
  })
})
