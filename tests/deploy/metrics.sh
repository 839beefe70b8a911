#!/usr/bin/env bash
# Prometheus with deploy/prometheus.yml reads a live server: the configuration is valid, every alert fires when it should,
# and every query of the dashboard and every metric of an alert finds something. Needs .NET, curl, jq; Prometheus is
# unpacked, not installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/deploy/lib.sh

need curl curl
need jq jq
need python3 python3
work=$(mktemp -d)
server=
prometheus=
tidy() {
  stop "$prometheus" "$server"
  rm -rf "$work"
}
trap tidy EXIT

tools=${PROMETHEUS_TOOLS:-$(dirname "$(command -v promtool || echo ./none)")}
if [ ! -x "$tools/promtool" ] || [ ! -x "$tools/prometheus" ]; then
  unpack "$work/debian" prometheus
  tools=$work/debian/usr/bin
fi

say "the configuration and the alerts"
mkdir -p "$work/etc"
cp deploy/prometheus.yml deploy/alerts.yml tests/deploy/alerts-test.yml "$work/etc/"
token=$(python3 -c 'import secrets; print(secrets.token_hex(24))')
printf '%s' "$token" >"$work/etc/token"
grep -q /run/secrets/metrics_token "$work/etc/prometheus.yml" || fail "deploy/prometheus.yml has no token"
sed -i "s|/run/secrets/metrics_token|$work/etc/token|" "$work/etc/prometheus.yml"
"$tools/promtool" check config "$work/etc/prometheus.yml" >"$work/check" || { cat "$work/check"; fail "promtool check config"; }
(cd "$work/etc" && "$tools/promtool" test rules alerts-test.yml) >"$work/check" 2>&1 || { cat "$work/check"; fail "promtool test rules"; }
tested=$(grep -oE 'alertname: \w+' tests/deploy/alerts-test.yml | sort -u | wc -l)
[ "$tested" = "$(grep -c -- '- alert:' deploy/alerts.yml)" ] || fail "$tested alerts are tested"

say "a live server is scraped with the token alone"
build_server
port=$(free_port)
key=$(python3 -c 'import secrets; print(secrets.token_hex(24))')
env -u ASPNETCORE_URLS MEMORY_DATA_DIRECTORY="$work/data" MEMORY_PORT="$port" MEMORY_API_KEYS="$key" MEMORY_METRICS_TOKEN="$token" \
  MEMORY_EMBEDDING_PROVIDER=mock MEMORY_DRAIN_SECONDS=0 MEMORY_GLOBAL_RATE_LIMIT=off MEMORY_TENANT_RATE_LIMIT=off dotnet "$MEMOIR_DLL" >"$work/log" 2>&1 &
server=$!
base=http://127.0.0.1:$port
await "$base/health" || { cat "$work/log"; fail "the server does not start"; }
ask() { curl -fsS -o /dev/null -H "x-api-key: $key" "$@"; }
work_on() {
  ask "$base/v1/messages" -H 'Content-Type: application/json' -d '{"tenant_id":"default","conversation_id":"c","role":"user","content":"a puppy named Biscuit"}'
  ask "$base/v1/memory/search?query=puppy"
}
scrape() { curl -fsS -H "Authorization: Bearer $token" "$base/metrics"; }
work_on
tries=0
until scrape | grep -q '^jobs_processed_total'; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "no job ran"
  sleep 0.2
done

sed -i -e "s|scrape_interval: 15s|scrape_interval: 1s|" -e 's|"api-1:8000", "api-2:8000"|"127.0.0.1:'"$port"'"|' -e '/worker:8000/,+1d' "$work/etc/prometheus.yml"
asked=$(free_port)
"$tools/prometheus" --config.file="$work/etc/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="127.0.0.1:$asked" --log.level=warn >"$work/prometheus.log" 2>&1 &
prometheus=$!
await "http://127.0.0.1:$asked/-/ready" || { cat "$work/prometheus.log"; fail "Prometheus does not start"; }
query() { curl -fsS --data-urlencode "query=$1" "http://127.0.0.1:$asked/api/v1/query" | jq '.data.result | length'; }
tries=0
until [ "$(query 'count_over_time(messages_created_total[1m]) > 2')" = 1 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "Prometheus has nothing of the server"
  work_on
  sleep 0.3
done

say "every query of the dashboard finds something"
dashboard=deploy/grafana/dashboards/memoir.json
panels=0
while read -r expression; do
  # As Grafana would put its variables in.
  expression=${expression//\$__rate_interval/1m}
  expression=${expression//\$instance/.*}
  [ "$(query "$expression")" != 0 ] || fail "nothing for $expression"
  panels=$((panels + 1))
done < <(jq -r '.panels[].targets[].expr' "$dashboard")
[ "$panels" -ge 18 ] || fail "$panels queries"
[ "$(query 'no_such_metric_total')" = 0 ] || fail "Prometheus answers anything"

# "or vector(0)" and comparisons hide a wrong name from the check above; this one reads the names themselves.
say "every metric of an alert or a panel exists"
scrape >"$work/metrics"
{
  jq -r '.panels[].targets[].expr' "$dashboard"
  curl -fsS "http://127.0.0.1:$asked/api/v1/rules" | jq -r '.data.groups[].rules[].query'
} | python3 -c '
import re, sys
live = {re.split("[{ ]", line)[0] for line in open(sys.argv[1]) if not line.startswith("#")} | {"up"}
named = set()
for expression in sys.stdin.read().splitlines():
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|without)\s*\([^)]*\)|\"[^\"]*\"", " ", expression)
    named |= {name for name, call in re.findall(r"\b([a-z][a-z_]+)\b\s*(\(?)", bare) if not call and name not in ("or", "and", "unless", "offset", "by")}
missing = sorted(name for name in named if name not in live)
print(len(named), "metrics named")
sys.exit("not in /metrics: " + ", ".join(missing) if missing else 0)
' "$work/metrics" || fail "a metric that does not exist is named"
grep -q 'datasource' "$dashboard" && [ "$(jq -r '[.panels[].datasource.uid] | unique | join(",")' "$dashboard")" = "$(sed -n 's/^ *uid: //p' deploy/grafana/provisioning/datasources/prometheus.yml)" ] || fail "a panel asks another source"
pass "Prometheus, alerts and the dashboard"
