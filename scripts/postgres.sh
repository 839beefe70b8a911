#!/usr/bin/env bash
# A throw-away PostgreSQL with pgvector and pgbouncer on 127.0.0.1, for tests and CI.
#
#   scripts/postgres.sh install   fetch and build into the cache; nothing to do when it is there
#   scripts/postgres.sh start     install, start both servers, make the roles; prints what env prints
#   scripts/postgres.sh stop      stop both
#   scripts/postgres.sh status    do they run? 3 when not
#   scripts/postgres.sh roles     make the roles of the tests, and vector in new databases (start does so too)
#   scripts/postgres.sh env       print the exports of a test run: eval "$(scripts/postgres.sh env)"
#   scripts/postgres.sh reset     stop, and delete the data; the cache stays
#
# Needs Debian 12 with apt-get, dpkg-deb, gcc and make; no root, no container, and nothing is installed: the packages are
# unpacked into a folder of their own, and PostgreSQL, which is relocatable, runs from there. Started by root the servers
# run as nobody, for PostgreSQL refuses to run as root.
set -euo pipefail

cache=${MEMOIR_POSTGRES_CACHE:-/var/tmp/memoir-postgres-$(id -u)} # Worth keeping between CI runs.
data=${MEMOIR_POSTGRES_DATA:-$cache/data}
port=${MEMOIR_POSTGRES_PORT:-25440}
bouncer_port=${MEMOIR_PGBOUNCER_PORT:-$((port + 1))}
fast=${MEMOIR_POSTGRES_FAST:-0} # 1: no sync, for tests that ask nothing of the disk.

# Known to everybody, for a server that only this machine reaches and that holds nothing.
superuser_password=test-only
owner_password=test-only-owner
app_password=test-only-app

major=15
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
tree=$cache/tree
bin=$tree/usr/lib/postgresql/$major/bin
libraries=$tree/usr/lib/$(uname -m)-linux-gnu:$tree/lib/$(uname -m)-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
bouncer=$data/pgbouncer
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

log() { echo "postgres.sh: $*" >&2; }

ours() { LD_LIBRARY_PATH=$libraries "$@"; }

# As somebody who is not root.
unprivileged() {
  if [ "$(id -u)" = 0 ]; then
    LD_LIBRARY_PATH=$libraries setpriv --reuid=nobody --regid=nogroup --clear-groups -- "$@"
  else
    ours "$@"
  fi
}

# The mirror that this machine's apt uses.
mirror() {
  grep -hE '^(URIs:|deb )' /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
    grep -oE 'https?://[^ ]+' | grep -E "$1" | head -1 || true
}

# apt with a state of its own, so that neither root nor the lists of this machine are needed.
private_apt() {
  local folder=$cache/apt command=$1
  shift
  mkdir -p "$folder"/lists/partial "$folder"/cache/archives/partial
  if [ ! -s "$folder/sources.sources" ]; then
    local main security
    main=$(mirror 'debian/?$')
    security=$(mirror 'debian-security/?$')
    # pgvector is younger than Debian 12, so its source comes from the release after it.
    cat >"$folder/sources.sources" <<END
Types: deb
URIs: ${main:-http://deb.debian.org/debian}
Suites: bookworm bookworm-updates
Components: main
Signed-By: $keyring

Types: deb
URIs: ${security:-http://deb.debian.org/debian-security}
Suites: bookworm-security
Components: main
Signed-By: $keyring

Types: deb-src
URIs: ${main:-http://deb.debian.org/debian}
Suites: trixie
Components: main
Signed-By: $keyring
END
  fi
  "$command" -qq -o Dir::State::Lists="$folder/lists" -o Dir::Etc::SourceList="$folder/sources.sources" \
    -o Dir::Etc::SourceParts=/dev/null -o Dir::Cache="$folder/cache" -o APT::Sandbox::User="$(id -un)" \
    -o Acquire::Retries=3 -o Acquire::Languages=none "$@"
}

build_vector() {
  cd "$cache/source"
  private_apt apt-get source --download-only pgvector
  tar xzf pgvector_*.orig.tar.gz
  cd "$(find . -mindepth 1 -maxdepth 1 -type d | head -1)"
  local make=(make -s "-j$(nproc)" "PG_CONFIG=$bin/pg_config" with_llvm=no OPTFLAGS=)
  ours "${make[@]}"
  ours "${make[@]}" install >/dev/null
}

install() {
  [ ! -f "$tree/complete" ] || return 0
  for program in apt-get dpkg-deb gcc make; do
    command -v "$program" >/dev/null || { log "$program is missing"; exit 69; }
  done

  log "building the cache in $cache"
  rm -rf "$tree" "$cache/source" "$cache/packages"
  mkdir -p "$tree" "$cache/source" "$cache/packages"
  private_apt apt-get update

  # The shared libraries that this machine lacks; never LLVM, for nothing is compiled while it runs.
  local lacking
  lacking=$(private_apt apt-get --print-uris --no-install-recommends install "postgresql-$major" pgbouncer 2>/dev/null |
    awk '{ print $2 }' | sed 's/_.*//' | grep -E '^lib' | grep -vE 'llvm|perl|^libz3|-dev$' || true)
  (
    cd "$cache/packages"
    # shellcheck disable=SC2086
    private_apt apt-get download "postgresql-$major" "postgresql-client-$major" "postgresql-server-dev-$major" \
      libpq5 libpq-dev pgbouncer $lacking
  )
  for package in "$cache"/packages/*.deb; do dpkg-deb -x "$package" "$tree"; done
  (build_vector)
  rm -rf "$cache/source" "$cache/packages" "$cache/apt"
  ours "$bin/postgres" --version >"$tree/complete"
  log "$(cat "$tree/complete"), pgvector $(sed -n "s/^default_version = '\(.*\)'/\1/p" \
    "$tree/usr/share/postgresql/$major/extension/vector.control"), $(ours "$tree/usr/sbin/pgbouncer" --version | head -1)"
}

running() { [ -f "$data/postmaster.pid" ] && unprivileged "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; }

bouncer_running() {
  local pid
  pid=$(cat "$bouncer/pgbouncer.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = pgbouncer ]
}

sql() { # sql DATABASE: runs what it reads
  PGPASSWORD=$superuser_password ours "$bin/psql" -qAtX -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres -d "$1" >/dev/null
}

make_data() {
  mkdir -p "$data"
  chmod 700 "$data"
  [ "$(id -u)" != 0 ] || chown nobody:nogroup "$data"
  local password=$cache/password
  echo "$superuser_password" >"$password"
  unprivileged "$bin/initdb" -D "$data" -U postgres --pwfile="$password" --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C.UTF-8 --no-instructions >/dev/null

  # pgvector before 0.8.2 has CVE-2026-3172 in parallel index builds: none here.
  unprivileged tee -a "$data/postgresql.conf" >/dev/null <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = '$data'
jit = off
max_connections = 300
shared_buffers = 256MB
maintenance_work_mem = 512MB
max_wal_size = 2GB
timezone = 'UTC'
max_parallel_maintenance_workers = 0
END
}

start_postgres() {
  ! running || return 0
  chmod 755 "$cache" # Whoever the servers run as must be able to read it.
  [ -f "$data/PG_VERSION" ] || make_data
  local options="-p $port"
  [ "$fast" != 1 ] || options="$options -c fsync=off -c full_page_writes=off"
  unprivileged "$bin/pg_ctl" -D "$data" -l "$data/server.log" -w -t 60 -o "$options" start >/dev/null || {
    log "PostgreSQL did not start:"
    tail -5 "$data/server.log" >&2
    exit 1
  }
}

# In transaction mode a connection of the server belongs to a client for one transaction, and here each database has but
# one: whatever a client leaves on its connection is seen by the next.
start_bouncer() {
  ! bouncer_running || return 0
  unprivileged mkdir -p "$bouncer"
  unprivileged tee "$bouncer/users.txt" >/dev/null <<END
"postgres" "$superuser_password"
"memoir_owner" "$owner_password"
"memoir_app" "$app_password"
END
  unprivileged tee "$bouncer/pgbouncer.ini" >/dev/null <<END
[databases]
* = host=127.0.0.1 port=$port pool_size=1

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $bouncer_port
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $bouncer/users.txt
pool_mode = transaction
max_client_conn = 500
logfile = $bouncer/pgbouncer.log
pidfile = $bouncer/pgbouncer.pid
END
  unprivileged "$tree/usr/sbin/pgbouncer" --quiet --daemon "$bouncer/pgbouncer.ini" </dev/null >/dev/null 2>&1 || true
  local i
  for ((i = 0; i < 100; i++)); do
    ! bouncer_running || return 0
    sleep 0.1
  done
  log "pgbouncer did not start:"
  tail -5 "$bouncer/pgbouncer.log" >&2
  exit 1
}

# The owner makes databases and needs no superuser for vector, which a new database has from its template.
roles() {
  sql template1 <<END
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS vector;
SELECT 'CREATE ROLE memoir_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'memoir_owner') \gexec
SELECT 'CREATE ROLE memoir_app' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'memoir_app') \gexec
ALTER ROLE memoir_owner LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOBYPASSRLS PASSWORD '$owner_password';
GRANT pg_signal_backend TO memoir_owner; -- To drop a database of a test that somebody is still connected to.
ALTER ROLE memoir_app LOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOBYPASSRLS PASSWORD '$app_password';
END
}

# Addresses in the form that the settings take; tests make databases of their own from the owner's.
env_lines() {
  echo "export MEMOIR_TEST_POSTGRES='postgresql://memoir_owner:$owner_password@127.0.0.1:$port/postgres'"
  echo "export MEMOIR_TEST_POSTGRES_APP='postgresql://memoir_app:$app_password@127.0.0.1:$port/postgres'"
  echo "export MEMOIR_TEST_POSTGRES_SUPERUSER='postgresql://postgres:$superuser_password@127.0.0.1:$port/postgres'"
  echo "export MEMOIR_TEST_POSTGRES_PGBOUNCER='127.0.0.1:$bouncer_port'"
  echo "export MEMOIR_TEST_POSTGRES_BIN='$bin'"
}

start() {
  install
  start_postgres
  roles
  start_bouncer
  env_lines
}

stop() {
  if bouncer_running; then
    kill "$(cat "$bouncer/pgbouncer.pid")"
    while bouncer_running; do sleep 0.1; done
  fi
  ! running || unprivileged "$bin/pg_ctl" -D "$data" -m "${1:-fast}" -w stop >/dev/null
}

case ${1:-} in
  install) install ;;
  start) start ;;
  stop) stop ;;
  status)
    running || { log "PostgreSQL does not run"; exit 3; }
    bouncer_running || { log "pgbouncer does not run"; exit 3; }
    log "PostgreSQL runs on port $port, pgbouncer on port $bouncer_port"
    ;;
  roles) roles ;;
  env) env_lines ;;
  reset)
    stop immediate
    rm -rf "$data"
    ;;
  *)
    sed -n '2,14s/^# \{0,1\}//p' "$0" >&2
    exit 64
    ;;
esac
