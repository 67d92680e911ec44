#!/usr/bin/env bash
# Prints the folder with the control plane that the tests run against: etcd, kube-apiserver, kubectl, helm, and
# upstream.json, which names the folders of the upstream modules in upstream.txt.
#
# KUBEBUILDER_ASSETS provides the binaries where it holds them. Otherwise they are built from the published Go modules,
# once for each version of the files beside this script, into a cache folder outside the checkout.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/plumbline/control-plane
kubernetes=(etcd kube-apiserver kubectl)

main() {
  require_tools
  export GOWORK=off GOFLAGS='' CGO_ENABLED=0
  mkdir -p "$cache"

  local provided=${KUBEBUILDER_ASSETS:-} assets
  if [[ -z $provided ]]; then
    assets=$cache/$(digest)
  elif ! holds "$provided" "${kubernetes[@]}"; then
    say "KUBEBUILDER_ASSETS=$provided lacks one of ${kubernetes[*]}: building them instead"
    provided='' assets=$cache/$(digest)
  elif [[ -e $provided/upstream.json ]] && holds "$provided" helm; then
    # Ours, from an earlier call.
    assets=$provided
  else
    provided=$(cd "$provided" && pwd)
    assets=$cache/$(digest "$provided")
  fi

  (
    flock 9
    holds "$assets" "${kubernetes[@]}" helm || assemble "$assets" "$provided"
    list_upstream "$assets"
  ) 9>"$assets.lock"
  echo "$assets"
}

say() { echo "control-plane: $*" >&2; }
die() { say "$*"; exit 1; }

require_tools() {
  local needed answer tool
  needed=$(awk '$1 == "go" { print $2 }' "$here/helm/go.mod")
  needed="building etcd, kube-apiserver and helm needs Go $needed or newer"
  command -v go >/dev/null || die "Go is not installed: $needed"
  # Go itself knows whether it can read this go.mod, or may fetch a toolchain that can.
  answer=$(cd "$here/helm" && GOWORK=off GOFLAGS='' go list -m 2>&1) || die "$needed: $answer"
  for tool in flock setpriv sha256sum; do
    command -v "$tool" >/dev/null || die "$tool is not installed: it comes with util-linux (flock, setpriv) or coreutils"
  done
}

holds() {
  local folder=$1 program
  shift
  for program; do [[ -x $folder/$program ]] || return 1; done
}

# What the binaries depend on, and, if they are provided, from where.
digest() {
  { cat "$here"/{build.sh,go.mod,go.sum,helm/go.mod,helm/go.sum}; go env GOOS GOARCH; echo "$*"; } |
    sha256sum | cut -c1-16
}

# Fills a folder beside the final one and renames it, so that a run that was interrupted leaves nothing half done.
assemble() {
  local assets=$1 provided=$2 staging=$1.partial program
  rm -rf "$staging" "$assets"
  mkdir "$staging"
  if [[ -n $provided ]]; then
    for program in "${kubernetes[@]}" helm; do
      [[ ! -x $provided/$program ]] || ln -s "$provided/$program" "$staging/$program"
    done
  else
    build_kubernetes "$staging"
  fi
  [[ -x $staging/helm ]] || build_helm "$staging"
  mv "$staging" "$assets"
}

build_kubernetes() {
  local staging=$1 version major minor
  say "the first build takes about ten minutes of CPU time; later runs find it in $cache"
  version=$(version_of "$here" k8s.io/kubernetes)
  IFS=. read -r major minor _ <<<"${version#v}"
  local stamp=k8s.io/component-base/version
  stamp="-X $stamp.gitVersion=$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor -X $stamp.gitTreeState=clean"

  build "$here" "$staging/etcd" go.etcd.io/etcd/server/v3
  build "$here" "$staging/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver "$stamp"
  build "$here" "$staging/kubectl" k8s.io/kubernetes/cmd/kubectl "$stamp"
}

build_helm() {
  local version
  version=$(version_of "$here/helm" helm.sh/helm/v3)
  build "$here/helm" "$1/helm" helm.sh/helm/v3/cmd/helm "-X helm.sh/helm/v3/internal/version.version=$version"
}

version_of() { (cd "$1" && go list -m -f '{{.Version}}' "$2"); }

build() {
  local module=$1 program=$2 package=$3 stamp=${4:-}
  say "building $(basename "$program") from $package"
  (cd "$module" && go build -trimpath -buildvcs=false -ldflags "-s -w $stamp" -o "$program" "$package") >&2
}

# Written on every run, since the module cache may have moved since the binaries were built.
list_upstream() {
  local assets=$1 comma='' name module sum answer
  {
    echo '{'
    while read -r name module sum; do
      # The checksum stands beside the version, so the checksum database need not be asked.
      answer=$(cd "$assets" && GONOSUMDB='*' GOFLAGS=-mod=mod go mod download -json "$module") ||
        die "cannot download $module: $answer"
      [[ $(field Sum "$answer") == "$sum" ]] ||
        die "$module has checksum $(field Sum "$answer"), but upstream.txt says $sum"
      printf '%s  "%s": "%s"' "$comma" "$name" "$(field Dir "$answer")"
      comma=$',\n'
    done < <(grep -v '^#' "$here/upstream.txt")
    printf '\n}\n'
  } >"$assets/upstream.json.partial"
  mv "$assets/upstream.json.partial" "$assets/upstream.json"
}

# One string of what `go mod download -json` prints, a field a line.
field() { sed -n "s/^\t\"$1\": \"\(.*\)\",\{0,1\}$/\1/p" <<<"$2"; }

# Bash reads a script as it runs it: with both words on one line, an edit during a long build is not run.
main; exit
