#!/usr/bin/env bash
# A Node program that handles SIGHUP and exits when its terminal has closed is ended by SIGABRT: at exit Node sets the terminal as it
# was, and takes for granted that this works. What it wrote is safe, but the exit code is lost and there may be a core file.
# Seen with Node 20.20 on Linux. In the product: src/trainer/cli.ts ends by SIGHUP itself once everything is saved.
set -euo pipefail
python3 - <<'PY'
import os, pty, sys, time
program = "process.on('SIGHUP', () => process.exit(7)); process.stdout.on('error', () => {}); setInterval(() => {}, 1000); console.log('on')"
pid, terminal = pty.fork()
if pid == 0:
    os.execvp('node', ['node', '-e', program])
os.read(terminal, 100)
os.close(terminal)
_, status = os.waitpid(pid, 0)
ended = f'signal {os.WTERMSIG(status)}' if os.WIFSIGNALED(status) else f'code {os.WEXITSTATUS(status)}'
print(f'process.exit(7) at SIGHUP of a closed terminal: {ended}')
if ended != 'signal 6':
    print('  CHANGED: it was signal 6')
    sys.exit(1)
PY
