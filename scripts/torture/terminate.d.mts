export interface Abort {
  try: number
  phase: string
  milliseconds: number
  /** Signal or exit code of the process that went down. */
  how: string
  stderr: string
}

export function terminateWorkers(options: {
  tries: number
  seed?: number
  onTry?: (done: number) => void
}): Promise<{ tries: number; aborts: Abort[] }>
