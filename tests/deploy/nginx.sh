#!/usr/bin/env bash
# deploy/nginx.conf in a real nginx, with two servers behind it: TLS, limits, what is kept inside, and one server dying.
# Only ports, paths and the list of servers are changed. Needs .NET, curl, openssl, python3; nginx is unpacked, not installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/deploy/lib.sh

need curl curl
need openssl openssl
need python3 python3
need jq jq
work=$(mktemp -d)
nginx=
one=
two=
echo=
echo_again=
tidy() {
  stop "$nginx" "$one" "$two" "$echo" "$echo_again"
  rm -rf "$work"
}
trap tidy EXIT

program=${NGINX_PROGRAM:-$(command -v nginx || true)}
if [ -z "$program" ]; then
  unpack "$work/nginx" nginx
  program=$work/nginx/usr/sbin/nginx
fi
"$program" -v
build_server

key=nginx-test-key-0123456789abcdef
serve() { # FOLDER PORT
  mkdir -p "$work/$1"
  env -u ASPNETCORE_URLS MEMORY_DATA_DIRECTORY="$work/$1" MEMORY_PORT="$2" MEMORY_API_KEYS=$key MEMORY_DRAIN_SECONDS=0 MEMORY_GLOBAL_RATE_LIMIT=off MEMORY_TENANT_RATE_LIMIT=off dotnet "$MEMOIR_DLL" >"$work/$1.log" 2>&1 &
}
first=$(free_port)
second=$(free_port)
serve one "$first"
one=$!
serve two "$second"
two=$!

# Shows what reached it; what goes to /lost is noted and never answered.
cat >"$work/echo.py" <<'PY'
import http.server, json, sys
class Echo(http.server.BaseHTTPRequestHandler):
    def lose(self):
        with open(sys.argv[2], "a") as lost:
            lost.write(self.command + "\n")
        self.close_connection = True
    do_POST = do_PATCH = lose
    def do_GET(self):
        if self.path == "/lost":
            return self.lose()
        body = json.dumps([[name.lower(), value] for name, value in self.headers.items()]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
PY
mirror=$(free_port)
python3 "$work/echo.py" "$mirror" "$work/lost" &
echo=$!
mirror_again=$(free_port)
python3 "$work/echo.py" "$mirror_again" "$work/lost" &
echo_again=$!

plain=$(free_port)
outside=$(free_port)
operators=$(free_port)
mkdir -p "$work/etc" "$work/tmp"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
  -keyout "$work/etc/tls.key" -out "$work/etc/tls.crt" 2>/dev/null

edit() { # FROM TO: stops when the file no longer has it
  grep -q "$1" "$work/nginx.conf" || fail "deploy/nginx.conf has no $1"
  sed -i "s|$1|$2|g" "$work/nginx.conf"
}
cp deploy/nginx.conf "$work/nginx.conf"
edit '/tmp/' "$work/tmp/" # First, since the folder's own name has it too.
edit 'listen 8080' "listen 127.0.0.1:$plain"
edit 'listen 8443' "listen 127.0.0.1:$outside"
edit 'listen 8444' "listen 127.0.0.1:$operators"
edit '!= 8444' "!= $operators"
edit '/etc/nginx/memoir/' "$work/etc/"
edit '/dev/stdout' "$work/access.log"
[ "$(id -u)" != 0 ] || sed -i '1i user root;' "$work/nginx.conf"
upstreams() { # PORT …
  {
    echo 'upstream memoir { least_conn;'
    for port in "$@"; do echo "server 127.0.0.1:$port max_fails=2 fail_timeout=5s;"; done
    echo 'keepalive 64; keepalive_timeout 60s; }'
    echo "upstream grafana { server 127.0.0.1:$mirror; }"
  } >"$work/etc/upstreams.conf"
}
version=$("$program" -v 2>&1 | sed 's|.*nginx/||; s| .*||')
if [ "$(printf '%s\n' 1.27.3 "$version" | sort -V | head -1)" = 1.27.3 ]; then
  cp deploy/nginx-upstreams.conf "$work/etc/upstreams.conf"
  "$program" -t -q -e stderr -p "$work" -c "$work/nginx.conf" || fail "nginx refuses the configuration with the servers of compose.yaml"
else
  echo "nginx $version is too old for deploy/nginx-upstreams.conf, which is not tried"
fi
upstreams "$first" "$second"
"$program" -t -q -e stderr -p "$work" -c "$work/nginx.conf" || fail "nginx refuses the configuration"
await "http://127.0.0.1:$first/health" || fail "the first server does not start"
await "http://127.0.0.1:$second/health" || fail "the second server does not start"
"$program" -e "$work/error.log" -p "$work" -c "$work/nginx.conf" -g 'daemon off;' &
nginx=$!

base=https://localhost:$outside
ask() { curl -sS --cacert "$work/etc/tls.crt" -H "x-api-key: $key" "$@"; }
code() { ask -o "$work/body" -w '%{http_code}' "$@"; }
is() { [ "$1" = "$2" ] || fail "$3: $1 instead of $2"; }
await "$base/health" --cacert "$work/etc/tls.crt" || { cat "$work/error.log"; fail "nginx does not answer"; }

say "TLS"
is "$(code "$base/version")" 200 "an answer over TLS"
is "$(ask -o /dev/null -w '%{http_version}' "$base/version")" 2 "HTTP/2"
is "$(ask -D - -o /dev/null "$base/version" | tr -d '\r' | grep -ci '^strict-transport-security: max-age')" 1 "HSTS"
for old in 1.0 1.1; do
  # The client is told to allow it; what refuses is the server.
  if curl -sS --cacert "$work/etc/tls.crt" --ciphers DEFAULT@SECLEVEL=0 --tlsv"$old" --tls-max "$old" "$base/version" >/dev/null 2>"$work/refusal"; then fail "TLS $old was taken"; fi
  if grep -q 'no protocols available' "$work/refusal"; then
    echo "this curl cannot offer TLS $old"
    continue
  fi
  grep -q 'alert protocol version' "$work/refusal" || fail "TLS $old: $(cat "$work/refusal")"
done
for good in 1.2 1.3; do curl -sS --cacert "$work/etc/tls.crt" --tlsv"$good" --tls-max "$good" "$base/health" >/dev/null || fail "TLS $good was refused"; done
if openssl s_client -connect "127.0.0.1:$outside" -tls1_2 -cipher AES128-SHA:AES128-GCM-SHA256 </dev/null >/dev/null 2>&1; then fail "a cipher without forward secrecy was taken"; fi

say "HTTP is sent to HTTPS, with method and body"
is "$(curl -s -o /dev/null -w '%{http_code} %{redirect_url}' -H 'Host: memory.example' "http://127.0.0.1:$plain/v1/messages?a=b")" "308 https://memory.example/v1/messages?a=b" "the redirect"

say "a message is stored and found"
store() { ask -H 'Content-Type: application/json' "$@" "$base/v1/messages" -d '{"tenant_id":"default","conversation_id":"c","role":"user","content":"a puppy named Biscuit"}'; }
is "$(store -o /dev/null -w '%{http_code}')" 202 "a store"

say "limits"
head -c 1500000 /dev/zero | tr '\0' a >"$work/large"
is "$(code -H 'Content-Type: application/json' --data-binary "@$work/large" "$base/v1/messages")" 413 "more than a message may have"
is "$(jq -r .type "$work/body")" urn:memoir:problem:payload-too-large "Memoir's own refusal"
head -c 9000000 /dev/zero | tr '\0' a >"$work/large"
is "$(code -H 'Content-Type: application/json' --data-binary "@$work/large" "$base/v1/messages/batch")" 413 "more than any route reads"
is "$(jq -r '.type + " " + (.request_id | length | tostring)' "$work/body")" "urn:memoir:problem:payload-too-large 32" "nginx's refusal in Memoir's words"
many=()
for number in $(seq 1 101); do many+=(-H "x-filler-$number: a"); done
is "$(code --http1.1 "${many[@]}" "$base/version")" 431 "101 headers and more"
is "$(code "${many[@]}" "$base/version")" 431 "101 headers and more over HTTP/2"
long=$(head -c 9000 /dev/zero | tr '\0' a)
is "$(code --http1.1 "$base/version?$long")" 414 "a long request line"
is "$(code --http1.1 -H "x-long: $long" "$base/version")" 400 "a long header"
seven=$(head -c 7000 /dev/zero | tr '\0' a)
is "$(code --http1.1 -H "x-a: $seven" -H "x-b: $seven" -H "x-c: $seven" "$base/version")" 431 "headers that are too long together"

say "one address cannot fill the disk with bodies that never end"
cat >"$work/slow.py" <<'PY'
import socket, ssl, sys
trust = ssl.create_default_context(cafile=sys.argv[2])
held = []
for _ in range(100):
    line = trust.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="localhost")
    line.sendall(b"POST /v1/messages/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{")
    held.append(line)
print("held", flush=True)
for line in held: # Until the server gives them up.
    line.settimeout(12)
    try:
        while line.recv(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
print("given up", flush=True)
PY
python3 "$work/slow.py" "$outside" "$work/etc/tls.crt" >"$work/slow" 2>&1 &
slow=$!
tries=0
until grep -q held "$work/slow"; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "the slow bodies did not begin: $(cat "$work/slow")"
  sleep 0.1
done
is "$(code -D "$work/headers" "$base/version")" 429 "a request beside a hundred of its address"
is "$(jq -r '.title + " " + (.request_id | length | tostring)' "$work/body")" "Too Many Requests 32" "the refusal of one too many"
is "$(tr -d '\r' <"$work/headers" | grep -ci '^retry-after: 1$\|^strict-transport-security:\|^x-request-id:\|^cache-control: no-store')" 4 "the headers of that refusal"
wait "$slow" || fail "slow bodies are not given up: $(cat "$work/slow")"
is "$(code "$base/version")" 200 "a request after they were given up"

say "the request id goes from end to end"
is "$(ask -D - -o /dev/null -H 'X-Request-ID: mine-1' "$base/version" | tr -d '\r' | awk 'tolower($1) == "x-request-id:" { print $2 }')" mine-1 "the caller's own"
given=$(ask -D - -o "$work/body" -H 'X-Request-ID: not {mine}' "$base/v1/messages/none" | tr -d '\r' | awk 'tolower($1) == "x-request-id:" { print $2 }')
[ "${#given}" = 32 ] || fail "a harmful id became $given"
is "$(jq -r --arg id "$given" 'select(.request_id == $id) | .status' "$work/access.log")" 404 "the line of nginx's log under that id"
is "$(jq -r .request_id "$work/body")" "$given" "the id in the server's problem"
ask "$base/v1/memory/search?query=verysecretquery" >/dev/null
if grep -q 'verysecretquery\|x-api-key' "$work/access.log" "$work/error.log"; then fail "a query reached nginx's logs"; fi

say "what is for operators stays inside"
for path in /metrics /METRICS /metrics/ /%6detrics //metrics /v1/../metrics /v1/admin/keys /V1/Admin/Keys /v1/%61dmin/keys /v1/admin%2Fkeys /v1//admin/keys /v1/admin /v1/tenants/default/data /grafana/ /grafana/api/health; do
  is "$(code --path-as-is "$base$path")" 404 "$path from outside"
  is "$(jq -r .detail "$work/body")" "There is no such route or resource." "the refusal of $path"
  grep -q '"upstream":""' <(tail -1 "$work/access.log") || fail "$path reached a server"
done
is "$(code "https://localhost:$operators/v1/admin/keys")" 200 "keys at the operators' port"
is "$(code "https://localhost:$operators/grafana/")" 200 "Grafana at the operators' port"
is "$(code "https://localhost:$operators/metrics")" 404 "metrics at the operators' port"
is "$(curl -s --cacert "$work/etc/tls.crt" -o /dev/null -w '%{http_code}' "https://localhost:$operators/v1/admin/keys")" 401 "a stranger at the operators' port"

say "one of two servers dies"
kill -KILL "$one"
wait "$one" 2>/dev/null || true
one=
for number in $(seq 1 20); do
  is "$(code "$base/v1/memory/search?query=puppy")" 200 "search $number"
  is "$(store -o /dev/null -w '%{http_code}')" 202 "store $number"
done

say "no server is left"
stop "$two"
two=
is "$(code "$base/version")" 502 "without servers"
is "$(jq -r .type "$work/body")" about:blank "the refusal without servers"

say "what callers say about themselves ends at nginx"
upstreams "$mirror" "$mirror_again"
kill -HUP "$nginx"
tries=0
until [ "$(code "$base/probe")" = 200 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "nginx does not take the new list of servers"
  sleep 0.1
done
ask -H 'X-Forwarded-For: 6.6.6.6' -H 'X-Forwarded-Proto: http' -H 'X-Forwarded-Host: evil.example' -H 'X-Real-IP: 6.6.6.6' -H 'Forwarded: for=6.6.6.6' "$base/echo" >"$work/body"
for pair in "x-forwarded-for 127.0.0.1" "x-forwarded-proto https" "x-forwarded-host localhost" "x-real-ip 127.0.0.1" "forwarded "; do
  is "$(jq -r --arg name "${pair%% *}" '[.[] | select(.[0] == $name) | .[1]] | join("|")' "$work/body")" "${pair#* }" "${pair%% *}"
done

say "what may have had its effect is not sent again"
for method in POST PATCH GET; do
  is "$(code -X "$method" "$base/lost")" 502 "a $method that got no answer"
  sort "$work/lost" | uniq -c | grep -q "$([ "$method" = GET ] && echo 2 || echo 1) $method" || fail "$method was sent otherwise: $(sort "$work/lost" | uniq -c)"
  kill -HUP "$nginx" # Which forgets that both failed.
done
pass "deploy/nginx.conf"
