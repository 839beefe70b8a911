#!/usr/bin/env bash
# Kills the server 20 times under mixed writes and looks for anything lost; then shows with a broken build that a loss would be found.
# --quick looks up fewer messages by search in each cycle.
set -euo pipefail
cd "$(dirname "$0")/../.."

faults=artifacts/bin/Memoir.Faults/release/Memoir.Faults

# slow [--quick]: half-open connections, slow bodies and slow readers beside honest clients.
if [ "${1:-}" = slow ]; then
  dotnet build -c Release -v quiet --nologo tests/faults/Memoir.Faults
  exec "$faults" "$@"
fi

limit=()
if [ "${1:-}" = --quick ]; then
  limit=(--search-limit 200)
fi

dotnet build -c Release -v quiet --nologo tests/faults/Memoir.Faults
dotnet build -c Release -v quiet --nologo -p:SeededFault=AckBeforeCommit src/Memoir.Server

"$faults" kill9 --cycles 20 "${limit[@]}"
"$faults" kill9 --cycles 20 --expect-loss --search-limit 0 \
  --server artifacts/seeded-fault/AckBeforeCommit/bin/Memoir.Server/release/Memoir.Server.dll
