/**
 * A stage that asks a teacher, top to bottom: each problem until enough of its answers are kept, every answer on the disk before it is judged,
 * then what is kept as tests for supervised training, its twin without tags, what fell and why, and a data card.
 */

import { join } from 'node:path'
import { diskOps, type FileOps } from '../../engine/checkpoint/atomic.ts'
import { ConfigError } from '../../engine/errors.ts'
import type { ReadPrompt } from '../../providers/prompt.ts'
import { derivedSeed } from '../../random.ts'
import type { GenerateStage } from '../config/config.ts'
import { hasWeights, type Reader, type Session } from '../model/session.ts'
import { withoutSecrets, withoutUrlSecrets } from '../suite/secrets.ts'
import type { Suite } from '../suite/suite.ts'
import { type Card, cardOf } from './card.ts'
import { type Excluded, withEvenSpaces } from './exclude.ts'
import { ANSWERS_FILE } from './files.ts'
import { Journal, type Origin } from './journal.ts'
import { Judge } from './judge.ts'
import { writeOutputs } from './outputs.ts'
import type { ProbedProblem } from './probe-report.ts'
import { ProviderTeacher, SEED_BITS } from './provider-teacher.ts'
import { type AskedRow, askedRows, RESPONSE } from './rows.ts'
import { type Candidate, Kept, selectAnswers } from './select.ts'
import { SelfTeacher } from './self-teacher.ts'
import { askPatiently, type Teacher, TeacherError } from './teacher.ts'

interface GeneratorOptions {
  /** Where the answers and all that is made of them stand. */
  folder: string
  excluded?: Excluded
  /** What the answers of `teacher: self` follow from. */
  weights: Origin
  /** Answers of an earlier run may be there. */
  goesOn: boolean
  ops?: FileOps
}

/** What asking does to the run around it. */
interface GenerateEffects {
  /** Ends the asking; what is under way is still answered. */
  signal?: AbortSignal
  /** Hears how many problems are done. */
  progress(done: number, total: number): void
  say(line: string): void
  /** Writes into the folder of the run. */
  write<T>(effect: () => Promise<T>): Promise<T>
}

export class Generator {
  readonly stage: GenerateStage
  /** Of the model in training, where it is the teacher. */
  readonly prompts: readonly ReadPrompt[]
  readonly steps = 0
  readonly forwardTokens = 0
  readonly warnings: readonly string[]
  readonly #suite: Suite
  readonly #rows: readonly AskedRow[]
  readonly #options: GeneratorOptions
  readonly #journal: Journal
  readonly #judge: Judge
  readonly #teacher: Teacher
  readonly #seed: number
  #failedInARow = 0
  #failures: { row: string; try: number; error: string }[] = []

  /** Everything is checked and read, nobody is asked. Throws ConfigError, GraderError, and where the answers on the disk are of another teacher. */
  static async open(session: Session | Reader, stage: GenerateStage, suite: Suite, options: GeneratorOptions): Promise<Generator> {
    const own = suite.rows.findIndex(({ vars }) => Object.hasOwn(vars, RESPONSE))
    if (own >= 0) {
      throw new ConfigError(
        `Test ${own + 1} of ${suite.file} has a var "${RESPONSE}", which is what the teacher's answer will be called. Give it another name.`,
      )
    }
    if (stage.teacher === 'self' && !hasWeights(session))
      throw new ConfigError(`Stage "${stage.name}" has a model answer without its weights.`)
    const self = stage.teacher === 'self' ? SelfTeacher.open(session as Session, stage, suite) : undefined
    const origin = originOf(session, stage, suite, options)
    const journal = await Journal.open(join(options.folder, ANSWERS_FILE), origin)
    if (journal.size > 0 && !options.goesOn) {
      throw new ConfigError(
        `${options.folder} holds ${journal.size} answers of a run. Go on with --resume, which asks nothing twice, choose another --output, or remove the folder.`,
      )
    }
    // Last, since its graders stay open.
    const judge = await Judge.open(session, suite, stage, stage.name)
    return new Generator(session.seed, stage, suite, options, judge, journal, self)
  }

  private constructor(
    seed: number,
    stage: GenerateStage,
    suite: Suite,
    options: GeneratorOptions,
    judge: Judge,
    journal: Journal,
    self: SelfTeacher | undefined,
  ) {
    this.stage = stage
    this.#seed = seed
    this.#suite = suite
    this.#rows = askedRows(suite.rows).slice(0, stage.maxProblems)
    this.#options = options
    this.#judge = judge
    this.#journal = journal
    this.#teacher = self ?? new ProviderTeacher(suite, { entry: stage.provider, timeout: stage.timeout })
    this.prompts = self?.prompts ?? []
    this.warnings = [...judge.warnings, ...this.#plan()]
  }

  /** One line on what is asked, for the plan. */
  get data(): string {
    const { tries } = this.stage
    const most = this.#rows.length * tries
    const there = this.#journal.size > 0 ? `, ${this.#journal.size} are there already` : ''
    return `${this.#rows.length} problems, at most ${tries} answers each of ${teacherName(this.stage, this.#suite)} (${most} in all${there})`
  }

  /** Answers that an earlier run left. */
  get answers(): number {
    return this.#journal.size
  }

  get folder(): string {
    return this.#options.folder
  }

  /** Asks what is not answered yet, and writes what becomes of it. Undefined where `signal` ended it: what was answered is kept. */
  async run(effects: GenerateEffects): Promise<Card | undefined> {
    const { progress } = effects
    // What failed ends the waits of the others, too.
    const stop = new AbortController()
    const signal = effects.signal ? AbortSignal.any([effects.signal, stop.signal]) : stop.signal
    const candidates = new Map<string, Candidate[]>()
    const rows = this.#rows.values()
    let done = 0
    progress(done, this.#rows.length)
    let failed: { error: unknown } | undefined
    const work = async (): Promise<void> => {
      for (const { key, row } of rows) {
        if (signal.aborted) return
        try {
          const found = await this.#solve({ key, row }, { ...effects, signal })
          if (!found) return
          candidates.set(key, found)
        } catch (error) {
          failed ??= { error }
          stop.abort()
          return
        }
        progress(++done, this.#rows.length)
      }
    }
    try {
      await Promise.all(Array.from({ length: Math.min(this.stage.concurrency, this.#rows.length) }, work))
    } finally {
      this.#journal.close()
      await this.#teacher.close()
    }
    if (failed) throw failed.error
    if (signal.aborted) return undefined
    return this.#finish(candidates, effects)
  }

  /** A few answers to a few problems, which are not kept: for `pr1-train doctor`. */
  async probe(problems: number, each: number): Promise<ProbedProblem[]> {
    const rows = this.#rows.slice(0, problems)
    // Somebody else's teacher is asked as little as will tell whether it understands.
    const most = this.stage.teacher === 'self' ? Math.min(each, this.stage.tries) : 1
    const attempts = Array.from({ length: most }, (_, attempt) => attempt)
    try {
      return await Promise.all(
        rows.map(async (row) => {
          const failures: string[] = []
          const candidates: Candidate[] = []
          for (const attempt of attempts) {
            const seed = this.#seedOf(row, attempt)
            const answer = await this.#teacher.ask({ row: row.row, try: attempt, seed })
            if ('error' in answer) failures.push(answer.error)
            else candidates.push({ ...(await this.#judge.judge(row.row, answer)), try: attempt, seed })
          }
          return { candidates, failures }
        }),
      )
    } finally {
      await this.#teacher.close()
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#teacher.close(), this.#judge.close()])
  }

  /** The answers to one problem, in order, until enough of them are kept. Undefined where it was interrupted. */
  async #solve(row: AskedRow, effects: GenerateEffects): Promise<Candidate[] | undefined> {
    const { tries } = this.stage
    const kept = new Kept(this.stage)
    const found: Candidate[] = []
    for (let attempt = 0; attempt < tries && !kept.full; attempt++) {
      if (effects.signal?.aborted) return undefined
      const seed = this.#seedOf(row, attempt)
      const answer = this.#journal.get(row.key, attempt) ?? (await this.#ask(row, attempt, seed, effects))
      if (answer === 'interrupted') return undefined
      if (!answer) continue
      const judged = await this.#judge.judge(row.row, answer)
      kept.offer(judged)
      found.push({ ...judged, try: attempt, seed })
    }
    return found
  }

  /** An answer that is on the disk; undefined where the teacher gave none to this question. */
  async #ask(row: AskedRow, attempt: number, seed: number, effects: GenerateEffects) {
    const { signal } = effects
    let answer: Awaited<ReturnType<typeof askPatiently>>
    try {
      answer = await askPatiently(this.#teacher, { row: row.row, try: attempt, seed }, { ...this.stage, signal })
    } catch (error) {
      if (signal?.aborted && (error as Error).name === 'AbortError') return 'interrupted'
      throw error
    }
    if ('error' in answer) {
      this.#failures.push({ row: row.key, try: attempt, error: answer.error })
      effects.say(`No answer to ${excerpt(row.row.prompt)} (try ${attempt + 1}): ${excerpt(answer.error)}`)
      if (++this.#failedInARow >= this.stage.maxFailures) throw this.#failedForGood(answer.error)
      return undefined
    }
    this.#failedInARow = 0
    const line = { row: row.key, try: attempt, seed, ...answer }
    await effects.write(() => this.#journal.append(line))
    return line
  }

  #failedForGood(error: string): TeacherError {
    return new TeacherError(
      `The teacher, ${teacherName(this.stage, this.#suite)}, gave no answer to ${this.#failedInARow} questions in a row, each asked ${this.stage.retries + 1} times. The last it said: ${error.slice(0, 1000)}\nThe ${this.#journal.size} answers so far are in ${this.#journal.file}. Correct what it says and go on with --resume, which asks nothing twice.`,
    )
  }

  #seedOf({ key }: AskedRow, attempt: number): number {
    return derivedSeed(this.#seed, 'generate', this.stage.name, key, attempt) % 2 ** SEED_BITS
  }

  async #finish(candidates: ReadonlyMap<string, Candidate[]>, { write }: GenerateEffects): Promise<Card> {
    const { folder, excluded, ops = diskOps } = this.#options
    const selected = selectAnswers(
      this.#rows.map((row) => ({ row, candidates: candidates.get(row.key) ?? [] })),
      this.stage,
    )
    const card = cardOf({
      stage: this.stage,
      suite: this.#suite,
      teacher: teacherName(this.stage, this.#suite),
      selected,
      answer: (row, attempt) => this.#journal.get(row, attempt),
      failures: this.#failures,
      excluded,
    })
    await write(async () => {
      await this.#journal.arrange(
        this.#rows.map(({ key }) => key),
        ops,
      )
      await writeOutputs(folder, selected, this.#failures, card, ops)
    })
    return card
  }

  /** Lines for the plan: what is left out, and the first prompt. */
  #plan(): string[] {
    const { excluded } = this.#options
    const { name } = this.stage
    const lines: string[] = []
    if (excluded) {
      const { exact, near, tests, examples } = excluded
      lines.push(
        `Stage "${name}" does not ask ${exact} problems that stand in a test set and ${near} that are near one (of ${tests} tests)`,
      )
      for (const { problem, test, similarity } of examples.filter((one) => one.similarity < 1)) {
        lines.push(`  ${similarity.toFixed(2)}  ${excerpt(problem)} is near ${excerpt(test)}`)
      }
    }
    lines.push(`First prompt of stage "${name}": ${excerpt(this.#rows[0]?.row.prompt ?? '', 300)}`)
    return lines
  }
}

function teacherName({ teacher }: GenerateStage, { provider }: Suite): string {
  const [label, id] = [provider.label, provider.id ?? ''].map(withoutUrlSecrets)
  const entry = id !== '' && id !== label ? `"${label}" (${id})` : `"${label}"`
  return teacher === 'self' ? `the model in training, decoding as ${entry}` : entry
}

/** What the answers on the disk are answers of: another of these is another teacher. Secrets are no part of it. */
function originOf({ seed }: Reader, stage: GenerateStage, { provider }: Suite, { weights }: GeneratorOptions): Origin {
  return {
    stage: stage.name,
    teacher: stage.teacher,
    provider: withoutUrlSecrets(provider.label),
    id: withoutUrlSecrets(provider.id ?? ''),
    config: JSON.stringify(withoutSecrets(provider.config)),
    seed: String(seed),
    ...(stage.teacher === 'self' && weights),
  }
}

function excerpt(text: string, length = 100): string {
  const line = withEvenSpaces(text)
  return JSON.stringify(line.length > length ? `${line.slice(0, length)}…` : line)
}
