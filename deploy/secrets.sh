#!/usr/bin/env bash
# Makes what compose.yaml asks for and does not find: .env with random passwords and keys, the token with which Prometheus
# reads /metrics, and a certificate for localhost to begin with. What is there is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077

if [ ! -e .env ]; then
  {
    echo "# Read by compose.yaml. Passwords and keys of letters and digits: they go into addresses as they are."
    for name in POSTGRES_PASSWORD MEMOIR_OWNER_PASSWORD MEMOIR_APP_PASSWORD MEMORY_API_KEYS MEMORY_METRICS_TOKEN MEMORY_SECRET_KEY GRAFANA_PASSWORD; do
      echo "$name=$(openssl rand -hex 24)"
    done
  } >.env.new
  mv .env.new .env
  echo "made .env"
fi

# An .env of before this secret gets it; the others stay as they are.
grep -q '^MEMORY_SECRET_KEY=' .env || echo "MEMORY_SECRET_KEY=$(openssl rand -hex 24)" >>.env

mkdir -p deploy/secrets
[ ! -O deploy/secrets ] || chmod 711 deploy/secrets
token=$(sed -n 's/^MEMORY_METRICS_TOKEN=//p' .env)
[ -n "$token" ] || { echo ".env has no MEMORY_METRICS_TOKEN" >&2; exit 1; }

# Containers read these as the users of their images, which are nobody on this machine. Only what this run made is handed
# over: a key that somebody put here stays as it is.
open_to() { # USER FILE …
  if [ "$(id -u)" = 0 ]; then
    chown "$1" "${@:2}"
  else
    chmod 644 "${@:2}"
    echo "Not root: ${*:2} can be read by every user of this machine." >&2
  fi
}

kept=deploy/secrets/metrics_token
if [ -e "$kept" ] && [ ! -r "$kept" ]; then
  echo "$kept is another user's and stays as it is; it must hold MEMORY_METRICS_TOKEN of .env" >&2
elif [ ! -e "$kept" ] || [ "$(cat "$kept")" != "$token" ]; then
  printf '%s' "$token" >"$kept.new"
  mv -f "$kept.new" "$kept"
  open_to 65534:65534 "$kept"
fi
if [ ! -e deploy/secrets/tls.key ] && [ ! -e deploy/secrets/tls.crt ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout deploy/secrets/tls.key -out deploy/secrets/tls.crt 2>/dev/null
  open_to 101:101 deploy/secrets/tls.crt deploy/secrets/tls.key
  echo "made a certificate for localhost; put your own in deploy/secrets/tls.crt and tls.key"
elif [ ! -e deploy/secrets/tls.key ] || [ ! -e deploy/secrets/tls.crt ]; then
  echo "deploy/secrets has one of tls.crt and tls.key; put the other one beside it" >&2
  exit 1
fi
