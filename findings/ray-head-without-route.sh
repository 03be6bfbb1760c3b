#!/usr/bin/env bash
# On a machine that has an address but no route to the internet, as in a closed network, `ray start --head` takes 127.0.0.1 for its own: Ray asks
# for the way to 8.8.8.8. It starts and prints an address that nobody else can join; a machine that tries waits for minutes.
# --node-ip-address is the way out.
# Seen with ray 2.60.0 on Linux; needs a network namespace. In the product: docs/scale.md names the address.
set -euo pipefail
work=$(mktemp -d /tmp/f-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
unshare -rn true 2>/dev/null || { echo 'skipped: this user may not make a network namespace'; exit 0; }
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ray==2.60.0
export HOME=$work
cat > try.sh <<'SH'
ip link set lo up
ip link add name va type veth peer name vb
ip addr add 10.9.8.1/24 dev va
ip link set va up
ip link set vb up
timeout 60 venv/bin/ray start --head --port=6379 --include-dashboard=false --num-cpus=1 --temp-dir="$PWD/ray" --disable-usage-stats "$@" 2>&1
for pid in $(pgrep -f "$PWD/ray"); do kill -9 "$pid" 2>/dev/null || true; done
SH
status=0
for wanted in '127.0.0.1' '10.9.8.1 --node-ip-address=10.9.8.1'; do
  read -r address more <<<"$wanted"
  found=$(unshare -rn bash try.sh $more | sed -n "s/.*ray start --address='\(.*\):6379'.*/\1/p")
  echo "ray start --head ${more:-on a machine with the address 10.9.8.1} prints the address $found"
  [[ "$found" == "$address" ]] || { echo "  CHANGED: it was $address"; status=1; }
done
exit $status
