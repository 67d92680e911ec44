#!/usr/bin/env bash
# Fuzzes each target, or those named, for FUZZ_SECONDS, starting from its committed corpus. Needs the pinned toolchain and a C++
# compiler: the coverage that libFuzzer steers by is a pass of the stable compiler, so neither nightly nor cargo-fuzz is.
#
# What a run finds that is new goes to fuzz/found, what fails to fuzz/failures; MERGE=1 puts into the corpus what reaches
# something that it does not reach yet.
set -euo pipefail
cd "$(dirname "$0")"

seconds=${FUZZ_SECONDS:-60}
targets=("$@")
[ $# -gt 0 ] || targets=(review kserve_config istio_config knative_serving manifests hosts settings)

host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-target}
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --locked --target "$host" --target-dir "$target"
fuzzer=$target/$host/debug/plumbline-fuzz
[ "${BUILD_ONLY:-}" = "" ] || exit 0

for name in "${targets[@]}"; do
	mkdir -p "found/$name" "failures/$name" "corpus/$name"
	echo "== $name: $seconds s"
	options=(-rss_limit_mb=2048 -timeout=60 -artifact_prefix="failures/$name/" -print_final_stats=1 -max_len=16384)
	FUZZ_TARGET=$name "$fuzzer" "${options[@]}" -dict=words -max_total_time="$seconds" "found/$name" "corpus/$name"
	[ "${MERGE:-}" = "" ] || FUZZ_TARGET=$name "$fuzzer" "${options[@]}" -merge=1 "corpus/$name" "found/$name"
done
