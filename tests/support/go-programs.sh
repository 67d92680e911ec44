# For scripts that build programs from published Go modules: each stands in a folder of its name beside the script.
#
# The script sets `here`, defines `build_one PROGRAM FOLDER`, which runs in the program's folder, and calls `provide`.

# Prints a folder with the programs: the one that a variable names, or one outside the checkout, filled on first use.
provide() {
  kind=$1
  local variable=$2 cost=$3 provided folder
  shift 3
  programs=("$@")
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/plumbline/$kind
  provided=${!variable:-}
  if [[ -n $provided ]]; then
    if holds "$provided"; then
      (cd "$provided" && pwd)
      return
    fi
    say "$variable=$provided lacks one of ${programs[*]}: building them instead"
  fi

  require_tools
  export GOWORK=off GOFLAGS='' CGO_ENABLED=0
  mkdir -p "$cache"
  folder=$cache/$(digest)
  (
    flock 9
    holds "$folder" || assemble "$folder" "$cost"
  ) 9>"$folder.lock"
  echo "$folder"
}

say() { echo "$kind: $*" >&2; }
die() { say "$*"; exit 1; }

require_tools() {
  local needed answer tool
  needed=$(awk '$1 == "go" { print $2 }' "$here/${programs[0]}/go.mod")
  needed="building ${programs[*]} needs Go $needed or newer"
  command -v go >/dev/null || die "Go is not installed: $needed"
  # Go itself knows whether it can read this go.mod, or may fetch a toolchain that can.
  answer=$(cd "$here/${programs[0]}" && GOWORK=off GOFLAGS='' go list -m 2>&1) || die "$needed: $answer"
  for tool in flock sha256sum; do
    command -v "$tool" >/dev/null || die "$tool is not installed: it comes with util-linux (flock) or coreutils"
  done
}

holds() {
  local folder=$1 program
  for program in "${programs[@]}"; do [[ -x $folder/$program ]] || return 1; done
}

digest() {
  {
    cat "$here/build.sh"
    find "$here" -mindepth 2 -maxdepth 2 \( -name '*.go' -o -name go.mod -o -name go.sum \) -print0 | sort -z | xargs -0 cat
    go env GOOS GOARCH
  } | sha256sum | cut -c1-16
}

# Fills a folder beside the final one and renames it, so that a run that was interrupted leaves nothing half done.
assemble() {
  local folder=$1 staging=$1.partial program
  say "the first build takes $2; later runs find it in $cache"
  rm -rf "$staging" "$folder"
  mkdir "$staging"
  for program in "${programs[@]}"; do
    say "building $program from ${here##*/}/$program"
    (cd "$here/$program" && build_one "$program" "$staging") >&2
  done
  mv "$staging" "$folder"
}
