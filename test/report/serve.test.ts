import { request } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { linkedName, reportLink } from '../../src/report/link.ts'
import { ReportError } from '../../src/report/rows.ts'
import { type ReportServer, serveReports } from '../../src/report/serve.ts'
import { isEvaluationId } from '../../src/report/stored.ts'

const open: ReportServer[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

async function serve(draw: (evaluation?: string) => Promise<string>): Promise<ReportServer> {
  const server = await serveReports({ port: 0, draw })
  open.push(server)
  return server
}

/** Status and text, with headers that fetch() would set itself. */
function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<{ status?: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url.replace('localhost', '127.0.0.1'), { method, headers: { host: 'localhost', ...headers } }, (response) => {
      let text = ''
      response.on('data', (part) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode, text }))
    })
    asked.on('error', reject)
    asked.end()
  })
}

describe('a served report', () => {
  it('draws a page when it is asked for, keeps it, and draws it anew when the reader loads it anew', async () => {
    const drawn: (string | undefined)[] = []
    const { url } = await serve(async (evaluation) => `page ${drawn.push(evaluation)} of ${evaluation ?? 'the inputs'}`)
    expect(await ask(`${url}/`)).toEqual({ status: 200, text: 'page 1 of the inputs' })
    const evaluation = 'eval-abc-2026-11-29T04:54:04'
    const address = new URL(reportLink({ evaluationId: evaluation, label: 'tiny', seed: 7, env: { PR1_REPORT: url } })!)
    expect(await ask(address.href)).toEqual({ status: 200, text: `page 2 of ${evaluation}` })
    expect((await ask(address.href)).text).toBe(`page 2 of ${evaluation}`)
    expect((await ask(address.href, { 'cache-control': 'max-age=0' })).text).toBe(`page 3 of ${evaluation}`)
    expect(drawn).toEqual([undefined, evaluation, evaluation])
  })

  it('says as a page what could not be drawn, and tries again', async () => {
    let tries = 0
    const { url } = await serve(async () => {
      if (tries++ === 0) throw new ReportError('There is no <sample> to report on.')
      return 'drawn'
    })
    expect(await ask(`${url}/latest`)).toMatchObject({
      status: 500,
      text: expect.stringContaining('There is no &lt;sample&gt; to report on.'),
    })
    expect(await ask(`${url}/latest`)).toEqual({ status: 200, text: 'drawn' })
  })

  it('answers this machine only, under its own name, with reports only', async () => {
    const { url } = await serve(async () => 'page')
    expect((await ask(`${url}/`, { host: 'example.org' })).status).toBe(403)
    expect((await ask(`${url}/`, {}, 'POST')).status).toBe(404)
    for (const path of ['favicon.ico', 'eval-', '--help', 'latest/..%2f', '%E0%A4%A'])
      expect((await ask(`${url}/${path}`)).status, path).toBe(404)
  })

  it('says that its port is taken', async () => {
    const { url } = await serve(async () => '')
    const port = Number(new URL(url).port)
    await expect(serveReports({ port, draw: async () => '' })).rejects.toThrow(`Port ${port} is taken.`)
  })
})

describe('a link', () => {
  const sample = { evaluationId: 'eval-x', label: 'tiny', seed: 7, env: {} }
  it('is there where promptfoo keeps the evaluation, and can be turned off', () => {
    expect(reportLink(sample)).toMatch(/^http:\/\/localhost:15501\/eval-x#\/s[0-9a-f]{12}$/)
    expect(reportLink({ ...sample, evaluationId: undefined })).toBeUndefined()
    expect(reportLink({ ...sample, env: { PR1_REPORT: 'off' } })).toBeUndefined()
  })

  it('names one sample of one column', () => {
    const names = [sample, { ...sample, seed: 8 }, { ...sample, label: 'other' }].map((one) => linkedName(reportLink(one)))
    expect(new Set(names).size).toBe(3)
    for (const odd of [undefined, 7, '#/1/1/1', 'http://x/#/sxyz']) expect(linkedName(odd)).toBeUndefined()
  })
})

it('evaluations are told from files and from options of a command line', () => {
  expect(['latest', 'eval-2sX-2026-11-29T04:54:04'].every(isEvaluationId)).toBe(true)
  expect(['results.json', '-o', 'eval-a b', 'eval-../x', ''].some(isEvaluationId)).toBe(false)
})
