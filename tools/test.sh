#!/usr/bin/env bash
# Runs every everyday test of the project: builds, installs what the tests need (and says so), runs them, and ends with
# one line "N passed, N failed". Exit code 0 only if everything built and nothing failed.
#
#   tools/test.sh [--filter EXPRESSION] [PROJECT...]     EXPRESSION as `dotnet test --filter` takes it
#
# Longer campaigns (kill -9, backlog, comparison with RabbitMQ) have their own commands: see README.md.
set -uo pipefail
readonly MAX_UNSTEADY=3
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
/usr/bin/python3 -c 'import uamqp' 2>/dev/null || packages+=(python3-uamqp)
/usr/bin/python3 -c 'import certifi, typing_extensions' 2>/dev/null || packages+=(python3-certifi python3-typing-extensions)
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || packages+=(rabbitmq-server)
[ -f /usr/include/proton/container.hpp ] || packages+=(libqpid-proton-cpp12-dev)
command -v g++ >/dev/null || packages+=(g++)
command -v make >/dev/null || packages+=(make)
command -v strace >/dev/null || packages+=(strace)
command -v npm >/dev/null || packages+=(nodejs npm)
if [ ${#packages[@]} -gt 0 ]; then
  say "installing Debian packages the tests need: ${packages[*]}"
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  # RUNLEVEL=1: a service that comes with a package is not started; tests start their own.
  { $sudo apt-get update -q && $sudo env RUNLEVEL=1 apt-get install -y -q --no-install-recommends "${packages[@]}"; } >/tmp/mamba-apt.log 2>&1 \
    || fail "could not install ${packages[*]}: see /tmp/mamba-apt.log; install them by hand and run again"
fi

if [ ! -f tools/.spec/transport.xml ]; then
  say "fetching the AMQP 1.0 specification's XML (npm package amqp10 3.6.0) into tools/.spec"
  work=$(mktemp -d)
  (cd "$work" && npm pack --silent amqp10@3.6.0 >/dev/null && tar xzf amqp10-3.6.0.tgz) || fail "npm could not fetch amqp10@3.6.0"
  mkdir -p tools/.spec && cp "$work"/package/resources/*.xml tools/.spec/ && rm -rf "$work"
fi

for clients in rhea node-clients; do
  say "installing clients from npm (npm ci in conformance-tests/$clients)"
  (cd "conformance-tests/$clients" && npm ci --silent --no-audit --no-fund) || fail "npm ci failed in conformance-tests/$clients"
done

if [ ! -d conformance-tests/pyamqp/lib/_pyamqp ]; then
  say "fetching the AMQP stack of Azure's clients for Python out of a Debian package (conformance-tests/pyamqp/fetch.sh)"
  conformance-tests/pyamqp/fetch.sh >/tmp/mamba-fetch.log 2>&1 || fail "python3-azure could not be fetched: see /tmp/mamba-fetch.log"
fi

say "compiling the cases on Proton for C++ (make in conformance-tests/proton-cpp)"
make -s -C conformance-tests/proton-cpp || fail "the cases on Proton for C++ could not be compiled"

say "building (Release)"
dotnet build Mamba.Amqp.sln -c Release -v q -nologo -clp:NoSummary || fail "the build failed"

results=$(mktemp -d)
status=0
if [ ${#projects[@]} -eq 0 ]; then
  mapfile -t projects < <(find . -name '*.Tests.csproj' -not -path '*/node_modules/*' | sort)
fi

# One project's tests, with the results in a file of the given folder; further arguments go to `dotnet test`.
run() {
  local project=$1 folder=$2; shift 2
  dotnet test "$project" -c Release --no-build -nologo -v q \
    --logger "trx;LogFileName=$folder/$(basename "$project" .csproj).trx" --logger "console;verbosity=minimal" "$@"
}

# "passed failed" of result files, added up; a test that did not run is not a pass.
count() {
  cat "$@" 2>/dev/null | grep -o '<Counters [^>]*>' | awk '
    { match($0, /total="[0-9]+"/); t = substr($0, RSTART + 7, RLENGTH - 8)
      match($0, /passed="[0-9]+"/); p = substr($0, RSTART + 8, RLENGTH - 9)
      total += t; passed += p }
    END { print passed + 0, total - passed + 0 }'
}

for project in "${projects[@]}"; do
  name=$(basename "$project" .csproj)
  say "$name"
  run "$project" "$results" "${filter[@]}" || {
    status=1
    # Broken off, as by a crash of the test host: what did not get its turn is in no count.
    read -r _ failed < <(count "$results/$name.trx")
    if [ "$failed" = 0 ] || grep -q 'test run was aborted' "$results/$name.trx" 2>/dev/null; then lost=1; fi
  }
  [ -f "$results/$name.trx" ] || [ ${#filter[@]} -gt 0 ] || { status=1; lost=1; }
done
read -r passed failed < <(count "$results"/*.trx)

# What failed, once more and last, with its message: a log is often read, or kept, from its end only.
if [ "$failed" -gt 0 ]; then
  say "failed tests"
  /usr/bin/python3 tools/failed-tests.py "$results"/*.trx
fi

# A few failures are run a second time, so that an unsteady test is told from a broken one. It is named either way: unsteady is a
# fault too, of the test or of the broker, to be mended from the message above.
if [ "$failed" -gt 0 ] && [ "$failed" -le "$MAX_UNSTEADY" ] && [ -z "${lost:-}" ]; then
  mkdir "$results/again"
  for project in "${projects[@]}"; do
    again=$(/usr/bin/python3 tools/failed-tests.py --filter "$results/$(basename "$project" .csproj).trx" 2>/dev/null)
    [ -z "$again" ] || { say "a second time: $again"; run "$project" "$results/again" --filter "$again"; }
  done
  read -r passed_again failed_again < <(count "$results/again"/*.trx)
  if [ "$failed_again" = 0 ] && [ "$passed_again" -ge "$failed" ]; then
    say "UNSTEADY: $failed of the tests passed only when run a second time; their first failures are above"
    passed=$((passed + failed)); failed=0; status=0
  fi
fi
rm -rf "$results"
[ "$status" = 0 ] || [ "$failed" -gt 0 ] || failed=1
echo
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
