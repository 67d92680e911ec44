#!/usr/bin/env bash
# Prints the folder with the programs that answer, for the differential tests, with upstream's own code: istio and kserve.
#
# GO_ORIGINALS provides them where it holds them. Otherwise they are built from the published Go modules, once for each version of
# the files beside this script, into a cache folder outside the checkout.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/go-programs.sh
source "$here/../support/go-programs.sh"

build_one() { go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$2/$1" .; }

# Bash reads a script as it runs it: with both words on one line, an edit during a long build is not run.
provide originals GO_ORIGINALS "about three minutes of CPU time" istio kserve; exit
