import fc from 'fast-check'

/** Any character, halves of surrogate pairs left out. As `unit: 'binary'` of fast-check, which takes a second to list all there are. */
export const character = fc.nat(0x10ffff - 0x800).map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800))
