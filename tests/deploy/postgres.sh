#!/usr/bin/env bash
# deploy/postgres on a throw-away PostgreSQL: what the roles may and may not do, and what docs/deployment.md says about
# backups under row level security. Needs PostgreSQL 15 or later with pgvector (PG_BIN names its programs).
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/deploy/lib.sh

need python3 python3
bin=${PG_BIN:-$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)}
[ -x "$bin/initdb" ] || skip "there is no PostgreSQL; PG_BIN names its programs"
work=$(mktemp -d)
as=()
if [ "$(id -u)" = 0 ]; then
  as=(setpriv --reuid=65534 --regid=65534 --clear-groups --) # PostgreSQL does not run as root.
  chown 65534:65534 "$work"
fi
tidy() {
  "${as[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap tidy EXIT

say "a server ($("$bin/postgres" --version))"
port=$(free_port)
"${as[@]}" "$bin/initdb" -D "$work/data" -U postgres --auth-local=trust --auth-host=scram-sha-256 --locale=C.UTF-8 --encoding=UTF8 >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log"; fail "initdb"; }
"${as[@]}" "$bin/pg_ctl" -D "$work/data" -w -l "$work/server.log" -o "-p $port -k $work -c listen_addresses=127.0.0.1" start >/dev/null || { cat "$work/server.log"; fail "the server does not start"; }
[ "$("${as[@]}" "$bin/psql" -h "$work" -p "$port" -U postgres -XAtc "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")" = 1 ] || skip "this PostgreSQL has no pgvector"

say "the script of the first start"
export MEMOIR_OWNER_PASSWORD=owner0123456789 MEMOIR_APP_PASSWORD=app0123456789
PATH=$bin:$PATH PGHOST=$work PGPORT=$port POSTGRES_USER=postgres bash deploy/postgres/10-memoir.sh >/dev/null || fail "deploy/postgres/10-memoir.sh"
as_owner() { PGPASSWORD=$MEMOIR_OWNER_PASSWORD "$bin/psql" -h 127.0.0.1 -p "$port" -U memoir_owner -d memoir -XAt -v ON_ERROR_STOP=1 -c "$1"; }
as_app() { PGPASSWORD=$MEMOIR_APP_PASSWORD "$bin/psql" -h 127.0.0.1 -p "$port" -U memoir_app -d memoir -XAt -v ON_ERROR_STOP=1 -c "$1"; }
as_super() { "${as[@]}" "$bin/psql" -h "$work" -p "$port" -U postgres -d memoir -XAt -v ON_ERROR_STOP=1 -c "$1"; }
refused() { if "$@" >"$work/out" 2>&1; then fail "this was allowed: $*"; fi; }

[ "$(as_owner "SELECT count(*) FROM pg_extension WHERE extname = 'vector'")" = 1 ] || fail "no pgvector"
[ "$(as_owner "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'memoir%' AND NOT rolsuper AND NOT rolbypassrls AND NOT rolcreaterole AND NOT rolcreatedb")" = memoir_app,memoir_owner ] || fail "a role may too much"
as_owner "CREATE TABLE notes (tenant_id text, body text, PRIMARY KEY (tenant_id, body)); ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY;
  CREATE POLICY tenant ON notes USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')) WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), ''));
  GRANT SELECT, INSERT ON notes TO memoir_app" >/dev/null || fail "the owner cannot make tables"
refused as_app "CREATE TABLE mine (a int)"
refused as_app "DROP TABLE notes"
refused as_app "ALTER TABLE notes DISABLE ROW LEVEL SECURITY"
refused as_app "CREATE SCHEMA mine"
for tenant in a b; do as_app "BEGIN; SELECT set_config('app.tenant', '$tenant', true); INSERT INTO notes VALUES ('$tenant', 'word-of-$tenant'); COMMIT" >/dev/null; done
[ "$(as_app "SELECT count(*) FROM notes")" = 0 ] || fail "without a tenant there is something to see"

say "backups under row level security"
dump() { PGPASSWORD=$1 "$bin/pg_dump" -h 127.0.0.1 -p "$port" -U "$2" -d memoir --data-only --table notes "${@:3}"; }
refused dump "$MEMOIR_OWNER_PASSWORD" memoir_owner
grep -q 'row-level security' "$work/out" || fail "the owner's dump failed otherwise: $(cat "$work/out")"
[ "$(dump "$MEMOIR_OWNER_PASSWORD" memoir_owner --enable-row-security | grep -c word-of)" = 0 ] || fail "a dump without a tenant had rows"
[ "$(PGOPTIONS='-c app.tenant=a' dump "$MEMOIR_OWNER_PASSWORD" memoir_owner --enable-row-security | grep -c word-of)" = 1 ] || fail "a dump of one tenant"
# The statements of docs/deployment.md, word for word.
backup=$(sed -n '/^CREATE ROLE memoir_backup/,/^```/p' docs/deployment.md | grep -v '^```')
[ -n "$backup" ] || fail "docs/deployment.md has no role for backups"
as_super "${backup//…/backup0123456789}" >/dev/null || fail "the statements of docs/deployment.md"
[ "$(dump backup0123456789 memoir_backup | grep -c word-of)" = 2 ] || fail "the backup is not whole"
refused env PGPASSWORD=backup0123456789 "$bin/psql" -h 127.0.0.1 -p "$port" -U memoir_backup -d memoir -XAt -v ON_ERROR_STOP=1 -c "DELETE FROM notes"
say "a dump of everything comes back"
# The statements of docs/deployment.md, word for word, each by itself: a database is not made in a transaction.
made=0
while read -r statement; do
  as_super "$statement" >/dev/null || fail "docs/deployment.md: $statement"
  made=$((made + 1))
done < <(sed -n '/^CREATE DATABASE memoir_restored/,/^```/p' docs/deployment.md | grep -v '^```')
[ "$made" = 3 ] || fail "docs/deployment.md has no database to restore into"
PGPASSWORD=backup0123456789 "$bin/pg_dump" -Fc -h 127.0.0.1 -p "$port" -U memoir_backup -d memoir -f "$work/dump" || fail "pg_dump -Fc"
chmod 644 "$work/dump"
"${as[@]}" "$bin/pg_restore" --exit-on-error -h "$work" -p "$port" -U postgres -d memoir_restored "$work/dump" || fail "pg_restore"
restored() { "${as[@]}" "$bin/psql" -h "$work" -p "$port" -U postgres -d memoir_restored -XAtc "$1"; }
[ "$(restored "SELECT count(*) FROM notes")" = 2 ] || fail "the restored database is not whole"
[ "$(restored "SELECT relowner::regrole || ' ' || relforcerowsecurity FROM pg_class WHERE relname = 'notes'")" = "memoir_owner true" ] || fail "the restored table is open"
[ "$(restored "SELECT datdba::regrole FROM pg_database WHERE datname = current_database()")" = memoir_owner ] || fail "the restored database is another's"
[ "$(restored "SELECT has_database_privilege('memoir_app', current_database(), 'CONNECT') AND NOT has_database_privilege('memoir_app', current_database(), 'TEMPORARY')")" = t ] || fail "the application's rights on the restored database"
[ "$(restored "SELECT has_table_privilege('memoir_app', 'notes', 'INSERT') AND NOT has_table_privilege('memoir_app', 'notes', 'DELETE')")" = t ] || fail "the application's rights on the restored table"
pass "roles, and backups under row level security"
