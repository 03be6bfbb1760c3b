// An area that crashes, hangs, throws and loses, each at a seed of its own.

export const name = 'test'
export const limitSeconds = 1

export async function open() {
  async function attempt(seed) {
    if (seed === 2) process.kill(process.pid, 'SIGKILL')
    if (seed === 3) for (;;);
    if (seed === 4) throw new Error('it broke')
    return { what: 'a seed', outcome: 'held', lost: seed === 5 ? 'an hour of work' : undefined }
  }
  return { attempt, note: 'for tests' }
}
