#!/usr/bin/env bash
# Follows the Dockerfile step by step in fresh root file systems, for machines without a container engine, and then runs
# the result as an engine would: read-only but for /data and /tmp, as the image's user, without a capability, as process 1.
# Needs root, debootstrap, python3 and .NET on this machine: the two base images are stood in for by Debian with the
# packages that they list and a copy of this machine's .NET.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/deploy/lib.sh

[ "$(id -u)" = 0 ] || skip "it builds root file systems, which needs root"
need debootstrap debootstrap
need python3 python3
need jq jq
need curl curl

dotnet_home=$(dirname "$(readlink -f "$(command -v dotnet)")")
packages=$(dotnet nuget locals global-packages --list | sed 's/^[^:]*: *//')
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
suite=${DEBIAN_SUITE:-bookworm}
work=$(mktemp -d)
inside=
tidy() {
  stop "$inside"
  awk -v folder="$work/" 'index($2, folder) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r mounted; do umount --lazy "$mounted"; done
  rm -rf --one-file-system "$work"
}
trap tidy EXIT

# What the base images consist of, by their own Dockerfiles.
say "a fresh root file system ($suite)"
icu=$(apt-cache depends --recurse --no-suggests --no-recommends libicu-dev 2>/dev/null | grep -oE '^libicu[0-9]+' | head -1 || true)
debootstrap --variant=minbase --include="ca-certificates,libssl3,libstdc++6,libgcc-s1,tzdata,zlib1g${icu:+,$icu}" "$suite" "$work/base" "$mirror" >"$work/debootstrap.log" 2>&1 ||
  { tail -5 "$work/debootstrap.log"; fail "debootstrap"; }
cp /etc/resolv.conf "$work/base/etc/resolv.conf"

new_stage() { # NAME IMAGE
  root=$work/$1
  cp -a "$work/base" "$root"
  mount --bind /proc "$root/proc"
  mount --bind /dev "$root/dev"
  directory=/
  user=0:0
  arguments=()
  variables=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
  mkdir -p "$root/usr/share/dotnet"
  case $2 in
    */dotnet/sdk:*)
      mount --bind -o ro "$dotnet_home" "$root/usr/share/dotnet"
      mkdir -p "$root/nuget" "$packages" && mount --bind "$packages" "$root/nuget" # As a builder's cache would be.
      variables+=(HOME=/root NUGET_PACKAGES=/nuget NUGET_XMLDOC_MODE=skip "NUGET_CERT_REVOCATION_MODE=${NUGET_CERT_REVOCATION_MODE:-online}" DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false)
      ;;
    */dotnet/aspnet:*)
      cp -a "$dotnet_home/dotnet" "$dotnet_home/host" "$dotnet_home/shared" "$root/usr/share/dotnet/"
      echo app:x:1654: >>"$root/etc/group"
      echo app:x:1654:1654::/home/app:/bin/sh >>"$root/etc/passwd"
      variables+=(APP_UID=1654 ASPNETCORE_HTTP_PORTS=8080 DOTNET_RUNNING_IN_CONTAINER=true)
      ;;
    *) fail "there is no stand-in for the base image $2" ;;
  esac
  ln -sf /usr/share/dotnet/dotnet "$root/usr/bin/dotnet"
}

say "the steps of the Dockerfile"
python3 tests/deploy/dockerfile.py plan Dockerfile >"$work/plan"
python3 tests/deploy/dockerfile.py context . "$work/context"
if find "$work/context" -name '*.env' -o -name secrets -o -name .git -o -name '*.db' | grep .; then fail "that must not reach the builder"; fi
while read -r step; do
  get() { jq -r "$1" <<<"$step"; }
  case $(get .do) in
    FROM) new_stage "$(get .stage)" "$(get .image)" ;;
    ARG)
      [ "$(get .text)" = TARGETARCH ] || fail "there is no value for the argument $(get .text)"
      arguments+=("TARGETARCH=$(dpkg --print-architecture)")
      ;;
    ENV) while read -r variable; do variables+=("$variable"); done < <(get '.variables[]') ;;
    USER) user=$(get .text) ;;
    WORKDIR)
      directory=$(get .text)
      mkdir -p "$root$directory"
      ;;
    COPY)
      from=$work/context
      [ -z "$(get .from)" ] || from=$work/$(get .from)
      target=$(get .target)
      case $target in /*) ;; *) target=$directory/$target ;; esac
      case $target in */ | */.) mkdir -p "$root$target" ;; esac
      while read -r source; do
        if [ -d "$from/$source" ]; then
          mkdir -p "$root$target"
          [ -z "$(get .chmod)" ] || find "$from/$source" -type f -exec chmod "$(get .chmod)" {} +
          cp -a "$from/$source/." "$root$target/"
        else
          cp -a "$from/$source" "$root$target"
        fi
      done < <(get '.sources[]')
      ;;
    RUN)
      say "RUN $(get .text)"
      chroot "$root" env -i "${variables[@]}" "${arguments[@]}" DEBIAN_FRONTEND=noninteractive sh -c "cd $directory && $(get .text)" >"$work/run.log" 2>&1 </dev/null ||
        { tail -20 "$work/run.log"; fail "the step failed"; }
      ;;
    HEALTHCHECK) mapfile -t health < <(get '.words[]') ;;
    ENTRYPOINT) mapfile -t entry < <(get '.words[]') ;;
    CMD) mapfile -t command < <(get '.words[]') ;;
    VOLUME) mapfile -t volumes < <(get '.words[]') ;;
    EXPOSE) port=$(get .text) ;;
  esac
done <"$work/plan"
umount "$root/dev" "$root/proc"
echo "the image would add $(du -sm "$root/app" | cut -f1) MB to its base"

case $user in 0 | 0:* | *[!0-9:]*) fail "the user must be a number and not root: $user" ;; esac
[ "${volumes[*]}" = /data ] || fail "the one volume is /data"
[ -z "$(find "$root/app" "$root/usr/local" -writable ! -type l \( -user "${user%:*}" -o -perm /o+w \) -print -quit)" ] || fail "the program can be changed by its own user"
say "the roles have their names"
mkdir -p "$root/stub"
# shellcheck disable=SC2016
printf '#!/bin/sh\necho "$$ $*"\n' >"$root/stub/memoir"
chmod 755 "$root/stub/memoir"
for role in api worker; do
  # shellcheck disable=SC2016
  said=$(chroot "$root" env -i "PATH=/stub:/usr/local/bin:/usr/bin:/bin" sh -c 'echo $$; exec "$@"' sh "aiml-$role" --a "b  c" | tr '\n' ' ')
  [ "$said" = "${said%% *} ${said%% *} $role --a b  c " ] || fail "aiml-$role said: $said"
done
rm -r "$root/stub"

# The volume comes up with the owner and mode that the image gave to its folder.
volume=$work/volume
cp -a "$root/data" "$volume"
launcher='mount --bind "$1" "$1" && mount --bind "$2" "$1/data" && mount -t tmpfs -o size=64m,mode=1777,nosuid,nodev,noexec tmpfs "$1/tmp" &&
  mount -t proc proc "$1/proc" && mount -o remount,ro,bind "$1" && root=$1 && shift 2 && exec chroot "$root" "$@"'
confined=(setpriv "--reuid=${user%:*}" "--regid=${user#*:}" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all)
port=$(free_port)
set_up=(env -i -C "$directory" "${variables[@]}" "MEMORY_PORT=$port" MEMORY_API_KEYS=image-test-key-0123456789abcdef)
# shellcheck disable=SC2016
unshare --mount --pid --ipc --fork --kill-child sh -c "$launcher" sh "$root" "$volume" "${confined[@]}" "${set_up[@]}" "${entry[@]}" "${command[@]}" >"$work/log" 2>&1 &
inside=$!
base=http://127.0.0.1:$port
await "$base/health" || { cat "$work/log"; fail "the program does not start"; }
program=$(pgrep -P "$inside")

say "it is confined"
status() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$program/status"; }
[ "$(status Uid) $(status Gid) $(status CapEff) $(status NoNewPrivs)" = "${user%:*} ${user#*:} 0000000000000000 1" ] || fail "user, capabilities"
[ "$(awk '/^NSpid/ { print $NF }' "/proc/$program/status")" = 1 ] || fail "it is not process 1"
[ -n "$(awk '$5 == "/" && $6 ~ /^ro/' "/proc/$program/mountinfo")" ] || fail "its root can be written"
[ "$(awk '$6 ~ /^rw/ { print $5 }' "/proc/$program/mountinfo" | sort | tr '\n' ' ')" = "/data /proc /tmp " ] || { cat "/proc/$program/mountinfo"; fail "more than /data and /tmp can be written"; }

say "it stores and finds"
key='x-api-key: image-test-key-0123456789abcdef'
curl -fsS "$base/v1/messages" -H "$key" -H 'Content-Type: application/json' \
  -d '{"tenant_id":"default","conversation_id":"c","role":"user","content":"I adopted a puppy and named her Biscuit."}' >"$work/stored"
found=$(curl -fsS "$base/v1/memory/search?query=puppy" -H "$key" | jq -r '.items[0].message_id')
[ "$found" = "$(jq -r .id "$work/stored")" ] || fail "found $found"
[ "$(curl -s -o /dev/null -w '%{http_code}' "$base/v1/memory/search?query=puppy")" = 401 ] || fail "a stranger was served"
installed=$(chroot "$root" dpkg-query -W -f '${Version}' libsqlite3-0)
used=$(jq -r '.fields.sqlite_version // empty' "$work/log" | head -1)
[ "$used" = "${installed%%-*}" ] || fail "SQLite $used answers instead of the distribution's $installed"

say "the health check sees it"
check() { nsenter -t "$program" --mount --pid --root --wdns="$directory" "${confined[@]}" "${set_up[@]}" "$@"; }
[ "$(check "${health[@]}")" = alive ] || fail "the health check of the image"
[ "$(check "${health[@]}" --ready)" = ready ] || fail "the health check for compose"
if check "${health[@]}" --url http://127.0.0.1:9 2>/dev/null; then fail "the health check cannot fail"; fi

say "it stops on SIGTERM"
from=$(date +%s)
kill -TERM "$program"
code=0
wait "$inside" || code=$?
inside=
took=$(($(date +%s) - from))
[ "$code" = 0 ] || { tail -5 "$work/log"; fail "exit code $code"; }
[ "$took" -lt 10 ] || fail "it took $took s; an engine kills after 10"
[ "$(find "$volume" -name memoir.db | wc -l)" = 1 ] || fail "the database is not on the volume"
pass "the image's steps, run read-only as $user, ended with 0 after $took s"
