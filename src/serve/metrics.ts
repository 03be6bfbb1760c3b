/** Counters of the server in Prometheus' text form, version 0.0.4. */

type Labels = Readonly<Record<string, string>>

/** What a metric is called and says, and its values as they are when somebody asks. */
interface Metric {
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  help: string
  samples(): { suffix?: string; labels: Labels; value: number }[]
}

export class Counter {
  readonly #values = new Map<string, { labels: Labels; value: number }>()

  add(labels: Labels, value = 1): void {
    const key = JSON.stringify(labels)
    const found = this.#values.get(key)
    if (found) found.value += value
    else this.#values.set(key, { labels, value })
  }

  samples(): { labels: Labels; value: number }[] {
    return [...this.#values.values()]
  }
}

/** Upper bounds in seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

export class Histogram {
  readonly #values = new Map<string, { labels: Labels; counts: number[]; sum: number }>()

  observe(labels: Labels, seconds: number): void {
    const key = JSON.stringify(labels)
    let found = this.#values.get(key)
    if (!found) {
      found = { labels, counts: new Array<number>(BOUNDS.length + 1).fill(0), sum: 0 }
      this.#values.set(key, found)
    }
    const at = BOUNDS.findIndex((bound) => seconds <= bound)
    found.counts[at < 0 ? BOUNDS.length : at]++
    found.sum += seconds
  }

  samples(): { suffix: string; labels: Labels; value: number }[] {
    return [...this.#values.values()].flatMap(({ labels, counts, sum }) => {
      let below = 0
      const buckets = counts.map((count, i) => {
        below += count
        return { suffix: '_bucket', labels: { ...labels, le: i < BOUNDS.length ? String(BOUNDS[i]) : '+Inf' }, value: below }
      })
      return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: below }]
    })
  }
}

export class Metrics {
  readonly #metrics: Metric[] = []

  counter(name: string, help: string): Counter {
    const counter = new Counter()
    this.#metrics.push({ name, type: 'counter', help, samples: () => counter.samples() })
    return counter
  }

  histogram(name: string, help: string): Histogram {
    const histogram = new Histogram()
    this.#metrics.push({ name, type: 'histogram', help, samples: () => histogram.samples() })
    return histogram
  }

  /** Values that are looked up when somebody asks. */
  observed(type: 'gauge' | 'counter', name: string, help: string, values: () => { labels?: Labels; value: number }[]): void {
    this.#metrics.push({ name, type, help, samples: () => values().map(({ labels = {}, value }) => ({ labels, value })) })
  }

  text(): string {
    const lines = this.#metrics.flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...samples().map(({ suffix = '', labels, value }) => `${name}${suffix}${inBraces(labels)} ${value}`),
    ])
    return `${lines.join('\n')}\n`
  }
}

function inBraces(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return parts.length > 0 ? `{${parts.join(',')}}` : ''
}

function escaped(value: string): string {
  return value.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')
}
