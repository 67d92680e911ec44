#!/usr/bin/env bash
# Prints the folder with the programs that do in the tests what GitOps controllers do: argo and flux, each its controller's own
# engine.
#
# GITOPS_CLIENTS provides them where it holds them. Otherwise they are built from the published Go modules, once for each version
# of the files beside this script, into a cache folder outside the checkout.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/support/go-programs.sh
source "$here/../support/go-programs.sh"

build_one() { go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$2/$1" .; }

# Bash reads a script as it runs it: with both words on one line, an edit during a long build is not run.
provide clients GITOPS_CLIENTS "about three minutes of CPU time" argo flux; exit
