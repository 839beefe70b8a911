#!/usr/bin/env bash
# Runs the shell blocks of the walk-throughs in docs/ against a real server, one page after another, as a reader would, and
# holds the status of each answer against what the page says. Needs curl, jq, openssl and python3, as the pages do.
set -euo pipefail
cd "$(dirname "$0")/../.."
server=$PWD/artifacts/bin/Memoir.Server/debug/Memoir.Server
unset "${!MEMORY_@}" JWT_SECRET_KEY # A page is run as it stands.
[ -x "$server" ] || dotnet build src/Memoir.Server -v q
for tool in curl jq openssl python3; do
  command -v "$tool" >/dev/null && continue
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "$tool is missing." >&2; exit 1; }
  apt-get update -qq && apt-get install -y -qq --no-install-recommends curl ca-certificates jq openssl python3
done

work=$(mktemp -d)

# A server is gone before its folder is deleted.
stop() {
  local pid
  pid=$(cat "$work"/*/server.pid 2>/dev/null) || return 0
  rm -f "$work"/*/server.pid
  kill "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}
trap 'stop || true; rm -rf "$work" || true' EXIT

# A curl that notes the status of each answer beside what it prints.
mkdir "$work/bin"
cat >"$work/bin/curl" <<EOF
#!/bin/sh
exec $(command -v curl) -w '%{stderr}status %{http_code}\n' "\$@"
EOF
chmod +x "$work/bin/curl"

# The blocks of a page, without those of another machine; the server is the one that was built, at a port that is free.
blocks() {
  awk '/^```sh$/ { on = 1; block = ""; next }
       /^```$/ { if (on && block !~ /cloudflared|brew|next-release/) printf "%s", block; on = 0; next }
       on { block = block $0 "\n" }' "$1" |
    sed -e 's/dotnet run -c Release --project src\/Memoir.Server/serve/' -e "s/127\.0\.0\.1:8000/127.0.0.1:$port/g"
}

failed=0
run() {
  local name=$1 expected=$2
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  mkdir "$work/$name"
  {
    cat <<EOF
set -eu
PATH=$work/bin:\$PATH
serve() {
  MEMORY_PORT=$port MEMORY_DATA_DIRECTORY=\${MEMORY_DATA_DIRECTORY:-\$PWD/memoir-data} $server >server.log 2>&1 &
  echo \$! >server.pid
  for _ in \$(seq 200); do $(command -v curl) -fs http://127.0.0.1:$port/health >/dev/null && return; sleep 0.1; done
  cat server.log >&2; exit 1
}
EOF
    blocks "docs/$name.md"
  } >"$work/$name/page.sh"
  local code=0
  (cd "$work/$name" && timeout 120 bash page.sh >answers 2>trace) || code=$?
  stop
  local found
  found=$(sed -n 's/^status //p' "$work/$name/trace" | tr '\n' ' ' | sed 's/ $//')
  if [ "$code" = 0 ] && [ "$found" = "$expected" ]; then
    echo "docs/$name.md: $(wc -w <<<"$found") answers as the page says"
  else
    failed=1
    printf 'docs/%s.md: exit code %s\n  expected %s\n  found    %s\n' "$name" "$code" "$expected" "$found"
    cat "$work/$name/answers" "$work/$name/trace" | tail -40
  fi
}

run structured-memory "200 200 200 200 200 412 200 200 200 200 204 200"
run voice-memories "200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 200 404 200 200 200 404"
run custom-gpt "201 200 200 200 200"
exit $failed
