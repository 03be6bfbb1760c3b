/** Keys that a provider and a training file have alike: other machines under the engine (cluster/). */

import type { z } from 'zod'
import { int, key, mapping, number, text } from './table.ts'

const ray = mapping({
  address: key(
    text().default('auto'),
    '`auto`: the cluster that this machine belongs to; `local`: one of its own, which ends with the run; or `HOST:PORT`',
    { change: 'free' },
  ),
  workers: key(int({ min: 1, max: 100_000 }).default(2), 'processes that decode and compute gradients, wherever Ray has room', {
    hint: 'Write for example workers: 4.',
    change: 'free',
  }),
  threads: key(int({ min: 1 }).default(1), 'threads of each, which are the CPUs that Ray counts for it', { change: 'free' }),
  python: key(text().optional(), 'the Python that has Ray', { absent: '`PR1_PYTHON`, else `python3`', change: 'free' }),
  package: key(text().optional(), 'folder of parallel-r1 on the other machines', { absent: 'the same as here', change: 'free' }),
  deadline: key(number({ above: 0 }).default(60), 'longest silence of a worker, after which it is ended and started again', {
    unit: 'seconds',
    change: 'free',
  }),
})

export type RaySettings = z.output<typeof ray>

export const rayKeys = {
  ray: key(ray.optional(), 'workers on other machines, `{ address, workers }`: [Larger and faster](scale.md)', {
    absent: 'this process',
    change: 'free',
    hint: 'Write it as { address: auto, workers: 4 }.',
  }),
}
