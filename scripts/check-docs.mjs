// npm run docs:check [-- page …] [--quick]: runs the commands of README, docs/ and the suites' READMEs in a fresh copy of the repository and
// stops at the first that fails. scripts/docs-blocks.mjs says how a page marks what runs smaller or not at all; those are listed at the end.
// PR1_DATA (a folder with the problem sets) stands for the hub's sets. A small model of random weights stands for the models that the pages name.
// --quick copies node_modules and the compiled engine instead of npm ci.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { blocksOf, brokenLinks, inProject, pagesOf } from './docs-blocks.mjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const quick = process.argv.includes('--quick')
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const pages = pagesOf(root)
for (const page of named) if (!pages.includes(page)) fail(`There is no such page. Got ${page}. Use one of: ${pages.join(', ')}.`)
const broken = pages.flatMap((page) => brokenLinks(root, page))
if (broken.length > 0) fail(`Links that lead nowhere:\n${broken.join('\n')}`)

const folder = mkdtempSync(path.join(os.tmpdir(), 'pr1-docs-'))
const clone = path.join(folder, 'clone')
const model = path.join(folder, 'model')
/** Ids of the hub that the pages name; the cache holds the small model under these names. */
const hubModels = ['Qwen/Qwen2.5-0.5B-Instruct', 'Qwen/Qwen3-0.6B']
const env = {
  ...process.env,
  CLONE: clone,
  MODEL: model,
  HF_HOME: path.join(folder, 'huggingface'),
  HF_HUB_OFFLINE: '1',
  PROMPTFOO_CONFIG_DIR: path.join(folder, 'promptfoo'),
  PROMPTFOO_DISABLE_UPDATE: '1',
  PROMPTFOO_DISABLE_TELEMETRY: '1',
  PROMPTFOO_DISABLE_DEBUG_LOG: '1',
  // A wrong answer of the small model is no wrong command.
  PROMPTFOO_FAILED_TEST_EXIT_CODE: '0',
}
const skipped = []
/** Path of the packed package; made once. */
let packed
let ran = 0
try {
  step('A copy of the repository', prepareClone)
  step('A small model', makeModel)
  for (const page of named.length > 0 ? named : pages) runPage(page)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`\n${ran} blocks of commands ran. Not run here:`)
for (const line of skipped) console.log(`  ${line}`)

function prepareClone() {
  const files = shell('git ls-files -z --cached --others --exclude-standard', root).split('\0').filter(Boolean)
  for (const file of files) cpSync(path.join(root, file), path.join(clone, file), { recursive: true })
  shell('git init -q .', clone)
  if (!quick) return shell('npm ci --no-audit --no-fund', clone)
  for (const name of ['node_modules', 'build'])
    cpSync(path.join(root, name), path.join(clone, name), { recursive: true, verbatimSymlinks: true })
  return shell('node scripts/build.mjs', clone)
}

/** Random weights, a byte-level tokenizer with the six tags, room for long prompts: one step of pr1-train writes it. */
function makeModel() {
  const setup = path.join(folder, 'setup')
  mkdirSync(setup)
  const write = (name, json) => writeFileSync(path.join(setup, name), JSON.stringify(json)) // JSON is YAML
  write('suite.yaml', { prompts: ['{{ q }}'], providers: ['echo'], tests: [{ vars: { q: '1 + 1' } }, { vars: { q: '2 + 2' } }] })
  write('train.yaml', {
    output: 'run',
    model: {
      init: {
        tokenizer: path.join(clone, 'suites/countdown/tokenizer'),
        architecture: { hiddenSize: 32, layers: 1, heads: 2, maxPositions: 16384 },
      },
    },
    stages: [{ name: 'one', kind: 'sft', suite: 'suite.yaml', response: 'Final Answer: 4', steps: 1 }],
  })
  shell(`node dist/trainer/cli.js -c ${path.join(setup, 'train.yaml')}`, clone)
  cpSync(path.join(setup, 'run', 'final'), model, { recursive: true })
  for (const id of hubModels) {
    const place = path.join(env.HF_HOME, 'hub', `models--${id.replace('/', '--')}`)
    const commit = '0'.repeat(40)
    cpSync(model, path.join(place, 'snapshots', commit), { recursive: true })
    mkdirSync(path.join(place, 'refs'))
    writeFileSync(path.join(place, 'refs', 'main'), commit)
  }
}

/** All blocks of a page run in one shell, so that `cd` and `export` hold for the next block, as for a reader. */
function runPage(page) {
  const markdown = readFileSync(path.join(root, page), 'utf8')
  const script = blocksOf(markdown).flatMap(({ line, language, text, marks }) => {
    const where = `${page}:${line}`
    if (marks.file) return [`cat > ${marks.file} <<'END_OF_FILE'\n${text}END_OF_FILE`]
    if (language !== 'sh') return []
    const reason = marks['not run'] ?? (marks.needs && !process.env[marks.needs] ? `${marks.needs} is not set` : undefined)
    if (reason !== undefined) {
      skipped.push(`${where}: ${reason}`)
      return []
    }
    ran++
    return [`echo '== ${where}'`, marks.run ?? text]
  })
  if (script.length === 0) return
  const cwd = inProject(markdown) ? mkdtempSync(path.join(folder, 'project-')) : clone
  if (cwd !== clone) script.unshift(`tarball=${tarball()}`)
  step(page, () => shell(['set -eo pipefail', ...script].join('\n'), cwd))
}

function tarball() {
  packed ??= path.join(folder, shell(`npm pack --silent --ignore-scripts --pack-destination ${folder}`, clone).trim().split('\n').at(-1))
  return packed
}

function step(what, work) {
  const began = performance.now()
  work()
  console.log(`${what}: ${Math.round((performance.now() - began) / 1000)} s`)
}

/** What the commands print; ends this process with it where one fails. */
function shell(script, cwd) {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // promptfoo's exit code is set to 0 above, for wrong answers. A row that ended with an error is no answer.
  if (status === 0 && !/\s[1-9]\d* errors? \(\d/.test(stdout)) return stdout
  rmSync(folder, { recursive: true, force: true })
  return fail(
    `${stdout.slice(stdout.lastIndexOf('\n== ') + 1)}\n${stderr}\nThe commands behind the last line with "==" failed (exit ${status}).`,
  )
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
