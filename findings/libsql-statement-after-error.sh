#!/usr/bin/env bash
# A prepared statement of libsql whose get() has thrown is never reset: every later get(), whatever its values, throws the same error again.
# better-sqlite3, whose interface it copies, resets the statement. One damaged row then makes all rows unreadable.
# Seen with libsql 0.5.29. In the product: a statement that has thrown is prepared anew (src/store/sqlite.ts).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund libsql@0.5.29
cat > try.mjs <<'JS'
import Database from 'libsql'
const statement = new Database(':memory:', {}).prepare("select json_extract(?, '$.a') as a")
const found = ['{"a":1}', '{', '{"a":2}'].map((text) => {
  try {
    return statement.get([text]).a
  } catch (error) {
    return error.message
  }
})
console.log(found.join(', '))
if (found[2] !== 'malformed JSON') {
  console.log('  CHANGED: the third was malformed JSON, as the second')
  process.exitCode = 1
}
JS
node try.mjs
