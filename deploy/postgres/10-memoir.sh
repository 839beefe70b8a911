#!/usr/bin/env bash
# Runs once, as the superuser, when the database is made: the roles, the database and the one extension. Everything else
# is done by the owner (memoir migrate). docs/deployment.md has the same for a managed database.
set -euo pipefail

psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname postgres <<'SQL'
-- From the environment: on the command line every process of the machine could read them.
\getenv owner_password MEMOIR_OWNER_PASSWORD
\getenv app_password MEMOIR_APP_PASSWORD
-- Neither may step around row level security.
CREATE ROLE memoir_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE memoir_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'app_password';
CREATE DATABASE memoir OWNER memoir_owner;
REVOKE ALL ON DATABASE memoir FROM PUBLIC;
GRANT CONNECT ON DATABASE memoir TO memoir_app;
\connect memoir
CREATE EXTENSION IF NOT EXISTS vector;
SQL
