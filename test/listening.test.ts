import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { askedName, isLoopback, listen } from '../src/listening.ts'

it.each([
  ['localhost:8000', 'localhost', true],
  ['LocalHost', 'localhost', true],
  ['127.0.0.1:1', '127.0.0.1', true],
  ['[::1]:80', '::1', true],
  ['localhost.example.org', 'localhost.example.org', false],
  ['127.0.0.1.example.org:80', '127.0.0.1.example.org', false],
  ['0.0.0.0', '0.0.0.0', false],
  ['a:b:c', 'a:b:c', false],
  [undefined, '', false],
])('Host: %s is %j, which only this machine reaches: %s', (header, name, own) => {
  expect(askedName(header)).toBe(name)
  expect(isLoopback(name)).toBe(own)
})

it('listens at a free port, and says why it cannot at another', async () => {
  const [server, other, third] = [createServer(), createServer(), createServer()]
  const failed = (why: { taken: boolean; message: string }) => Object.assign(new Error(why.message), why)
  const place = { host: '127.0.0.1', port: await listen(server, { host: '127.0.0.1', port: 0 }, failed) }
  expect(place.port).toBeGreaterThan(0)
  await expect(listen(other, place, failed)).rejects.toMatchObject({ taken: true })
  await expect(listen(third, { host: '192.0.2.1', port: 0 }, failed)).rejects.toMatchObject({
    taken: false,
    message: expect.stringMatching(/192\.0\.2\.1/),
  })
  await new Promise((done) => server.close(done))
})
