#!/usr/bin/env bash
# readline of Node 24 ends a line at U+2028 and U+2029 too. That of Node 20 and 22 ends it at line feeds and carriage returns only.
# JSON.stringify leaves both characters as they are, so a file of JSON lines that one version reads is torn by the other.
# Seen with Node 20.20.2, 22.23.3 and 24.21.0. In the product: JSON lines are split at line feeds (src/json-lines.ts). The published
# parallel traces of GSM8K hold a U+2028, so a cold start failed to load on Node 24.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cat >lines.mjs <<'JS'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
const text = [{ a: 'x\u2028y' }, { a: 'x\u2029y' }].map((row) => `${JSON.stringify(row)}\n`).join('')
let lines = 0
for await (const _ of createInterface({ input: Readable.from([text]) })) lines++
console.log(lines)
JS

status=0
for expected in 20.20.2:2 22.23.3:2 24.21.0:4; do
  version=${expected%:*}
  mkdir "node-$version"
  (cd "node-$version" && npm init -y >/dev/null && npm install --silent --foreground-scripts "node@$version" >/dev/null 2>&1)
  bin=$(find "node-$version/node_modules" -path '*bin/node' -type f | head -n 1)
  lines=$("$bin" lines.mjs)
  echo "Node $("$bin" --version): $lines lines of 2"
  [ "$lines" = "${expected#*:}" ] || { echo "  CHANGED: it was ${expected#*:}"; status=1; }
done
exit $status
