#!/usr/bin/env bash
# Fills one queue of a fresh Mamba with durable messages, kills it with SIGKILL, measures how long the restart takes, drains
# the queue in order, and says how much memory the broker ever took.
#
#   tools/bench/backlog.sh [MESSAGES] [BYTES]      default: 5000000 messages of 1024 bytes (about 6 GB of disk)
#
# The run fails on a lost, doubled or reordered message. Everything listens on loopback; the data is in a temporary folder that
# is removed at the end; what this script started it stops, by process id.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
count=${1:-5000000} size=${2:-1024}
bench=$root/tools/bench/bin/Release/net10.0/mamba-bench
mamba=$root/broker/src/Mamba.Broker.Host/bin/Release/net10.0/mamba-broker
work=$(mktemp -d "${TMPDIR:-/tmp}/mamba-backlog.XXXXXX")
pid=''

cleanup() {
    [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

start() { # prints the milliseconds from exec to the ready line
    : >"$work/log"
    local began
    began=$(date +%s%N)
    "$mamba" --amqp 127.0.0.1:0 --console 127.0.0.1:0 --data "$work/data" >"$work/log" 2>&1 &
    pid=$!
    until grep -q '^Ready' "$work/log"; do
        kill -0 "$pid" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
        read -rt 0.01 <> <(:) || true
    done
    ready_ms=$((($(date +%s%N) - began) / 1000000))
    uri=amqp://$(awk '$1 == "AMQP" { print $2; exit }' "$work/log")
}

peak() { awk '$1 == "VmHWM:" { printf "%d MiB", $2 / 1024 }' "/proc/$pid/status"; }

dotnet build "$root/tools/bench" -c Release -v q -nologo -clp:NoSummary >/dev/null
dotnet build "$root/broker/src/Mamba.Broker.Host" -c Release -v q -nologo -clp:NoSummary >/dev/null

echo "$(nproc) cores, $(date -u +%F), $count durable messages of $size bytes"
start
echo "start, empty          $ready_ms ms"
"$bench" send --uri "$uri" --address backlog --count "$count" --size "$size" --durable --timeout 40m --quiet --broker-pid "$pid"
echo "peak resident, fill   $(peak)"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
start
echo "start, $count ready   $ready_ms ms"
"$bench" receive --uri "$uri" --address backlog --count "$count" --size "$size" --durable --timeout 40m --quiet --broker-pid "$pid"
echo "peak resident, drain  $(peak)"
kill "$pid"
wait "$pid"
pid=''
