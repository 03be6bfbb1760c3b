#!/usr/bin/env bash
# hyparquet-compressors cannot unpack an LZ4 page of nothing: the block is one zero byte, and the reader looks for an offset behind it.
# pyarrow writes such a page for every column of nulls. One such column, and no column of the file can be read.
# Seen with hyparquet 1.33.0, hyparquet-compressors 1.1.2 and pyarrow 26.0.1. In the product: pages of no bytes never reach the
# decompressor (src/data/parquet.ts).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund hyparquet@1.33.0 hyparquet-compressors@1.1.2
venv/bin/python - <<'PY'
import pyarrow as pa, pyarrow.parquet as pq
for codec in ["lz4", "zstd", "snappy"]:
    pq.write_table(pa.table({"text": ["a", "b"], "nothing": pa.nulls(2)}), f"{codec}.parquet", compression=codec)
PY
cat > read.mjs <<'JS'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { readFileSync } from 'node:fs'
const expected = { lz4: 'lz4 offset out of range 0', zstd: '2 rows', snappy: '2 rows' }
for (const [codec, wanted] of Object.entries(expected)) {
  const file = new Uint8Array(readFileSync(`${codec}.parquet`)).slice().buffer
  const found = await parquetReadObjects({ file, compressors }).then((rows) => `${rows.length} rows`, (error) => error.message)
  console.log(`${codec}: ${found}`)
  if (found !== wanted) {
    console.log(`  CHANGED: it was ${wanted}`)
    process.exitCode = 1
  }
}
JS
node read.mjs
