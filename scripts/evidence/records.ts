/** What is done. A part's folder says what it is made of before it begins, and that it is done once it is: each a file that appears whole. */

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { writeFileAtomic } from '../../src/engine/checkpoint/atomic.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { parseJson } from '../../src/json.ts'
import { fields, number, text } from '../../src/report/rows.ts'
import type { Part } from './parts.ts'

export interface Done {
  digest: string
  /** Of the wall clock, from the last start on. */
  seconds: number
  finished: string
  /** Rewards that never differed leave a stage without an update. */
  learnt: boolean
  /** State of the files of the suite. */
  suite: string
}

const BEGUN = 'begun.json'
const DONE = 'done.json'

export class Records {
  readonly home: string

  constructor(home: string) {
    this.home = home
  }

  folder(part: Pick<Part, 'id'>): string {
    return path.join(this.home, part.id)
  }

  /** Undefined where the part is not done. @throws ConfigError where its folder holds something else */
  done(part: Pick<Part, 'id' | 'digest'>): Done | undefined {
    for (const name of [BEGUN, DONE]) {
      const found = this.read(part, name)
      if (!found || found.digest === part.digest) continue
      throw new ConfigError(
        `${this.folder(part)} was made with another recipe, other sizes or another table of arms. Figures of both must not be mixed. Choose another folder with --out, or remove this one.`,
      )
    }
    const found = this.read(part, DONE)
    if (!found) return undefined
    return {
      digest: part.digest,
      seconds: number(found.seconds) ?? 0,
      finished: text(found.finished) ?? '',
      learnt: found.learnt !== false,
      suite: text(found.suite) ?? '',
    }
  }

  async begin(part: Pick<Part, 'id' | 'digest'>): Promise<void> {
    mkdirSync(this.folder(part), { recursive: true })
    await this.write(part, BEGUN, { digest: part.digest })
  }

  async finish(part: Pick<Part, 'id' | 'digest'>, { digest: _, ...done }: Done): Promise<void> {
    await this.write(part, DONE, { digest: part.digest, ...done })
  }

  private write(part: Pick<Part, 'id'>, name: string, content: object): Promise<void> {
    return writeFileAtomic(path.join(this.folder(part), name), `${JSON.stringify(content, null, 2)}\n`)
  }

  private read(part: Pick<Part, 'id'>, name: string) {
    const file = path.join(this.folder(part), name)
    if (!existsSync(file)) return undefined
    try {
      return fields(parseJson(readFileSync(file, 'utf8')))
    } catch (error) {
      throw new ConfigError(`${file} is damaged: ${(error as Error).message}. Remove the folder of the part, and it is made again.`)
    }
  }
}
