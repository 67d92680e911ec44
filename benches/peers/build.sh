#!/usr/bin/env bash
# Prints the folder with the peers that plumbline is measured beside: istioctl and gator (Gatekeeper's).
#
# BENCH_PEERS provides them where it holds them. Otherwise they are built from the published Go modules, once for each version of
# the files beside this script, into a cache folder outside the checkout.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/go-programs.sh
source "$here/../../tests/support/go-programs.sh"

build_one() { go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$2/$1" "$(awk '$1 == "tool" { print $2 }' go.mod)"; }

# Bash reads a script as it runs it: with both words on one line, an edit during a long build is not run.
provide peers BENCH_PEERS "some fifteen minutes of CPU time" istioctl gator; exit
