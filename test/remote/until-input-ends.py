"""Runs a command until it ends or the input does, which ends all that it started: python until-input-ends.py COMMAND..."""

import os
import signal
import subprocess
import sys
import threading

child = subprocess.Popen(sys.argv[1:], start_new_session=True, stdin=subprocess.DEVNULL)


def wait() -> None:
    code = child.wait()
    os._exit(code if code >= 0 else 1)


threading.Thread(target=wait, daemon=True).start()
sys.stdin.read()
try:
    os.killpg(child.pid, signal.SIGKILL)
except ProcessLookupError:
    pass
