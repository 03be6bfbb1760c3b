#!/usr/bin/env bash
# Ray runs actors and tasks at nice 15, and what they start inherits it. On a machine with other work a process that an actor starts gets next to
# nothing of the CPU: here a loop beside two busy processes for each core. RAY_worker_niceness=0, in the environment of the one who starts the
# node, is the way out.
# Seen with ray 2.60.0. In the product: the bridge sets RAY_worker_niceness for a local cluster, and the worker's process takes nice back where it
# may (cluster/pr1_cluster/actor.py).
set -euo pipefail
work=$(mktemp -d /tmp/f-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ray==2.60.0
unset RAY_ADDRESS RAY_worker_niceness
export HOME=$work
cat > try.py <<'PY'
import os, subprocess, sys, time, ray

COUNT = "import time; end = time.time() + 4; n = 0\nwhile time.time() < end: n += 1\nprint(n)"
ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="error", _temp_dir=sys.argv[1])

@ray.remote
class Actor:
    def child(self):
        out = subprocess.run([sys.executable, "-c", "import os; print(os.nice(0))\n" + COUNT], capture_output=True, text=True).stdout
        return [int(line) for line in out.split()]

actor = Actor.remote()
ray.get(actor.child.remote())
busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * os.cpu_count())]
nice, by_actor = ray.get(actor.child.remote())
by_driver = int(subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True).stdout)
for process in busy:
    process.kill()
print(nice, "starved" if by_actor < by_driver / 4 else "not starved", f"({by_actor / by_driver:.2f} of what a child of the driver does)")
ray.shutdown()
PY
status=0
expect() { # name, wanted, found
  echo "$1: $3"
  [[ "$3" == "$2 ("* ]] || { echo "  CHANGED: it was: $2"; status=1; }
}
expect "nice of an actor's child, and its work on a busy machine" '15 starved' "$(venv/bin/python try.py "$work/a" 2>/dev/null | tail -1)"
expect 'with RAY_worker_niceness=0' '0 not starved' "$(RAY_worker_niceness=0 venv/bin/python try.py "$work/b" 2>/dev/null | tail -1)"
exit $status
