// Math-Verify's verdicts, by a Python that has it: a process that gets one case a line, ended and started anew where one takes too long.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../peers/math_verify_grade.py', import.meta.url))

/** Seconds until Python has loaded it, on a machine that does other work. */
const LOADING = 120

export class MathVerify {
  #python
  #seconds
  #child
  #lines
  #said = ''

  /** Starts it. `seconds`: time limit of a case. Throws where this Python lacks it. */
  static async open(python, seconds) {
    const grader = new MathVerify(python, seconds)
    await grader.#start()
    return grader
  }

  constructor(python, seconds) {
    this.#python = python
    this.#seconds = seconds
  }

  /** { pass, ms?, failure? }: no verdict within the time limit, and an error, are a refusal that says so. */
  async grade({ references, output, pair }) {
    this.#child.stdin.write(`${JSON.stringify({ references, output, pair })}\n`)
    const answer = await this.#next(this.#seconds)
    if (answer?.ended === undefined) return answer
    await this.close()
    await this.#start()
    return { pass: false, failure: answer.ended }
  }

  async close() {
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await ended
  }

  async #start() {
    this.#said = ''
    this.#child = spawn(this.#python, [script], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stderr.on('data', (data) => {
      this.#said = `${this.#said}${data}`.slice(-2000)
    })
    this.#child.stdin.on('error', () => {})
    this.#child.on('error', (error) => {
      this.#said = error.message
    })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    const ready = await this.#next(LOADING)
    if (ready.settings === undefined) {
      throw new Error(
        `${this.#python} has no Math-Verify: ${this.#said.trim().split('\n').at(-1) || ready.ended}. Run its "-m pip install math-verify", or name another with --python.`,
      )
    }
    this.settings = ready.settings
  }

  async #next(seconds) {
    let timer
    const late = new Promise((resolve) => {
      timer = setTimeout(() => resolve({ value: { ended: `no verdict within ${seconds} s` } }), 1000 * seconds)
    })
    const line = this.#lines
      .next()
      .then(({ value, done }) => (done ? { value: { ended: 'the process ended' } } : { value: JSON.parse(value) }))
    const { value } = await Promise.race([line, late])
    clearTimeout(timer)
    return value
  }
}
