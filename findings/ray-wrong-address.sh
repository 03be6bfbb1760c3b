#!/usr/bin/env bash
# ray.init(address=HOST:PORT) where nothing listens does not fail: it tries for two minutes, and is deaf to SIGINT and SIGTERM meanwhile, because
# it waits outside of Python. Also, 127.0.0.1 is not asked: Ray puts the machine's own address in its place.
# Seen with ray 2.60.0. In the product: a connection is tried first, with a limit (reach in cluster/pr1_cluster/bridge.py).
set -euo pipefail
work=$(mktemp -d /tmp/f-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ray==2.60.0
export HOME=$work
unset RAY_ADDRESS RAY_AUTH_MODE RAY_AUTH_TOKEN RAY_AUTH_TOKEN_PATH
venv/bin/python -c 'import ray; ray.init(address="127.0.0.1:1", logging_level="error")' >out 2>&1 &
pid=$!
status=0
sleep 15
kill -INT $pid
kill -TERM $pid
sleep 15
if kill -0 $pid 2>/dev/null; then
  echo 'after 30 s, SIGINT and SIGTERM: it still tries'
  kill -9 $pid
else
  echo 'CHANGED: it ended'
  status=1
fi
wait $pid 2>/dev/null || true
if asked=$(grep -o 'at address [0-9a-f.:]*:1 ' out | head -1) && [[ "$asked" != 'at address 127.0.0.1:1 ' ]]; then
  echo "127.0.0.1:1 was asked for, tried was: $asked"
else
  echo "CHANGED: the address it tried: ${asked:-none}"
  status=1
fi
exit $status
