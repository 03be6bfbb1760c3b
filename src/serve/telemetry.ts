/** What `/metrics` tells. */

import type { ServerResponse } from 'node:http'
import type { SchedulerStats } from '../thinking/thinker.ts'
import type { Admission } from './admission.ts'
import type { Written } from './generate.ts'
import { type Counter, type Histogram, Metrics } from './metrics.ts'
import type { ServedModel } from './model.ts'
import type { RouteName } from './routes.ts'
import type { ServedSuite } from './suite.ts'

export class Telemetry {
  readonly #metrics = new Metrics()
  readonly #requests: Counter
  readonly #seconds: Histogram
  readonly #firstText: Histogram
  readonly #promptTokens: Counter
  readonly #completionTokens: Counter
  readonly #graded: Counter

  constructor(models: readonly ServedModel[], admissions: { answers: Admission; gradings: Admission }) {
    const metrics = this.#metrics
    this.#requests = metrics.counter(
      'pr1_requests_total',
      'Requests by address and status; a client that went before its answer has status 499.',
    )
    this.#seconds = metrics.histogram('pr1_request_seconds', 'Time from a request to the end of its answer.')
    this.#firstText = metrics.histogram('pr1_first_text_seconds', 'Time from the body of a request to the first text of its stream.')
    this.#promptTokens = metrics.counter('pr1_prompt_tokens_total', 'Tokens of prompts, each prompt of a request counted once.')
    this.#completionTokens = metrics.counter('pr1_completion_tokens_total', 'Tokens of answers, all paths counted.')
    this.#graded = metrics.counter('pr1_graded_total', 'Responses that were graded.')
    metrics.observed('gauge', 'pr1_answers', 'Answers that are written or wait.', () => [{ value: admissions.answers.taken }])
    metrics.observed('gauge', 'pr1_gradings', 'Requests that are graded or wait.', () => [{ value: admissions.gradings.taken }])
    const stats = (type: 'gauge' | 'counter', name: string, help: string, value: (stats: SchedulerStats) => number) =>
      metrics.observed(type, name, help, () =>
        models.flatMap(({ name: model, stats }) => (stats ? [{ labels: { model }, value: value(stats) }] : [])),
      )
    stats('gauge', 'pr1_decoding', 'Answers that decode now.', ({ running }) => running)
    stats('gauge', 'pr1_waiting', 'Answers that wait for room in the KV cache.', ({ queued }) => queued)
    stats('gauge', 'pr1_cache_pages', 'Pages of the KV cache.', ({ capacityPages }) => capacityPages)
    stats('gauge', 'pr1_cache_pages_reserved', 'Pages that answers may come to need.', ({ reservedPages }) => reservedPages)
    stats('counter', 'pr1_steps_total', 'Steps of the model.', ({ steps }) => steps)
    stats('counter', 'pr1_step_tokens_total', 'Tokens that steps of the model fed.', ({ tokens }) => tokens)
    metrics.observed('gauge', 'process_resident_memory_bytes', 'Memory of this process.', () => [{ value: process.memoryUsage.rss() }])
    const started = Math.round(Date.now() / 1000 - process.uptime())
    metrics.observed('gauge', 'process_start_time_seconds', 'When this process began, since 1970.', () => [{ value: started }])
  }

  answered(route: RouteName | 'other', { statusCode, writableEnded }: ServerResponse, seconds: number): void {
    this.#requests.add({ route, status: writableEnded ? String(statusCode) : '499' })
    this.#seconds.observe({ route }, seconds)
  }

  began({ name }: ServedModel, seconds: number): void {
    this.#firstText.observe({ model: name }, seconds)
  }

  wrote({ name }: ServedModel, { promptTokens, completionTokens }: Written): void {
    this.#promptTokens.add({ model: name }, promptTokens)
    this.#completionTokens.add({ model: name }, completionTokens)
  }

  graded({ name }: ServedSuite, responses: number): void {
    this.#graded.add({ suite: name }, responses)
  }

  text(): string {
    return this.#metrics.text()
  }
}
