#!/usr/bin/env bash
# libsql takes a checkpoint for done when a read of its write-ahead log fails. It reports no error, removes the log, and the database is
# damaged from then on. SQLite keeps the log, and all rows are there the next time.
# Seen with libsql 0.5.29 and SQLite 3.40.1. Found by npm run torture (a failing read below the sample store). In the product: rows carry
# checksums, and what is damaged is drawn again (src/store/file.ts).
# Linux with a C compiler and Python 3.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund libsql@0.5.29
cat > fail.c <<'C'
// The 40th read of a log fails once, as on a bad sector.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
ssize_t pread64(int file, void *data, size_t size, off64_t at) {
  static int reads;
  char link[64], name[4096] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  if (readlink(link, name, sizeof name - 1) > 0 && strstr(name, "-wal") && ++reads == 40) return errno = EIO, -1;
  return ((ssize_t(*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64"))(file, data, size, at);
}
C
cc -shared -fPIC -o fail.so fail.c -ldl
cat > write.mjs <<'JS'
import Database from 'libsql'
const database = new Database('libsql.db', {})
database.exec('PRAGMA journal_mode = WAL; CREATE TABLE rows (id INTEGER PRIMARY KEY, value BLOB)')
const insert = database.prepare('INSERT INTO rows (value) VALUES (?)')
for (let i = 0; i < 100; i++) insert.run([Buffer.alloc(3000)])
database.close()
JS
cat > write.py <<'PY'
import sqlite3
database = sqlite3.connect('sqlite.db', isolation_level=None)
database.execute('PRAGMA journal_mode = WAL')
database.execute('CREATE TABLE rows (id INTEGER PRIMARY KEY, value BLOB)')
for _ in range(100):
    database.execute('INSERT INTO rows (value) VALUES (?)', (bytes(3000),))
database.close()
PY
LD_PRELOAD=$PWD/fail.so python3 write.py
LD_PRELOAD=$PWD/fail.so node write.mjs
changed=0
for name in sqlite libsql; do
  found=$(python3 -c "import sqlite3; print('whole' if sqlite3.connect('$name.db').execute('PRAGMA integrity_check').fetchone()[0] == 'ok' else 'damaged')")
  echo "$name: $found"
  [ "$name $found" = 'sqlite whole' ] || [ "$name $found" = 'libsql damaged' ] || changed=1
done
[ "$changed" = 0 ] || echo '  CHANGED: sqlite was whole, libsql damaged'
exit "$changed"
