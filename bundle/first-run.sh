#!/usr/bin/env bash
# The first minutes on a GPU, in three calls of at most eight minutes each:
#   bash first-run.sh 1    ceilings; every op without and with cuBLASLt; models: fixtures, sampled = scored, training beside the CPU
#   bash first-run.sh 2    decode, fork and prefill at 0.6B and 4B, train at 0.6B and 1.7B (4B on a large card), beside PyTorch
#   bash first-run.sh 3    profile, sanitizer, long contexts, Countdown's training files on the card beside the CPU
# Options: --out DIR (default: $OUT, else first-run), --seconds 480 for the whole part, --archive FILE, --work DIR to unpack into,
# --python FILE with torch and transformers (default: python3), --quick (small sizes, to try the script itself).
# PR1_CUDA and PR1_CUBLASLT are taken from the environment.
# It writes part-N.log (everything), part-N.jsonl (a line for each step and each figure) and, of part 3, countdown.tar.gz. A part whose
# time is over names what it left out. Exit code: 0 all done and right; 1 something failed; 2 a wrong command line or no archive; 3 no
# CUDA device; 4 nothing failed and something did not fit into the time.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
part=${1:-}
[ $# -gt 0 ] && shift
out=${OUT:-first-run}
seconds=480
archive=
work=${TMPDIR:-/tmp}/parallel-r1-first-run
python=python3
quick=

usage() {
  sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

case $part in 1 | 2 | 3) ;; *) usage ;; esac
while [ $# -gt 0 ]; do
  case $1 in
    --quick)
      quick=yes
      shift
      continue
      ;;
    --out | --seconds | --archive | --work | --python)
      if [ $# -lt 2 ]; then
        echo "first-run: $1 needs a value. See the head of $0." >&2
        exit 2
      fi
      ;;
    *)
      echo "first-run: unknown option $1. See the head of $0." >&2
      exit 2
      ;;
  esac
  case $1 in
    --out) out=$2 ;;
    --seconds) seconds=$2 ;;
    --archive) archive=$2 ;;
    --work) work=$2 ;;
    --python) python=$2 ;;
  esac
  shift 2
done
case $seconds in
  '' | *[!0-9]* | 0)
    echo "first-run: --seconds takes a whole number of seconds above 0. Got \"$seconds\"." >&2
    exit 2
    ;;
esac

mkdir -p "$out" || exit 2
out=$(cd -- "$out" && pwd)
log=$out/part-$part.log
lines=$out/part-$part.jsonl
: >"$log"
: >"$lines"
end=$((SECONDS + seconds))
failed=0
left_out=0

say() { printf '%s\n' "$*" | tee -a "$log"; }
left() { echo $((end - SECONDS)); }
# A text as a JSON string: a control character becomes a blank.
quoted() { printf '"%s"' "$(printf '%s' "$1" | tr '\000-\037' ' ' | sed 's/\\/\\\\/g; s/"/\\"/g')"; }
note() { printf '%s\n' "$1" >>"$lines"; }

finish() {
  note "{\"part\":$part,\"step\":\"end\",\"failed\":$failed,\"leftOut\":$left_out,\"seconds\":$((SECONDS))}"
  say ""
  say "part $part: $failed failed, $left_out left out or cut, ${SECONDS} s. Results: $log, $lines"
  if [ "$failed" -gt 0 ]; then exit 1; fi
  if [ "$left_out" -gt 0 ]; then exit 4; fi
  exit 0
}

# step NAME SECONDS HINT COMMAND…: runs it for at most so long, and not beyond the end of the part. HINT says what to look at.
step() {
  local name=$1 most=$2 hint=$3 now code began
  shift 3
  now=$(left)
  # What has less than a few seconds would only start.
  if [ "$now" -lt 5 ]; then
    left_out=$((left_out + 1))
    say "== $name: LEFT OUT, no time is left"
    note "{\"part\":$part,\"step\":$(quoted "$name"),\"status\":\"left out\"}"
    return 0
  fi
  [ "$most" -gt "$now" ] && most=$now
  say ""
  say "== $name (at most $most s)"
  began=$SECONDS
  timeout --kill-after=10 "$most" "$@" 2>&1 | tee -a "$log"
  code=${PIPESTATUS[0]}
  local took=$((SECONDS - began)) status=ok
  case $code in
    0) ;;
    4 | 124 | 137)
      status='cut'
      left_out=$((left_out + 1))
      say "== $name: CUT after $took s. What it printed until then counts."
      ;;
    *)
      status=failed
      failed=$((failed + 1))
      say "== $name: FAILED with code $code after $took s. Look at: $hint"
      ;;
  esac
  note "{\"part\":$part,\"step\":$(quoted "$name"),\"status\":\"$status\",\"code\":$code,\"seconds\":$took}"
  return 0
}

skip() {
  say ""
  say "== $1: SKIPPED, $2"
  note "{\"part\":$part,\"step\":$(quoted "$1"),\"status\":\"skipped\",\"reason\":$(quoted "$2")}"
}

# works NAME COMMAND…: whether a tool can run a program that only opens the device. Containers often have the tool and refuse what it
# needs: that is no failure of the kernels, so NAME is skipped and the tool's own words are its reason.
works() {
  local name=$1 said
  shift
  said=$(timeout --kill-after=10 30 "$@" "$bundle/bin/ops_check" "$PR1_CUDA" device 2>&1) && return 0
  printf '%s\n' "$said" >>"$log"
  skip "$name" "$1 does not work on this machine: $(printf '%s\n' "$said" | grep -i -m 1 'error\|fail\|support' || echo 'see the log')"
  return 1
}

# The bundle: unpacked already where this script lies, or from the archive, with Python where tar finds no xz.
unpack() {
  if [ -x "$here/bin/node" ] && [ -z "$archive" ]; then
    bundle=$here
    return
  fi
  local file mark
  if [ -z "$archive" ]; then
    for file in "$here/parallel-r1-linux-x64.tar.xz" ./parallel-r1-linux-x64.tar.xz "$here/../parallel-r1-linux-x64.tar.xz"; do
      if [ -f "$file" ]; then
        archive=$file
        break
      fi
    done
  fi
  if [ ! -f "$archive" ]; then
    echo "first-run: there is no archive${archive:+ $archive}. Name it with --archive, or put parallel-r1-linux-x64.tar.xz beside this script." >&2
    exit 2
  fi
  bundle=$work/parallel-r1
  mark="$(cksum <"$archive")"
  if [ -f "$work/unpacked" ] && [ "$(cat "$work/unpacked")" = "$mark" ]; then return; fi
  rm -rf "$bundle" "$work/unpacked"
  mkdir -p "$work" || exit 2
  if command -v xz >/dev/null 2>&1; then
    tar -xf "$archive" -C "$work"
  else
    python3 -c 'import sys, tarfile
tarfile.open(sys.argv[1], "r:xz").extractall(sys.argv[2])' "$archive" "$work"
  fi
  if [ ! -x "$bundle/bin/node" ]; then
    echo "first-run: $archive could not be unpacked into $work, which takes xz or a python3 with lzma, and 250 MB. See above, or unpack it and run its own first-run.sh." >&2
    exit 2
  fi
  printf '%s' "$mark" >"$work/unpacked"
}

unpack
export PR1_CUDA="${PR1_CUDA:-$bundle/prebuilds/linux-x64/parallel_r1_cuda.so}"
# What the machine says of itself, and where the first kernel cannot run, why.
note "{\"part\":$part,\"step\":\"begin\",\"seconds\":$seconds,\"library\":$(quoted "$PR1_CUDA")}"
if command -v nvidia-smi >/dev/null 2>&1; then
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.memory --format=csv 2>&1 | tee -a "$log"
fi
# The first kernels: where they hang, so would all that follows.
ceilings=$(timeout --kill-after=10 60 "$bundle/bin/ops_check" "$PR1_CUDA" ceilings 2>&1)
code=$?
say "$ceilings"
if [ "$code" -eq 2 ]; then
  say "first-run: no CUDA device can be used, so part $part ends here: ${ceilings#unavailable: }"
  note "{\"part\":$part,\"step\":\"device\",\"status\":\"no device\",\"reason\":$(quoted "$ceilings")}"
  exit 3
fi
case $code in 124 | 137) say "ceilings: no answer within 60 s" ;; esac
if [ "$code" -ne 0 ]; then
  failed=1
  say "== ceilings: FAILED with code $code. Look at: measure() in native/cuda/ops.cu, whose kernels are the first that run."
  note "{\"part\":$part,\"step\":\"ceilings\",\"status\":\"failed\",\"code\":$code}"
else
  note "{\"part\":$part,\"step\":\"ceilings\",\"status\":\"ok\",\"ceilings\":$(printf '%s\n' "$ceilings" | tail -n 1)}"
fi

ops=full
[ -n "$quick" ] && ops=brief
bench=("$bundle/run" bench --lines "$lines")
case $part in
  1)
    step 'ops without cuBLASLt' 150 'the first FAILED line above names op and shape; native/cuda has a file of that name. PR1_CUBLASLT=off was set.' \
      env PR1_CUBLASLT=off "$bundle/bin/ops_check" "$PR1_CUDA" "$ops"
    step 'ops with cuBLASLt, models, fixtures, sampled = scored' "$(left)" \
      'FAILED lines. Where only these fail and ops without cuBLASLt are right, cuBLASLt is the difference (native/cuda/cublaslt.h).' \
      "$bundle/run" check --ops "$ops"
    # One line for each check of this part.
    sed -n -E 's/^(ok|FAILED) (.*)$/\1\t\2/p' "$log" | while IFS=$'\t' read -r how what; do
      note "{\"part\":1,\"check\":$(quoted "$what"),\"ok\":$([ "$how" = ok ] && echo true || echo false)}"
    done
    ;;
  2)
    forward=(--models '0.6B,4B' --work 'decode,fork,prefill')
    train=(--models '0.6B,1.7B' --work train)
    memory=$(nvidia-smi --query-gpu=memory.total --format=csv,noheader,nounits 2>/dev/null | head -n 1)
    if [ "${memory:-0}" -ge 130000 ] 2>/dev/null; then train=(--models '0.6B,1.7B,4B' --work train); fi
    if [ -n "$quick" ]; then
      forward=(--models countdown --work 'decode,fork,prefill' --batches '1,2' --context 24 --prefix 32 --prefill 32 --numerics exact)
      train=(--models countdown --work train --tokens 64 --numerics exact)
    fi
    if ! "$python" -c 'import torch, transformers' >/dev/null 2>&1; then
      skip 'PyTorch beside it' "$python has no torch and transformers. Name another one with --python"
      python=off
    fi
    half=$((seconds / 2))
    step 'decode, fork, prefill' "$half" 'the line "not measured: …" of the shape; native/cuda/gemm.h and attention.h by part 1.' \
      "${bench[@]}" "${forward[@]}" --pairs 1 --seconds $((half - 15)) --peer-seconds 80 --peer-python "$python"
    step 'train' "$(left)" 'the line "not measured: …" of the shape. Short of memory: --tokens 8192 in bench.' \
      "${bench[@]}" "${train[@]}" --pairs 1 --seconds $(($(left) - 15)) --peer-seconds 80 --peer-python "$python"
    ;;
  3)
    if ! command -v ncu >/dev/null 2>&1; then
      skip 'profile' 'ncu (Nsight Compute) is not on the PATH'
    elif works 'profile' ncu --clock-control none --launch-count 1; then
      step 'profile' 80 'ncu'"'"'s own words: without the right to read counters it needs root or NVreg_RestrictProfilingToAdminUsers=0.' \
        "$bundle/run" profile --batches 1 --numerics exact --context 500
    fi
    if ! command -v compute-sanitizer >/dev/null 2>&1; then
      skip 'sanitizer' 'compute-sanitizer is not on the PATH'
    elif works 'sanitizer' compute-sanitizer; then
      for tool in memcheck racecheck synccheck; do
        step "sanitizer $tool" 45 'the first error it prints names kernel and line.' \
          compute-sanitizer --tool "$tool" --error-exitcode 9 "$bundle/bin/ops_check" "$PR1_CUDA" brief
      done
    fi
    long=(--models 0.6B --work 'decode,prefill' --batches '1,8' --context 32768 --prefill 32768 --numerics exact)
    [ -n "$quick" ] && long=(--models countdown --work 'decode,prefill' --batches 1 --context 200 --prefill 200 --numerics exact)
    step 'long contexts' 70 'native/cuda/attention.h: attention_fold walks the chunks of a long context one after the other.' \
      "${bench[@]}" "${long[@]}" --pairs 1 --peer-python off --seconds 60
    countdown=(--sft 200 --rl 4 --problems 64)
    [ -n "$quick" ] && countdown=(--sft 2 --rl 1 --problems 2 --forms parallel)
    runs=$work/countdown
    rm -rf "$runs"
    step "Countdown's training files on the card and on the CPU" "$(left)" "$runs/FORM-DEVICE-STAGE.log, which countdown.tar.gz holds." \
      "$bundle/run" countdown "${countdown[@]}" --out "$runs" --lines "$lines" --seconds $(($(left) - 25))
    if [ -d "$runs" ]; then
      (cd "$runs" && find . -name '*.log' -o -name metrics.jsonl | tar -czf "$out/countdown.tar.gz" -T -)
    fi
    ;;
esac
finish
