#!/usr/bin/env bash
# bench/recall/run.sh SET [arguments of memoir_eval.py]
# Starts a Release server with default settings on a scratch folder, evaluates half 1 of the set, stops the server.
set -euo pipefail
cd "$(dirname "$0")/../.."
set_name=${1:?usage: bench/recall/run.sh SET [arguments of memoir_eval.py]}
shift

dotnet build -c Release -v quiet --nologo src/Memoir.Server
scratch=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
MEMORY_DATA_DIRECTORY=$scratch MEMORY_HOST=127.0.0.1 MEMORY_PORT=$port MEMORY_LOG_LEVEL=WARNING \
  MEMORY_GLOBAL_RATE_LIMIT=off MEMORY_TENANT_RATE_LIMIT=off \
  dotnet artifacts/bin/Memoir.Server/release/Memoir.Server.dll >"$scratch.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; rm -rf "$scratch" "$scratch.log"' EXIT

python3 - "$port" <<'PY' || { cat "$scratch.log" >&2; exit 1; }
import sys, time, urllib.request
for _ in range(300):
    try:
        urllib.request.urlopen(f'http://127.0.0.1:{sys.argv[1]}/v1/admin/readiness', timeout=5)
        sys.exit(0)
    except OSError:
        time.sleep(0.1)
sys.exit('the server did not become ready')
PY

python3 bench/recall/memoir_eval.py "$set_name" --url "http://127.0.0.1:$port" --half 1 --out "bench/recall/run-$(basename "$set_name" .json).jsonl" "$@"
