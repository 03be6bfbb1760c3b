#!/usr/bin/env bash
# nohup starts a program with SIGHUP ignored, and a program that sets no handler keeps that. Node does not: it sets every signal back
# to its default when it starts (all but SIGPIPE and SIGXFSZ), so `nohup node …` ends when the terminal closes. setsid and tmux help.
# Seen with Node 20.20 on Linux. In the product: pr1-train saves at SIGHUP, under nohup too, and docs/train.md says what to use.
set -euo pipefail
lives() {
  nohup "$@" >/dev/null 2>&1 &
  local pid=$!
  sleep 1
  kill -HUP "$pid"
  sleep 1
  if kill -0 "$pid" 2>/dev/null; then
    kill -KILL "$pid"
    echo lives
  else
    echo ends
  fi
}
shell=$(lives sleep 20)
node=$(lives node -e 'setTimeout(() => {}, 20_000)')
echo "nohup sleep, at SIGHUP: $shell"
echo "nohup node, at SIGHUP: $node"
if [ "$shell $node" != 'lives ends' ]; then
  echo '  CHANGED: it was "lives ends"'
  exit 1
fi
