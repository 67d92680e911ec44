#!/usr/bin/env bash
# Builds the program of the image: static, without the paths of the machine that built it, and with the list of its crates
# inside where cargo-auditable is installed. Prints the path of the binary.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=${TARGET:-x86_64-unknown-linux-gnu}
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$PWD=/plumbline --remap-path-prefix=$cargo_home=/cargo"
# Of the last commit, for whatever would otherwise ask for the time.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}

build=(cargo)
command -v cargo-auditable >/dev/null && build=(cargo auditable)
"${build[@]}" build --release --locked --target "$target" >&2
echo "${CARGO_TARGET_DIR:-target}/$target/release/plumbline"
