#!/usr/bin/env bash
# Fills one queue of a fresh Mamba with durable messages, drains it in order, and says how much memory the broker ever took.
# Then fills it with RESTART messages, kills the broker with SIGKILL, measures how long the restart takes, and drains again.
#
#   tools/bench/backlog.sh [MESSAGES] [BYTES] [RESTART]     default: 5000000 messages of 1024 bytes (6 GB of disk), 1000000
#
# The run fails on a lost, doubled or reordered message. Everything listens on loopback; the data is in a temporary folder that
# is removed at the end; what this script started it stops, by process id.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
count=${1:-5000000} size=${2:-1024} restart=${3:-1000000}
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

load() { # MODE COUNT
    "$bench" "$1" --uri "$uri" --address backlog --count "$2" --size "$size" --durable --timeout 40m --quiet --broker-pid "$pid"
}

echo "$(nproc) cores, $(date -u +%F), durable messages of $size bytes"
start
echo "-- start, empty: $ready_ms ms"
load send "$count"
echo "-- $count stored: peak resident $(peak)"
load receive "$count"
echo "-- and drained: peak resident $(peak)"
load send "$restart"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
start
echo "-- killed, restarted with $restart ready: $ready_ms ms"
load receive "$restart"
echo "-- and drained: peak resident $(peak)"
kill "$pid"
wait "$pid"
pid=''
