#!/usr/bin/env bash
# tests/faults/run.sh [--quick] [--cycles N] [--fs xfs,ext4] [test…]: every fault test, or the named ones, each with the
# control that it can fail. README.md beside this file says what each proves.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage="usage: tests/faults/run.sh [--quick] [--cycles N] [--fs xfs,ext4] [kill9] [powercut] [fsync] [full] [recovery] [jobs] [postgres] [upgrade] [slow] [overload]"
quick=false
cycles=
file_systems=xfs,ext4
chosen=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=true ;;
    --cycles | --fs)
      [ $# -gt 1 ] || { echo "$usage" >&2; exit 64; }
      [ "$1" = --cycles ] && cycles=$2 || file_systems=$2
      shift
      ;;
    kill9 | powercut | fsync | full | recovery | jobs | postgres | upgrade | slow | overload) chosen+=("$1") ;;
    *)
      echo "$usage" >&2
      exit 64
      ;;
  esac
  shift
done

named=${#chosen[@]}
if [ "$named" = 0 ]; then
  chosen=(kill9 powercut fsync full jobs slow)
  $quick || chosen+=(recovery postgres upgrade overload) # One round of any of them alone takes as long as a quick run may.
fi
not_run=()

# CI has just built Debug, which is optimised here too (Directory.Build.props): the same code need not be compiled once more.
configuration=${MEMOIR_FAULTS_CONFIGURATION:-Release}
built=${configuration,,}
faults=artifacts/bin/Memoir.Faults/$built/Memoir.Faults
dotnet build -c "$configuration" -v quiet --nologo -p:RunAnalyzers=false tests/faults/Memoir.Faults # The ordinary build has run them.

# Everything temporary lies in one folder, so that what is still mounted when a run is broken off can be found.
begun=$(date +%s)
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/memoir-faults.XXXXXX")
export TMPDIR
tidy() {
  awk -v folder="$TMPDIR/" 'index($2, folder) == 1 { print $2 }' /proc/self/mounts 2>/dev/null | while read -r mounted; do
    umount --lazy "$mounted" || true # Which also gives its loop device back.
  done
  rm -f "/dev/shm/${TMPDIR##*/}".*.img "$TMPDIR"/*.img
  find /dev/shm -maxdepth 1 -name '*faketime_*' -newermt "@$begun" -delete 2>/dev/null || true # What libfaketime cannot tidy in a process that is killed.
  rmdir "$TMPDIR" 2>/dev/null || true # Stays when something is kept for inspection.
}
child=
beside=
trap tidy EXIT
trap 'for pid in $child $beside; do kill -TERM "$pid" 2>/dev/null || true; wait "$pid" || true; done; exit 130' INT TERM

# In the background, so that a signal to this script is heard at once.
run() {
  "$faults" "$@" &
  child=$!
  wait "$child"
  child=
}

# The server with one promise broken on purpose: all that can be broken lies in Kit, so that alone is built again, once in a run.
broken() {
  local folder=artifacts/seeded-fault/$1
  if [ "$(cat "$folder/run" 2>/dev/null)" != $$ ]; then
    dotnet build -c "$configuration" -v quiet --nologo -p:RunAnalyzers=false "-p:SeededFault=$1" src/Memoir.Kit >&2
    rm -rf "$folder/server"
    cp -r "artifacts/bin/Memoir.Server/$built" "$folder/server"
    cp "$folder/bin/Memoir.Kit/$built/Memoir.Kit.dll" "$folder/server/"
    echo $$ >"$folder/run"
  fi
  echo "$folder/server/Memoir.Server.dll"
}

# The number of cycles: as asked for, else the second figure in a quick run and the first in a full one.
count() { if [ -n "$cycles" ]; then echo "$cycles"; elif $quick; then echo "$2"; else echo "$1"; fi; }

# needs TEST PROGRAM PACKAGE …: installs what is missing where it may; says aloud what cannot be run.
needs() {
  local test=$1
  shift
  while [ $# -gt 0 ]; do
    if ! command -v "$1" >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      apt-get update -qq && apt-get install -y -qq --no-install-recommends "$2" >/dev/null || true
    fi
    command -v "$1" >/dev/null || { skip "$test" "$1 is missing (package $2)"; return 1; }
    shift 2
  done
}

needs_mounts() {
  [ "$(id -u)" = 0 ] || { skip "$1" "it mounts images, which needs root"; return 1; }
  local image=$TMPDIR/try.img folder=$TMPDIR/try
  mkdir -p "$folder"
  truncate -s 8M "$image"
  if mkfs.ext4 -q -F "$image" 2>/dev/null && mount -o loop "$image" "$folder" 2>/dev/null; then
    umount "$folder"
    rm -r "$image" "$folder"
  else
    rm -rf "$image" "$folder"
    skip "$1" "this machine mounts no loop devices"
    return 1
  fi
}

skip() {
  echo "$1: NOT RUN: $2" >&2
  not_run+=("$1")
}

kill9() {
  local limit=()
  { $quick || [ -n "$cycles" ]; } && limit=(--search-limit 200)
  run kill9 --cycles "$(count 200 5)" "${limit[@]}"
  run kill9 --cycles 20 --expect-loss --search-limit 0 --server "$(broken Storage)" --seeded AckBeforeCommit
  run kill9 --cycles 20 --expect-loss --search-limit 0 --server "$(broken Storage)" --seeded AuditApart
}

powercut() {
  needs powercut xfs_io xfsprogs mkfs.ext4 e2fsprogs && needs_mounts powercut || return 0
  run powercut --fs "$file_systems" --cycles "$(count 40 2)" --search-limit 30

  # Which file system loses more without a sync is no question of ours; in a quick run the last one shows that it does.
  local control=$file_systems
  ! $quick || control=${file_systems##*,}
  run powercut --fs "$control" --cycles 20 --search-limit 0 --expect-loss --server "$(broken Storage)" --seeded SynchronousNormal
  $quick && return 0

  # The second control needs no build of ours: every fsync of the ordinary server is made to do nothing.
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get install -y -qq --no-install-recommends libeatmydata1 >/dev/null || true
  local library
  library=$(find /usr/lib -maxdepth 3 -name 'libeatmydata.so*' 2>/dev/null | head -1)
  if [ -n "$library" ]; then
    run powercut --fs "$file_systems" --cycles 20 --search-limit 0 --expect-loss --preload "$library"
  else
    skip "powercut with libeatmydata" "libeatmydata.so is missing (package libeatmydata1)"
  fi
}

fsync() {
  needs fsync strace strace || return 0
  run fsync --cycles "$(count 80 4)" --search-limit 30
  run fsync --cycles 20 --search-limit 0 --expect-loss --server "$(broken Storage)" --seeded AckFailedCommit
}

full() {
  needs full mkfs.ext4 e2fsprogs prlimit util-linux && needs_mounts full || return 0
  run full --cycles "$(count 12 1)" --search-limit 30
  run full --cycles 6 --search-limit 0 --expect-loss --server "$(broken Storage)" --seeded AckFailedCommit
}

recovery() {
  local size=(--messages 1000000) kills=()
  $quick && size=(--messages 10000) && kills=(--kills 6)
  run recovery --cycles "$(count 1 1)" "${size[@]}" "${kills[@]}" --search-limit 30
  # A checkpoint just before the kill leaves nothing in the log to lose; such a cycle tells nothing, so there are more.
  run recovery --cycles 6 --messages 2000 "${kills[@]}" --search-limit 0 --expect-loss --server "$(broken Storage)" --seeded DropLogAtStart
}

jobs_tests() {
  # Sets the clock of the whole process; without it the test sets the clock that the server is given.
  if [ -z "$(find /usr/lib -maxdepth 3 -name libfaketimeMT.so.1 2>/dev/null)" ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends faketime >/dev/null || true
  fi

  local size=()
  $quick && size=(--jobs 400 --good 100)
  run jobs "${size[@]}"

  # It ends with the first effect that is there twice, which a few disturbances alone need not bring.
  $quick && size=(--jobs 3000 --good 100)
  run jobs --expect-doubles "${size[@]}" --server "$(broken JobsWithoutFence)"
}

# A server of its own, for it is killed with everything that it started.
# A PostgreSQL server of its own, which the test may crash.
needs_postgres() {
  MEMOIR_POSTGRES_CACHE=${MEMOIR_POSTGRES_CACHE:-/var/tmp/memoir-postgres-$(id -u)}
  export MEMOIR_POSTGRES_CACHE MEMOIR_POSTGRES_DATA=$MEMOIR_POSTGRES_CACHE/faults MEMOIR_POSTGRES_PORT=${MEMOIR_FAULTS_POSTGRES_PORT:-25470}
  export MEMOIR_FAULTS_POSTGRES=$PWD/scripts/postgres.sh
  "$MEMOIR_FAULTS_POSTGRES" install || { skip "$1" "scripts/postgres.sh cannot install a PostgreSQL here"; return 1; }
  "$MEMOIR_FAULTS_POSTGRES" reset
}

postgres() {
  local size=(--rounds 12) control=(--jobs 5000)
  $quick && size=(--rounds 1 --jobs 300) && control=(--jobs 1000)
  [ -z "$cycles" ] || size+=(--rounds "$cycles")
  needs_postgres postgres || return 0
  run postgres "${size[@]}"

  # A crash of the server shows what it had promised and not written; the others would only take time.
  local few=(--rounds 3 --jobs 0)
  run postgres "${few[@]}" --faults "server crashed" --expect-loss --server "$(broken Storage)" --seeded AsyncCommit
  run postgres "${few[@]}" --faults "API killed" --expect-loss --server "$(broken Storage)" --seeded AckBeforeCommit
  run postgres --rounds 10 "${control[@]}" --writers 1 --faults "worker frozen,clock set" --expect-doubles --server "$(broken JobsWithoutFence)"
  "$MEMOIR_FAULTS_POSTGRES" reset
}

# The same program with one more migration, called NNNN_<KIND>_next_release: next_release KIND prints where it is.
next_release() {
  local folder=artifacts/next-release/$1 number
  number=$(printf %04d $(($(ls src/Memoir.Server/Migrations/postgresql | wc -l) + 1)))
  rm -rf "$folder"
  mkdir -p "$folder/sql/sqlite" "$folder/sql/postgresql"
  cp "tests/faults/next-release/$1.sql" "$folder/sql/sqlite/${number}_$1_next_release.sql"
  cp "tests/faults/next-release/$1.sql" "$folder/sql/postgresql/${number}_$1_next_release.sql"
  dotnet build -c "$configuration" -v quiet --nologo "-p:NextRelease=$1" src/Memoir.Server >&2
  echo "$folder/bin/Memoir.Server/$built/Memoir.Server.dll"
}

upgrade() {
  local size=()
  $quick && size=(--rounds 1 --rate 100 --messages 5000)
  [ -z "$cycles" ] || size+=(--rounds "$cycles")
  needs_postgres upgrade || return 0
  run migrations --server "$(broken Storage)" --step "$($quick && echo 9 || echo 1)"
  run upgrade "${size[@]}" --next "$(next_release expand)"
  run upgrade --rounds 1 --rate 50 --messages 0 --next "$(next_release contract)" --expect-failure
  "$MEMOIR_FAULTS_POSTGRES" reset
}

slow() {
  local size=()
  $quick && size=(--quick)
  "$faults" slow "${size[@]}"
}

overload() {
  local size=()
  $quick && size=(--quick)
  "$faults" overload "${size[@]}"
  "$faults" overload "${size[@]}" --server "$(broken Storage)" --seeded EndlessQueue
}

took=
started=$SECONDS

# The jobs mostly wait for leases to end, and ask nothing about time: in a quick run of everything they do so beside the others.
if $quick && [ "$named" = 0 ]; then
  broken Storage >/dev/null
  broken JobsWithoutFence >/dev/null
  took=" controls $((SECONDS - started)) s,"
  (
    trap 'kill -TERM "$child" 2>/dev/null; wait "$child"; exit 130' INT TERM
    jobs_tests
  ) >"$TMPDIR/jobs.log" 2>&1 &
  beside=$!
fi

for test in "${chosen[@]}"; do
  started=$SECONDS
  case $test in
    jobs)
      if [ -n "$beside" ]; then
        wait "$beside" || { cat "$TMPDIR/jobs.log"; exit 1; }
        beside=
        cat "$TMPDIR/jobs.log"
        rm "$TMPDIR/jobs.log"
      else
        jobs_tests
      fi
      ;;
    *) "$test" ;;
  esac
  took="$took $test $((SECONDS - started)) s,"
done
echo "took, builds of the controls included:${took%,}"

if [ ${#not_run[@]} -gt 0 ]; then
  echo "NOT RUN on this machine: ${not_run[*]}" >&2

  # What was asked for by name, or belongs to a full run, has not passed by being left out.
  { [ "$named" -eq 0 ] && $quick; } || exit 69
fi
