#!/usr/bin/env bash
# Prints the folder with the programs that do in the tests what GitOps controllers do: argo and flux, each its controller's own
# engine.
#
# GITOPS_CLIENTS provides them where it holds them. Otherwise they are built from the published Go modules, once for each version
# of the files beside this script, into a cache folder outside the checkout.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/plumbline/clients
programs=(argo flux)

main() {
  local provided=${GITOPS_CLIENTS:-} folder
  if [[ -n $provided ]]; then
    if holds "$provided"; then
      (cd "$provided" && pwd)
      return
    fi
    say "GITOPS_CLIENTS=$provided lacks one of ${programs[*]}: building them instead"
  fi

  require_tools
  export GOWORK=off GOFLAGS='' CGO_ENABLED=0
  mkdir -p "$cache"
  folder=$cache/$(digest)
  (
    flock 9
    holds "$folder" || assemble "$folder"
  ) 9>"$folder.lock"
  echo "$folder"
}

say() { echo "clients: $*" >&2; }
die() { say "$*"; exit 1; }

require_tools() {
  local needed answer tool
  needed=$(awk '$1 == "go" { print $2 }' "$here/argo/go.mod")
  needed="building ${programs[*]} needs Go $needed or newer"
  command -v go >/dev/null || die "Go is not installed: $needed"
  # Go itself knows whether it can read this go.mod, or may fetch a toolchain that can.
  answer=$(cd "$here/argo" && GOWORK=off GOFLAGS='' go list -m 2>&1) || die "$needed: $answer"
  for tool in flock sha256sum; do
    command -v "$tool" >/dev/null || die "$tool is not installed: it comes with util-linux (flock) or coreutils"
  done
}

holds() {
  local folder=$1 program
  for program in "${programs[@]}"; do [[ -x $folder/$program ]] || return 1; done
}

digest() {
  { cat "$here"/build.sh "$here"/*/{go.mod,go.sum,main.go}; go env GOOS GOARCH; } | sha256sum | cut -c1-16
}

# Fills a folder beside the final one and renames it, so that a run that was interrupted leaves nothing half done.
assemble() {
  local folder=$1 staging=$1.partial program
  say "the first build takes about three minutes of CPU time; later runs find it in $cache"
  rm -rf "$staging" "$folder"
  mkdir "$staging"
  for program in "${programs[@]}"; do
    say "building $program from ${here##*/}/$program"
    (cd "$here/$program" && go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$staging/$program" .) >&2
  done
  mv "$staging" "$folder"
}

# Bash reads a script as it runs it: with both words on one line, an edit during a long build is not run.
main; exit
