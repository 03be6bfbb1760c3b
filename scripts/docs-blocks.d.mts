/** Types of docs-blocks.mjs for its test. */

export interface Block {
  line: number
  language: string
  text: string
  end: number
  marks: Record<string, string>
}

export function pagesOf(root: string): string[]
export function blocksOf(markdown: string): Block[]
export function inProject(markdown: string): boolean
export function brokenLinks(root: string, page: string): string[]
