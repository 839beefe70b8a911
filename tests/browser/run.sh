#!/usr/bin/env bash
# Opens the API reference of a real server in a real browser: nothing breaks its content security policy, nothing goes to
# another host, every operation is listed, and a search can be tried with a key. Needs node; installs the rest.
#
#   tests/browser/run.sh [screenshot.png]
set -euo pipefail
cd "$(dirname "$0")/../.."

browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$browser" ]; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium
    browser=$(command -v chromium)
  else
    echo "There is no Chromium; install it or name it: CHROMIUM=/path/to/chromium" >&2
    exit 1
  fi
fi

(cd tests/browser && npm ci --silent --no-audit --no-fund)

if [ -z "${MEMOIR_DLL:-}" ]; then
  dotnet build src/Memoir.Server -v q -nologo
  MEMOIR_DLL=artifacts/bin/Memoir.Server/debug/Memoir.Server.dll
fi

work=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server"; } || true
  rm -rf "$work"
}
trap finish EXIT

key=browser-check-key-$$-0123456789abcdef
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
MEMORY_DATA_DIRECTORY=$work MEMORY_API_KEYS=$key MEMORY_PORT=$port MEMORY_DRAIN_SECONDS=0 MEMORY_GLOBAL_RATE_LIMIT=off MEMORY_TENANT_RATE_LIMIT=off dotnet "$MEMOIR_DLL" >"$work/log" 2>&1 &
server=$!

BROWSER=$browser BASE=http://127.0.0.1:$port KEY=$key SCREENSHOT=${1:-} node tests/browser/reference.mjs || { tail -5 "$work/log"; exit 1; }
