#!/usr/bin/env bash
# All that is worth knowing of a GPU, in under ten minutes: builds Release, runs the Vulkan tests, null tests and
# benchmarks on the first real device, and goes on whatever fails.
#
#     bench/gpu_day.sh RESULTS [BUILD]
#
# RESULTS: a folder for everything that is printed, a file a step, and summary.txt. BUILD: a folder that is built
# already (with MXD_TESTS and MXD_BENCH), for machines without a compiler. VK_DRIVER_FILES and the like are taken from
# the environment. PEAK_GFLOPS: the device's float32 peak by its data sheet, for shares of it.
set -u
[ $# -ge 1 ] || { sed -n '5,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1" || exit 1
results=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/.." && pwd)
build=${2:-$results/build}
[ -d "$build" ] && build=$(cd "$build" && pwd)
deadline=$((SECONDS + 590))
export VK_INSTANCE_LAYERS= # tests are run under validation elsewhere; here time is short and counts
summary=$results/summary.txt
: >"$summary"
number=0
failed=0

say() { printf '%s\n' "$*" | tee -a "$summary"; }

# step NAME SECONDS COMMAND...: its output to a file of its own, a line to the summary.
step() {
  local name=$1 limit=$2 start=$SECONDS code
  shift 2
  number=$((number + 1))
  local file
  file=$(printf '%s/%02d-%s.txt' "$results" "$number" "$name")
  [ $limit -gt $((deadline - SECONDS)) ] && limit=$((deadline - SECONDS))
  if [ $limit -le 0 ]; then
    say "SKIPPED       $name: no time left"
    return 1
  fi
  timeout -k 5 "$limit" "$@" >"$file" 2>&1
  code=$?
  if [ $code -eq 0 ]; then
    say "$(printf 'ok      %4d s  %s' $((SECONDS - start)) "$name")"
  else
    failed=$((failed + 1))
    say "$(printf 'FAILED  %4d s  %s (exit code %d, see %s)' $((SECONDS - start)) "$name" $code "${file##*/}")"
  fi
  return $code
}

if [ $# -lt 2 ]; then
  step configure 60 cmake -S "$source" -B "$build" -DCMAKE_BUILD_TYPE=Release -DMXD_TESTS=ON -DMXD_BENCH=ON
  step build 180 cmake --build "$build" -j "$(nproc)"
fi

# Leaves lavapipe out where anything else is there.
export VK_LOADER_DRIVERS_DISABLE=${VK_LOADER_DRIVERS_DISABLE-*lvp*}
if ! "$build/mixdown" devices 2>/dev/null | grep '^vulkan' | grep -vq software; then
  unset VK_LOADER_DRIVERS_DISABLE
  say "NO GPU: all figures below are of a software device, or there are none"
fi
step devices 20 "$build/mixdown" devices
say "$(grep -h '^vulkan' "$results"/*-devices.txt | head -1)"
step vulkaninfo 20 vulkaninfo --summary

cd "$results" || exit 1
step test_spirv 20 "$build/tests/test_spirv"
step test_vulkan 60 "$build/tests/test_vulkan"
step test_vulkan_uploads 30 "$build/tests/test_vulkan_uploads"
step test_vulkan_poisoned 60 env MXD_VULKAN_POISON=1 "$build/tests/test_vulkan_poisoned"
step test_kernels 60 "$build/tests/test_kernels"
step test_rows 60 "$build/tests/test_rows"
step test_chain 60 "$build/tests/test_chain"
step test_null 90 "$build/tests/test_null"

peak=()
[ -n "${PEAK_GFLOPS-}" ] && peak=(--peak-gflops "$PEAK_GFLOPS")
step bench_render_mix 40 "$build/bench/bench_render" --backend vulkan --backend cpu --case mix --tracks 64 --seconds 60 \
  --runs 1
step bench_kernels 60 "$build/bench/bench_kernels" --vulkan --json "$results/bench_kernels.json" "${peak[@]}"
step bench_render 120 "$build/bench/bench_render" --backend vulkan --backend cpu --tracks 8 --tracks 64 --tracks 512 \
  --seconds 30 --runs 1
# What staging and queues are worth.
for setting in "copy one" "copy many" "direct one"; do
  read -r staging queues <<<"$setting"
  step "bench_render_${staging}_$queues" 40 env MXD_VULKAN_STAGING="$staging" MXD_VULKAN_QUEUES="$queues" \
    "$build/bench/bench_render" --backend vulkan --tracks 64 --tracks 512 --seconds 30 --runs 1
done
say "$failed of $number steps failed; $SECONDS s; everything lies in $results"
[ $failed -eq 0 ]
