/** Serves report pages to this machine: links in promptfoo's view lead to single samples. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { ParallelR1Error } from '../engine/errors.ts'
import { askedName, isLoopback, listen } from '../listening.ts'
import { html } from './page/html.ts'
import { ReportError } from './rows.ts'
import { isEvaluationId } from './stored.ts'

export interface ReportServer {
  /** `http://localhost:15501` */
  url: string
  close(): Promise<void>
}

/** A page stays drawn until the reader loads it anew. */
const MOST_PAGES = 4

/**
 * Listens on this machine only. `/` is drawn by `draw()`, `/eval-…` by `draw('eval-…')`; loading a page anew draws it anew.
 * @throws ReportError where the port is taken
 */
export async function serveReports({ port, draw }: { port: number; draw(evaluation?: string): Promise<string> }): Promise<ReportServer> {
  const pages = new Map<string, Promise<string>>()
  const page = (path: string, anew: boolean): Promise<string> => {
    const kept = anew ? undefined : pages.get(path)
    if (kept) return kept
    const drawn = draw(path === '/' ? undefined : path.slice(1))
    pages.delete(path)
    pages.set(path, drawn)
    drawn.catch(() => pages.delete(path))
    if (pages.size > MOST_PAGES) pages.delete(pages.keys().next().value as string)
    return drawn
  }
  const server = createServer((request, response) => void answer(request, response, page))
  const own = await listen(
    server,
    { host: '127.0.0.1', port },
    ({ taken, message }) =>
      new ReportError(
        taken
          ? `Port ${port} is taken. Another pr1-report may be serving there: stop it, or choose with --port.`
          : `Port ${port} cannot be listened at: ${message}. Choose another with --port.`,
      ),
  )
  return {
    url: `http://localhost:${own}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  page: (path: string, anew: boolean) => Promise<string>,
): Promise<void> {
  const send = (status: number, body: string) =>
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(body)
  const say = (status: number, text: string) => send(status, html`<!doctype html><title>pr1-report</title><p>${text}`.text)
  // A page elsewhere that has its name point here is not answered.
  if (!isLoopback(askedName(request.headers.host))) return void say(403, 'Ask for localhost.')
  const path = decoded(new URL(request.url ?? '/', 'http://localhost').pathname)
  if (request.method !== 'GET' || !(path === '/' || isEvaluationId(path.slice(1)))) {
    return void say(404, 'There is no such page. /eval-… shows the evaluation that promptfoo calls so.')
  }
  try {
    send(200, await page(path, request.headers['cache-control'] !== undefined))
  } catch (error) {
    say(500, error instanceof ParallelR1Error ? error.message : `The page could not be drawn: ${(error as Error).message}`)
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
