#!/usr/bin/env bash
# tests/faults/run.sh [--quick] [kill9] [jobs] [slow]: every fault test, or the named ones, each with the control that it can fail.
# README.md beside this file says what each proves.
set -euo pipefail
cd "$(dirname "$0")/../.."

quick=false
chosen=()
for argument in "$@"; do
  case $argument in
    --quick) quick=true ;;
    kill9 | jobs | slow) chosen+=("$argument") ;;
    *)
      echo "usage: tests/faults/run.sh [--quick] [kill9] [jobs] [slow]" >&2
      exit 64
      ;;
  esac
done

[ ${#chosen[@]} -gt 0 ] || chosen=(kill9 jobs slow)
faults=artifacts/bin/Memoir.Faults/release/Memoir.Faults
dotnet build -c Release -v quiet --nologo tests/faults/Memoir.Faults

# The server with one promise broken on purpose.
broken() {
  dotnet build -c Release -v quiet --nologo "-p:SeededFault=$1" src/Memoir.Server >&2
  echo "artifacts/seeded-fault/$1/bin/Memoir.Server/release/Memoir.Server.dll"
}

kill9() {
  local limit=()
  $quick && limit=(--search-limit 200)
  "$faults" kill9 --cycles 20 "${limit[@]}"
  "$faults" kill9 --cycles 20 --expect-loss --search-limit 0 --server "$(broken AckBeforeCommit)"
}

jobs_tests() {
  # Sets the clock of the whole process; without it the test sets the clock that the server is given.
  if [ -z "$(find /usr/lib -maxdepth 3 -name libfaketimeMT.so.1 2>/dev/null)" ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends faketime >/dev/null || true
  fi

  local size=()
  $quick && size=(--jobs 600 --good 300)
  "$faults" jobs "${size[@]}"
  "$faults" jobs --expect-doubles "${size[@]}" --server "$(broken JobsWithoutFence)"
}

slow() {
  local size=()
  $quick && size=(--quick)
  "$faults" slow "${size[@]}"
}

for test in "${chosen[@]}"; do
  case $test in
    kill9) kill9 ;;
    jobs) jobs_tests ;;
    slow) slow ;;
  esac
done
