#!/usr/bin/env bash
# compose.yaml as the compose client understands it: complete, refused without its secrets, and as confined as it claims.
# Needs jq and a compose client (COMPOSE names one); no engine.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/deploy/lib.sh

need jq jq
if [ -n "${COMPOSE:-}" ]; then
  client=("$COMPOSE")
elif docker compose version >/dev/null 2>&1; then
  client=(docker compose)
else
  skip "there is no compose client; COMPOSE=/path/to/docker-compose names one"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The variables are exactly those that deploy/secrets.sh makes.
grep -oE '\$\{[A-Z_]+:\?' compose.yaml | sed -E 's/..([A-Z_]+).*/\1/' | sort -u >"$work/needed"
# What the script writes, without writing it here.
mkdir -p "$work/clone/deploy"
cp deploy/secrets.sh "$work/clone/deploy/"
"$work/clone/deploy/secrets.sh" >/dev/null 2>&1
env_file=$work/clone/.env
sed -n 's/=.*//p' "$env_file" | grep -v '^#' | sort -u >"$work/made"
diff "$work/needed" "$work/made" || fail "deploy/secrets.sh and compose.yaml name different variables"
[ "$(stat -c %a "$env_file")" = 600 ] || fail ".env can be read by others"
cp "$env_file" "$work/before"
"$work/clone/deploy/secrets.sh" >/dev/null 2>&1
cmp -s "$env_file" "$work/before" || fail "deploy/secrets.sh replaced what was there"
for file in tls.crt tls.key metrics_token; do [ -s "$work/clone/deploy/secrets/$file" ] || fail "deploy/secrets.sh makes no $file"; done
# What somebody else put there keeps its owner and mode, and does not stop the script.
echo mine >"$work/clone/deploy/secrets/tls.key"
chmod 600 "$work/clone/deploy/secrets/tls.key"
if [ "$(id -u)" = 0 ]; then chown 12345:12345 "$work/clone/deploy/secrets/tls.key"; fi
stat -c '%n %u %g %a' "$work/clone/deploy/secrets"/* >"$work/before"
"$work/clone/deploy/secrets.sh" >/dev/null 2>&1 || fail "deploy/secrets.sh stops at files of others"
diff "$work/before" <(stat -c '%n %u %g %a' "$work/clone/deploy/secrets"/*) || fail "deploy/secrets.sh changed files that it did not make"

config() { env -i "PATH=$PATH" "HOME=$work" "${client[@]}" -f compose.yaml --env-file "$1" config --format json; }
config "$env_file" >"$work/config.json" || fail "the compose client refuses compose.yaml"
while read -r name; do
  grep -v "^$name=" "$env_file" >"$work/without"
  if config "$work/without" >/dev/null 2>"$work/refusal"; then fail "it starts without $name"; fi
  grep -q "$name" "$work/refusal" || fail "the refusal does not name $name"
done <"$work/needed"

holds() { jq -e "$1" "$work/config.json" >/dev/null || fail "$2: $(jq -c "${3:-.services | keys}" "$work/config.json")"; }
holds '[.services[] | .read_only == true and (.cap_drop == ["ALL"]) and (.cap_add == null) and (.security_opt | index("no-new-privileges:true") != null) and (.privileged != true)] | all' "a service is not confined"
holds '[.services[] | .network_mode == null and .pid == null and .ipc == null] | all' "a service shares the machine's namespaces"
holds '[.services[].image | test(":[v0-9][^:]*$")] | all' "an image has no fixed tag" '[.services[].image]'
holds '[.services | to_entries[] | select(.value.ports != null) | .key] == ["nginx"]' "others than nginx are published"
holds '[.services.nginx.ports[].host_ip == "127.0.0.1"] | all' "it is published beyond this machine" '.services.nginx.ports'
holds '[.services | to_entries[] | select(.key != "migrate") | .value.healthcheck.test != null and .value.healthcheck.disable != true] | all' "a service has no health check"
holds '[.services[] | .depends_on // {} | .[] | .condition == "service_healthy" or .condition == "service_completed_successfully"] | all' "a dependency has no condition"
holds '[.services["api-1"], .services["api-2"], .services.worker] | map(.depends_on.migrate.condition == "service_completed_successfully") | all' "a role starts before the migrations"
holds '[.services | to_entries[] | select(.key != "migrate" and .key != "postgres") | .value.environment // {} | has("MEMORY_DATABASE_ADMIN_URL") or has("MEMOIR_OWNER_PASSWORD") or has("POSTGRES_PASSWORD")] | any | not' "the owner's password goes further than it must"
holds '.services.postgres.command | index("-clog_parameter_max_length=0") != null and index("-clog_parameter_max_length_on_error=0") != null' "slow statements are logged with what people said" '.services.postgres.command'
holds '.networks.inside.internal and .networks.edge.internal and ([.services.postgres.networks | keys[]] == ["inside"])' "the database can be reached"
holds '[.services["api-1"].entrypoint, .services.worker.entrypoint, .services.migrate.entrypoint] == [["aiml-api"], ["aiml-worker"], ["memoir", "migrate"]]' "the roles"
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
holds "[.services[\"api-1\", \"api-2\", \"worker\", \"migrate\"].image] | unique == [\"memoir:$version\"]" "the image is of another version than the program" '.services.worker.image'

if grep -oE 'memoir:[0-9]+\.[0-9]+\.[0-9]+' docs/deployment.md | grep -v "^memoir:$version$"; then fail "docs/deployment.md names an image of another version"; fi

# What is mounted from here is here.
jq -r '.services[].volumes // [] | .[] | select(.type == "bind") | .source' "$work/config.json" | sort -u | while read -r path; do
  case $path in
    */deploy/secrets/*) [ -e "$work/clone/deploy/secrets/${path##*/}" ] ;;
    *) [ -e "$path" ] ;;
  esac || fail "$path is mounted and not there"
done
# Every server that Prometheus and nginx name is a service, and none is forgotten.
servers=$(jq -r '.services | keys[] | select(test("^(api|worker)"))' "$work/config.json")
for server in $servers; do grep -q "\"$server:8000\"" deploy/prometheus.yml || fail "Prometheus does not ask $server"; done
[ "$(grep -oE 'server api-[0-9]+:8000' deploy/nginx-upstreams.conf | sort -u | wc -l)" = "$(grep -c '^api' <<<"$servers")" ] || fail "nginx and compose name different servers"
pass "compose.yaml"
