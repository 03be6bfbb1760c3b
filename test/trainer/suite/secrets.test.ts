import { describe, expect, it } from 'vitest'
import { withoutSecrets } from '../../../src/trainer/suite/secrets.ts'

describe('a configuration for others', () => {
  it.each([
    'apiKey',
    'API_KEY',
    'APIKey',
    'apikey',
    'x-api-key',
    'Ocp-Apim-Subscription-Key',
    'key',
    'token',
    'accessToken',
    'access_token',
    'accesstoken',
    'clientSecret',
    'password',
    'auth',
    'Authorization',
    'Cookie',
    'Set-Cookie',
    'awsCredentials',
  ])('has no value of %s', (name) => {
    expect(withoutSecrets({ headers: [{ [name]: 's3cr3t' }] })).toEqual({ headers: [{ [name]: 'left out' }] })
    expect(withoutSecrets({ [name]: { value: 's3cr3t' } })).toEqual({ [name]: 'left out' })
    expect(withoutSecrets({ url: `https://host/v1?a=1&${name}=s3cr3t&b=2#end` })).toEqual({
      url: `https://host/v1?a=1&${name}=left-out&b=2#end`,
    })
  })

  it.each(['tokenizer', 'author', 'max_tokens', 'maxTokens', 'monkey', 'keyboard', 'keepAlive', 'secretary', 'passes', 'authority'])(
    'keeps the value of %s',
    (name) => {
      const config = { [name]: 'plain', url: `https://host/?${name}=plain` }
      expect(withoutSecrets(config)).toEqual(config)
    },
  )

  it('keeps numbers, and texts that are no URL', () => {
    const config = { token: 5, prompt: 'is a=1 & b = 2? key = 3; token: 4', none: null, on: true }
    expect(withoutSecrets(config)).toEqual(config)
  })

  it('has no name and password of a host, and no secret in a query, wherever the URL stands', () => {
    expect(withoutSecrets({ apiBaseUrl: 'https://me:p%40ss@host/v1' })).toEqual({ apiBaseUrl: 'https://host/v1' })
    expect(withoutSecrets(['POST /v1?key=abc HTTP/1.1\nHost: h', 'see https://h/?q=a@b', 'https://h/#access_token=abc'])).toEqual([
      'POST /v1?key=left-out HTTP/1.1\nHost: h',
      'see https://h/?q=a@b',
      'https://h/#access_token=left-out',
    ])
    expect(withoutSecrets('https://h/?api%5Fkey=abc&x')).toBe('https://h/?api%5Fkey=left-out&x')
  })
})
