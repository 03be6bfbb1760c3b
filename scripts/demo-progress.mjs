// Extension of promptfoo for `npm run demo` where its output is no terminal, so that promptfoo draws no bar: a line now and then.

const EVERY_MS = 15_000

let answers = 0
const began = Date.now()
let told = began

/** After each row. Promptfoo keeps its standard output for us; standard error is the reader's. */
export function afterEach() {
  answers++
  const now = Date.now()
  if (now - told < EVERY_MS) return
  told = now
  process.stderr.write(`${answers} answers after ${Math.round((now - began) / 1000)} s\n`)
}
