#!/usr/bin/env bash
# A driver that has the token of a Ray cluster does not show it. Neither ~/.ray/auth_token nor RAY_AUTH_TOKEN is used to connect unless
# RAY_AUTH_MODE=token stands in the environment before ray is imported. Without, ray.init(address=HOST:PORT) is refused for some twenty seconds,
# and then raises a ConnectionError that does not name the token. And `ray start --head` starts an open cluster where no token was made before:
# only the cluster of a bare ray.init() makes one itself.
# Seen with ray 2.60.0. In the product: the bridge sets RAY_AUTH_MODE where a token is, and its error says where to get one
# (cluster/pr1_cluster/bridge.py, docs/scale.md).
set -euo pipefail
work=$(mktemp -d /tmp/f-XXXXXX)
trap 'for pid in $(pgrep -f "$work/ray" || true); do kill -9 "$pid" 2>/dev/null || true; done; sleep 1; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ray==2.60.0
unset RAY_ADDRESS RAY_AUTH_MODE RAY_AUTH_TOKEN RAY_AUTH_TOKEN_PATH
port=27379
start() { # HOME
  HOME=$1 venv/bin/ray start --head --port=$port --include-dashboard=false --num-cpus=1 --temp-dir="$work/ray" --disable-usage-stats >start.log 2>&1
}
cat > try.py <<'PY'
import os, sys, time, ray
began = time.time()
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="error")
    print("in", end="")
except Exception as error:
    told = "auth" in str(error).lower() or "token" in str(error).lower()
    print(f"refused after {'10 s or more' if time.time() - began > 10 else 'less'} by {type(error).__name__} that {'names' if told else 'does not name'} the token", end="")
sys.stdout.flush()
os._exit(0)
PY
status=0
expect() { # name, wanted, found
  echo "$1: $3"
  [[ "$3" == "$2" ]] || { echo "  CHANGED: it was: $2"; status=1; }
}
mkdir open closed
address() { sed -n "s/.*Local node IP: \([0-9.:a-f]*\).*/\1:$port/p" start.log; }
start "$work/open"
expect 'ray start --head, no token made before: a driver without one' in "$(HOME=$work/open venv/bin/python try.py "$(address)" 2>/dev/null)"
for pid in $(pgrep -f "$work/ray"); do kill -9 "$pid"; done
sleep 2
HOME=$work/closed venv/bin/ray get-auth-token --generate >token 2>/dev/null
start "$work/closed"
refused='refused after 10 s or more by ConnectionError that does not name the token'
expect 'the same user, whose home folder has the token' "$refused" "$(HOME=$work/closed venv/bin/python try.py "$(address)" 2>/dev/null)"
expect 'the token in RAY_AUTH_TOKEN' "$refused" "$(RAY_AUTH_TOKEN=$(cat closed/.ray/auth_token) HOME=$work/open venv/bin/python try.py "$(address)" 2>/dev/null)"
expect 'the same user, with RAY_AUTH_MODE=token' in "$(RAY_AUTH_MODE=token HOME=$work/closed venv/bin/python try.py "$(address)" 2>/dev/null)"
exit $status
