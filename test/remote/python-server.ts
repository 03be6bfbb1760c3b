import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

/** A server that a Python runs until this process or the test ends. */
export class PythonServer {
  readonly url: string
  readonly #python: string
  readonly #args: readonly string[]
  #child: ChildProcess
  /** The end of what it printed. */
  #said = ''

  /** `args` of the Python that start it on a port; one that answers /health is there. */
  static async start(python: string, args: (port: number) => string[]): Promise<PythonServer> {
    const port = await freePort()
    const server = new PythonServer(python, args(port), `http://127.0.0.1:${port}`)
    await server.ready()
    return server
  }

  private constructor(python: string, args: readonly string[], url: string) {
    this.#python = python
    this.#args = args
    this.url = url
    this.#child = this.#spawn()
  }

  #spawn(): ChildProcess {
    const script = fileURLToPath(new URL('until-input-ends.py', import.meta.url))
    const child = spawn(this.#python, [script, this.#python, ...this.#args], { stdio: ['pipe', 'pipe', 'pipe'] })
    const hear = (data: Buffer): void => {
      this.#said = (this.#said + data).slice(-4000)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    return child
  }

  /** Throws what it printed if it ends before it is there. */
  async ready(): Promise<void> {
    for (;;) {
      if (this.#child.exitCode !== null) throw new Error(`${this.#args.join(' ')} ended with ${this.#child.exitCode}:\n${this.#said}`)
      if (
        await fetch(`${this.url}/health`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return
      await new Promise((done) => setTimeout(done, 500))
    }
  }

  /** SIGKILL for it and all that it started. */
  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin!.end()
    await ended
  }

  /** In the place of one that was killed. */
  restart(): void {
    this.#child = this.#spawn()
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  await new Promise((done) => listener.close(done))
  return port
}
