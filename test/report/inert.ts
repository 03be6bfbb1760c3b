import type { parseHTML } from 'linkedom'
import { expect } from 'vitest'

/** No script stands in a page but its own, in their order, and no attribute is code. */
export function expectInert(document: ReturnType<typeof parseHTML>['document']): void {
  const scripts = [...document.querySelectorAll('script')].map((script) => script.getAttribute('type') ?? 'code')
  expect(scripts).toEqual(['code', 'application/json', 'text/plain', 'code'])
  const attributes = [...document.querySelectorAll('*')].flatMap((node) => [...node.attributes])
  expect(attributes.filter(({ name }) => name.startsWith('on'))).toEqual([])
}
