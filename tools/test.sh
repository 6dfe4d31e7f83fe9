#!/usr/bin/env bash
# Runs every everyday test of the project: builds, installs what the tests need (and says so), runs them, and ends with
# one line "N passed, N failed". Exit code 0 only if everything built and nothing failed.
#
#   tools/test.sh [--filter EXPRESSION] [PROJECT...]     EXPRESSION as `dotnet test --filter` takes it
#
# Longer campaigns (kill -9, backlog, comparison with RabbitMQ) have their own commands: see README.md.
set -uo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }
fail() { printf '\ntools/test.sh: %s\n' "$*" >&2; echo "0 passed, 1 failed"; exit 1; }

filter=()
projects=()
while [ $# -gt 0 ]; do
  case $1 in
    --filter) [ $# -ge 2 ] || fail "--filter needs an expression"; filter=(--filter "$2"); shift 2 ;;
    -h|--help) sed -n '2,8p' "$0"; exit 0 ;;
    *) projects+=("$1"); shift ;;
  esac
done

command -v dotnet >/dev/null || fail "no 'dotnet' on PATH: install the .NET 10 SDK"

# Debian packages: the foreign clients and the tools that inject faults.
packages=()
/usr/bin/python3 -c 'import proton' 2>/dev/null || packages+=(python3-qpid-proton)
command -v strace >/dev/null || packages+=(strace)
command -v npm >/dev/null || packages+=(nodejs npm)
if [ ${#packages[@]} -gt 0 ]; then
  say "installing Debian packages the tests need: ${packages[*]}"
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  { $sudo apt-get update -q && $sudo apt-get install -y -q --no-install-recommends "${packages[@]}"; } >/tmp/mamba-apt.log 2>&1 \
    || fail "could not install ${packages[*]}: see /tmp/mamba-apt.log; install them by hand and run again"
fi

if [ ! -f tools/.spec/transport.xml ]; then
  say "fetching the AMQP 1.0 specification's XML (npm package amqp10 3.6.0) into tools/.spec"
  work=$(mktemp -d)
  (cd "$work" && npm pack --silent amqp10@3.6.0 >/dev/null && tar xzf amqp10-3.6.0.tgz) || fail "npm could not fetch amqp10@3.6.0"
  mkdir -p tools/.spec && cp "$work"/package/resources/*.xml tools/.spec/ && rm -rf "$work"
fi

if [ -f conformance-tests/rhea/package-lock.json ]; then
  say "installing the rhea client (npm ci in conformance-tests/rhea)"
  (cd conformance-tests/rhea && npm ci --silent --no-audit --no-fund) || fail "npm ci failed in conformance-tests/rhea"
fi

say "building (Release)"
dotnet build Mamba.Amqp.sln -c Release -v q -nologo -clp:NoSummary || fail "the build failed"

results=$(mktemp -d)
status=0
if [ ${#projects[@]} -eq 0 ]; then
  mapfile -t projects < <(find . -name '*.Tests.csproj' -not -path '*/node_modules/*' | sort)
fi
for project in "${projects[@]}"; do
  name=$(basename "$project" .csproj)
  say "$name"
  dotnet test "$project" -c Release --no-build -nologo -v q \
    --logger "trx;LogFileName=$results/$name.trx" --logger "console;verbosity=minimal" "${filter[@]}" || status=1
  [ -f "$results/$name.trx" ] || { [ ${#filter[@]} -gt 0 ] || status=1; }
done

# What failed, once more and last, with its message: a log is often read, or kept, from its end only.
failures=$(grep -l 'outcome="Failed"' "$results"/*.trx 2>/dev/null)
if [ -n "$failures" ]; then
  say "failed tests"
  # shellcheck disable=SC2086  # one file name a word: made above, without blanks
  /usr/bin/python3 tools/failed-tests.py $failures
fi

# The counters of every result file, added up; a test that did not run is not a pass.
read -r passed failed < <(cat "$results"/*.trx 2>/dev/null | grep -o '<Counters [^>]*>' | awk '
  { match($0, /total="[0-9]+"/); t = substr($0, RSTART + 7, RLENGTH - 8)
    match($0, /passed="[0-9]+"/); p = substr($0, RSTART + 8, RLENGTH - 9)
    total += t; passed += p }
  END { print passed + 0, total - passed + 0 }')
rm -rf "$results"
[ "$status" = 0 ] || [ "$failed" -gt 0 ] || failed=1
echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
