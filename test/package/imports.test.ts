import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ESTree, parseSync, Visitor } from 'vite'
import { describe, expect, it } from 'vitest'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')

interface Import {
  file: string
  /** File below src/ with forward slashes, or the name of a package. */
  target: string
  local: boolean
  typeOnly: boolean
}

/** Every import, re-export and `import()` of a file. `import { type X }` counts as run time: it still loads the module. */
function importsOf(file: string, text: string): Import[] {
  const found: Import[] = []
  const add = (source: ESTree.Node | null, typeOnly: boolean) => {
    if (source?.type !== 'Literal' || typeof source.value !== 'string') return
    const local = source.value.startsWith('.')
    const target = local ? path.posix.join(path.posix.dirname(file), source.value) : source.value
    found.push({ file, target, local, typeOnly })
  }
  new Visitor({
    ImportDeclaration: ({ source, importKind }) => add(source, importKind === 'type'),
    ExportNamedDeclaration: ({ source, exportKind }) => add(source, exportKind === 'type'),
    ExportAllDeclaration: ({ source, exportKind }) => add(source, exportKind === 'type'),
    ImportExpression: ({ source }) => add(source, false),
    TSImportType: ({ source }) => add(source, true),
  }).visit(parseSync(file, text).program)
  return found
}

const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .map((name) => name.split(path.sep).join('/'))
  .filter((name) => name.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(path.join(root, 'src', file), 'utf8') }))
const imports = sources.flatMap(({ file, text }) => importsOf(file, text))

/** What each part may import of the others, as prefixes of paths below src/. */
const MAY_IMPORT: Record<string, string[]> = {
  engine: ['engine/', 'json.ts', 'random.ts', 'nearest-name.ts', 'show.ts', 'start-worker.ts'],
  thinking: ['thinking/', 'engine/types.ts', 'engine/model-config.ts', 'engine/errors.ts', 'engine/checkpoint/parallel-info.ts'],
  // What a server of somebody else's decodes.
  remote: ['remote/', 'thinking/', 'engine/', 'json.ts', 'random.ts', 'retry.ts', 'show.ts'],
  // Workers on other machines.
  cluster: [
    'cluster/',
    'config/ray-keys.ts',
    'thinking/',
    'engine/errors.ts',
    'engine/types.ts',
    'engine/model-config.ts',
    'engine/gradients.ts',
    'engine/parts.ts',
    'engine/checkpoint/identity.ts',
    'json.ts',
    'version.ts',
  ],
  // The process of such a worker.
  worker: [
    'worker/',
    'cluster/',
    'trainer/model/model.ts',
    'trainer/config/config.ts',
    'trainer/states/run-lock.ts',
    'thinking/',
    'engine/',
    'version.ts',
  ],
  assertions: ['assertions/', 'thinking/grammar.ts', 'config-keys.ts', 'engine/errors.ts', 'json.ts'],
  gate: ['gate/', 'engine/errors.ts'],
  grading: ['grading/', 'assertions/', 'json.ts', 'nearest-name.ts', 'engine/errors.ts'],
  store: ['store/', 'thinking/', 'engine/', 'plain.ts'],
  config: ['config/', 'config-keys.ts', 'engine/devices.ts', 'engine/errors.ts', 'thinking/types.ts', 'nearest-name.ts'],
  // The hook at the end of a run hands its rows to the report.
  providers: [
    'providers/',
    'plain.ts',
    'hub/place.ts',
    'gate/',
    'grading/',
    'config/',
    'report/after-all.ts',
    'report/link.ts',
    'store/',
    'remote/',
    'cluster/',
    'thinking/',
    'engine/',
    'config-keys.ts',
    'random.ts',
    'nearest-name.ts',
    'template-names.ts',
    'installed-promptfoo.ts',
    'cli/progress.ts',
  ],
  // A teacher's responses are rows of promptfoo.
  data: [
    'data/',
    'gate/',
    'json.ts',
    'plain.ts',
    'hub/',
    'thinking/grammar.ts',
    'assertions/answer/claims/boxed.ts',
    'assertions/output.ts',
    'report/rows.ts',
    'random.ts',
    'config-keys.ts',
    'engine/errors.ts',
    'engine/checkpoint/atomic.ts',
    'nearest-name.ts',
    'cli/',
  ],
  // Responses and answers are read as the assertions read them.
  report: [
    'report/',
    'rollouts/',
    'json.ts',
    'plain.ts',
    'assertions/answer/',
    'assertions/crash.ts',
    'assertions/ended-paths.ts',
    'assertions/path-starts.ts',
    'assertions/output.ts',
    'thinking/grammar.ts',
    'config-keys.ts',
    'random.ts',
    'engine/errors.ts',
    'template-names.ts',
    'listening.ts',
    'cli/',
    'installed-promptfoo.ts',
  ],
  // What the trainer keeps and the report shows.
  rollouts: ['rollouts/', 'json.ts', 'engine/errors.ts', 'engine/checkpoint/atomic.ts'],
  trainer: [
    'version.ts',
    'retry.ts',
    'show.ts',
    'start-worker.ts',
    'rollouts/',
    'json.ts',
    'json-lines.ts',
    'plain.ts',
    'installed-promptfoo.ts',
    'trainer/',
    'data/contamination.ts',
    'data/near.ts',
    'data/problem.ts',
    // An evaluation during a run says what the report says, and `pr1-train show` draws a response as pr1-tree does.
    'report/',
    'hub/place.ts',
    'gate/',
    'grading/',
    'assertions/crash.ts',
    // Answers of a teacher and single paths are read as the assertions read them.
    'assertions/output.ts',
    'assertions/path-starts.ts',
    'config/',
    'tags/',
    'providers/',
    'cluster/',
    'thinking/',
    'engine/',
    'config-keys.ts',
    'random.ts',
    'nearest-name.ts',
    'cli/',
  ],
  // It grades as training does.
  serve: [
    'serve/',
    'trainer/grading/grader-host.ts',
    'trainer/rewards/rewards.ts',
    'trainer/grading/scoring.ts',
    'trainer/suite/suite.ts',
    'providers/',
    'hub/place.ts',
    'grading/references.ts',
    'config/',
    'thinking/',
    'engine/',
    'json.ts',
    'plain.ts',
    'config-keys.ts',
    'listening.ts',
    'random.ts',
    'cli/',
  ],
  // Where the base of an adapter lies.
  hub: [
    'hub/',
    'json.ts',
    'retry.ts',
    'plain.ts',
    'cli/progress.ts',
    'engine/adapters/base.ts',
    'engine/checkpoint/',
    'engine/errors.ts',
    'engine/url.ts',
  ],
  cli: ['plain.ts', 'nearest-name.ts', 'engine/errors.ts', 'engine/checkpoint/problem.ts', 'version.ts'],
  init: ['init/', 'cli/'],
  tags: ['tags/', 'cli/', 'config/', 'hub/place.ts', 'thinking/', 'engine/'],
  export: ['export/', 'engine/', 'hub/place.ts', 'cli/', 'plain.ts'],
  'installed-promptfoo.ts': ['engine/errors.ts'],
  'start-worker.ts': [],
  'plain.ts': [],
  'json.ts': [],
  'json-lines.ts': ['engine/checkpoint/atomic.ts', 'engine/errors.ts', 'json.ts'],
  'retry.ts': [],
  'listening.ts': [],
  'config-keys.ts': ['engine/errors.ts', 'json.ts', 'nearest-name.ts'],
  // Heavy parts of them load when they are called: see library.test.ts.
  'index.ts': ['providers/', 'assertions/', 'thinking/', 'engine/', 'remote/', 'trainer/', 'hub/place.ts', 'random.ts', 'retry.ts'],
}

const part = (file: string) => file.split('/')[0]

function forbidden({ file, target, local, typeOnly }: Import): boolean {
  if (local) return !MAY_IMPORT[part(file)]?.some((prefix) => target === prefix || (prefix.endsWith('/') && target.startsWith(prefix)))
  if (target !== 'promptfoo' && !target.startsWith('promptfoo/')) return false
  if (part(file) === 'trainer') return false
  return !(typeOnly && ['providers', 'assertions'].includes(part(file)))
}

describe('import direction', () => {
  it('sees imports of every form', () => {
    const text = `import a from './a.ts'; import type { B } from 'b'; import { type C } from 'c'; export * from 'd'; export type { E } from 'e'
      const f = () => import('f'); type G = import('g').G`
    const seen = importsOf('x/y.ts', text).map(({ target, typeOnly }) => `${target}${typeOnly ? ' type' : ''}`)
    expect(seen).toEqual(['x/a.ts', 'b type', 'c', 'd', 'e type', 'f', 'g type'])
  })

  it('tells allowed from forbidden', () => {
    const at = (file: string, target: string, typeOnly = false): Import => ({ file, target, local: target.endsWith('.ts'), typeOnly })
    expect(forbidden(at('engine/a.ts', 'thinking/types.ts', true))).toBe(true)
    expect(forbidden(at('providers/a.ts', 'trainer/grpo.ts'))).toBe(true)
    expect(forbidden(at('providers/a.ts', 'promptfoo'))).toBe(true)
    expect(forbidden(at('providers/a.ts', 'promptfoo', true))).toBe(false)
    expect(forbidden(at('engine/a.ts', 'promptfoo', true))).toBe(true)
    expect(forbidden(at('trainer/a.ts', 'promptfoo'))).toBe(false)
    expect(forbidden(at('assertions/a.ts', 'thinking/decoder.ts'))).toBe(true)
  })

  it('is kept by every file of src/', () => {
    expect(imports.length).toBeGreaterThan(20)
    const wrong = imports.filter(forbidden).map(({ file, target, typeOnly }) => `${file} -> ${target}${typeOnly ? ' (type)' : ''}`)
    expect(wrong).toEqual([])
  })
})

describe('the rules', () => {
  it('allow nothing that nobody needs', () => {
    const idle = Object.entries(MAY_IMPORT).flatMap(([from, prefixes]) => {
      const targets = imports.filter(({ file, local }) => local && part(file) === from).map(({ target }) => target)
      return prefixes.filter((prefix) => !targets.some((target) => target.startsWith(prefix))).map((prefix) => `${from} -> ${prefix}`)
    })
    expect(idle).toEqual([])
  })
})

describe('seams', () => {
  it('a scheduler belongs to the local thinker: whoever wants a thought holds a Thinker', () => {
    const users = imports.filter(({ target }) => target === 'thinking/scheduler.ts').map(({ file }) => file)
    expect(users).toEqual(['thinking/thinker.ts'])
  })

  /** Files that import themselves through others. */
  function cycles(edges: readonly Import[]): string[] {
    const next = new Map<string, string[]>()
    for (const { file, target, local } of edges) if (local) next.set(file, [...(next.get(file) ?? []), target])
    const reaches = (from: string, seen = new Set<string>()): Set<string> => {
      for (const target of next.get(from) ?? []) if (!seen.has(target)) reaches(target, seen.add(target))
      return seen
    }
    return [...next.keys()].filter((file) => reaches(file).has(file))
  }

  it('no file loads itself through others', () => {
    expect(cycles(imports.filter(({ typeOnly }) => !typeOnly))).toEqual([])
  })

  it('nor do types go round, but in the grammar of answers', () => {
    const round = cycles(imports).filter((file) => !/^assertions\/answer\//.test(file))
    expect(round).toEqual([])
  })
})

describe('exports', () => {
  it('are named everywhere: a default export would hide the names from promptfoo', () => {
    const withDefault = sources.filter(({ file, text }) =>
      parseSync(file, text).module.staticExports.some(({ entries }) =>
        entries.some(({ exportName }) => exportName.kind === 'Default' || exportName.name === 'default'),
      ),
    )
    expect(withDefault.map(({ file }) => file)).toEqual([])
  })

  it('of the package are the provider, the assertions and openEngine', async () => {
    const names = Object.keys(await import('../../src/index.ts'))
    expect(names).not.toContain('default')
    expect(names).toEqual(
      expect.arrayContaining([
        'ParallelThinkingProvider',
        'countdownAnswer',
        'mathAnswer',
        'openEngine',
        'parallelEfficiency',
        'parallelStructure',
        'parallelUsed',
        'pathDiversity',
      ]),
    )
  })
})
