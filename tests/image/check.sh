#!/usr/bin/env bash
# Checks what can be checked of the image without a container engine: that the program needs nothing but itself, in an empty
# root and as the user of the Dockerfile, and what it gives away. Takes the binary that build.sh prints.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=$(realpath "${1:?the path of the binary}")

fail() {
  echo "image-check: $*" >&2
  exit 1
}

# Static: no interpreter, no libraries.
readelf --program-headers --wide "$binary" | grep -q ' INTERP ' && fail "$binary asks for a dynamic loader"
readelf --dynamic --wide "$binary" | grep -q NEEDED && fail "$binary needs libraries"

# Nothing of the machine it was built on.
for path in "$PWD" "${CARGO_HOME:-$HOME/.cargo}"; do
  grep --quiet --text --fixed-strings "$path/" "$binary" && fail "$binary holds $path"
done

# A root with the program and a folder to judge, and a user without any rights.
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
install -m 0555 "$binary" "$root/plumbline"
cp -r examples/custom-local-gateway "$root/manifests"
chmod -R a+rX "$root/manifests"
user=$(sed -n 's/^USER //p' Dockerfile)
[ "$user" = 65532:65532 ] || fail "the Dockerfile's user is \"$user\""
if [ "$(id -u)" = 0 ]; then
  inside=(chroot --userspec="$user" "$root")
else
  inside=(unshare --user --map-root-user chroot "$root")
fi
"${inside[@]}" /plumbline --version
"${inside[@]}" /plumbline check /manifests
"${inside[@]}" /plumbline serve --manifests /manifests --listen 127.0.0.1:28443 --health-listen 127.0.0.1:28080 2>"$root/log" &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$root"' EXIT
for _ in $(seq 100); do
  if exec 3<>/dev/tcp/127.0.0.1/28080; then
    printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
    status=$(head -n 1 <&3)
    exec 3>&-
    case $status in *' 200 '*) break ;; esac
  fi 2>/dev/null
  sleep 0.1
done
case ${status:-} in *' 200 '*) ;; *) cat "$root/log" >&2 && fail "not ready: ${status:-no answer}" ;; esac
kill $server
wait $server || fail "it ended with $?"

# The image itself, where Debian's buildah is at hand: it needs no daemon, and for FROM scratch no registry either.
image="not built: no buildah"
if command -v buildah >/dev/null; then
  engine=(buildah --storage-driver vfs --root "$root/store" --runroot "$root/run")
  "${engine[@]}" bud --quiet --isolation chroot --timestamp 0 --tag plumbline \
    --build-arg "BINARY=$(realpath --relative-to=. "$binary")" . >/dev/null
  format='{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{len .OCIv1.RootFS.DiffIDs}}'
  found=$("${engine[@]}" inspect --type image --format "$format" plumbline)
  [ "$found" = "$user [/plumbline] 1" ] || fail "the image has user, entry point and layers: $found"
  mounted=$("${engine[@]}" mount "$("${engine[@]}" from plumbline)")
  found=$(cd "$mounted" && find . -type f -printf '%p %m ')
  [ "$found" = "./plumbline 555 " ] || fail "the image holds: $found"
  image="an image of one file"
fi

readelf --sections --wide "$binary" | grep -q '\.dep-v0' && crates="names its crates (cargo audit bin, auditable2cdx)" ||
  crates="does not name its crates: install cargo-auditable before the build"
echo "image-check: $(du -h --apparent-size "$binary" | cut -f1), static, runs alone as $user, $crates, $image"
