#!/usr/bin/env bash
# tests/deploy/run.sh [image] [compose] [nginx] [metrics] [postgres]: what is handed out for running Memoir, or the named
# parts. A part whose tools are missing says so; with MEMOIR_DEPLOY_STRICT=1 that is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/deploy/lib.sh

parts=("$@")
[ $# -gt 0 ] || parts=(compose postgres nginx metrics image)
broken=()
for part in "${parts[@]}"; do
  case $part in
    image | compose | nginx | metrics | postgres) ;;
    *)
      echo "usage: tests/deploy/run.sh [image] [compose] [nginx] [metrics] [postgres]" >&2
      exit 64
      ;;
  esac
  case $part in nginx | metrics) build_server ;; esac
  echo "== $part"
  code=0
  "tests/deploy/$part.sh" || code=$?
  case $code in
    0) ;;
    77) [ -z "${MEMOIR_DEPLOY_STRICT:-}" ] || broken+=("$part (not run)") ;;
    *) broken+=("$part") ;;
  esac
done

if [ ${#broken[@]} -gt 0 ]; then
  printf 'broken: %s\n' "${broken[@]}"
  exit 1
fi
