# What the scripts of this folder share; they source it.
# shellcheck shell=bash

say() { echo "-- $*"; }
pass() { echo "passed: $*"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# 77 is how test runners know that a test did not run.
skip() {
  echo "SKIPPED: $*" >&2
  exit 77
}

# need PROGRAM PACKAGE: installs it where it may.
need() {
  if ! command -v "$1" >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$2"; } >/dev/null 2>&1 || true
  fi
  command -v "$1" >/dev/null || skip "$1 is missing (package $2)"
}

# unpack FOLDER PACKAGE …: Debian's packages without installing them, so that no service starts.
unpack() {
  local folder=$1
  shift
  mkdir -p "$folder/archives"
  (cd "$folder/archives" && apt-get download -qq "$@" >/dev/null 2>&1) || skip "apt-get cannot download $*"
  for archive in "$folder"/archives/*.deb; do dpkg-deb -x "$archive" "$folder"; done
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# await URL [curl option …]: until it answers 2xx, at most 60 s.
await() {
  local tries=0 url=$1
  shift
  until curl -fsS -m 2 -o /dev/null "$@" "$url" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || return 1
    sleep 0.2
  done
}

stop() {
  local id
  for id in "$@"; do
    if kill "$id" 2>/dev/null; then wait "$id" 2>/dev/null || true; fi
  done
}

# The Release build that the other scripts serve with; MEMOIR_DLL names another one.
build_server() {
  if [ -z "${MEMOIR_DLL:-}" ]; then
    dotnet build -c Release -v quiet --nologo src/Memoir.Server
    MEMOIR_DLL=$PWD/artifacts/bin/Memoir.Server/release/Memoir.Server.dll
  fi
  export MEMOIR_DLL
}
