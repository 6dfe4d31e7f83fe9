#!/usr/bin/env bash
# Runs Mamba, RabbitMQ and a forwarder in C in turn on this machine, with the same load, and prints medians, ratios and goals as
# a Markdown table.
#
#   tools/bench/compare.sh [ROW-PATTERN...]     rows whose names match one of the patterns (shell globs); all without one
#
#   RUNS=3          how often each broker is started and measured, in alternation
#   SCALE=100       percent of the usual message counts; SCALE=1 is a functional check that says nothing about speed
#   ROWS=           patterns, as above, with ; between them: ROWS='100 B *;ping-pong*'. The scenarios of many rows are named
#                   'queues by the thousand', 'selectors' and 'growth'
#   BROKERS="mamba rabbitmq forwarder"   which ones; the forwarder, a hop in C without storage, needs NEUTRAL
#   BASE=rabbitmq   what the ratios are against
#   BACKLOG=1000000 messages waiting in the growth scenario's queue (10000000 takes 13 GB of disk and some minutes more)
#   OUT=FILE        results as JSON lines (default: bench-results.jsonl in the current folder; appended to)
#   NEUTRAL=DIR     also drive the load generator whose source is DIR/pload.c (needs cc and libqpid-proton11-dev)
#   MAMBA_ARGS=     further arguments for Mamba
#   TIMEOUT=120     seconds after which one run of one row has failed
#
# The defaults take 20 to 25 minutes on two cores. The forwarder runs beside Mamba, idle while Mamba is measured, so that each
# of its rows follows Mamba's at once. RabbitMQ gets fewer messages, being slower, and is filled in the first run only.
# Everything listens on loopback and keeps its data in one temporary folder, which is removed at the end. What this script
# started it stops, by process id. It installs Debian's rabbitmq-server when it is missing and it may.
set -euo pipefail

name=compare
RUNS=${RUNS:-3} SCALE=${SCALE:-100} BASE=${BASE:-rabbitmq} OUT=${OUT:-$PWD/bench-results.jsonl} TIMEOUT=${TIMEOUT:-120}
NEUTRAL=${NEUTRAL:-} MAMBA_ARGS=${MAMBA_ARGS:-} BACKLOG=${BACKLOG:-1000000}
BROKERS=${BROKERS:-mamba rabbitmq${NEUTRAL:+ forwarder}}
# shellcheck source=tools/bench/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
read_patterns "$@"
lead='' beside=''

count() { # FAST SLOW: RabbitMQ gets the slow count
    if [ "$lead" = rabbitmq ]; then scaled "$2"; else scaled "$1"; fi
}

both_tools() { # ROW MODE COUNT OUR-ARGS -- NEUTRAL-ARGS
    local row=$1 mode=$2 n=$3 mine=()
    shift 3
    wanted "$row" || return 0
    while [ "$1" != -- ]; do mine+=("$1"); shift; done
    shift
    ours "$lead" "$row" "$mode" "${mine[@]}" --count "$n" --warmup $((n / 5))
    [ -n "$NEUTRAL" ] || return 0
    # In turn, so that neither is always the one that comes second.
    local brokers=("$lead") b
    if [ -n "$beside" ]; then
        brokers=("$lead" "$beside")
        if ((run % 2 == 0)); then brokers=("$beside" "$lead"); fi
    fi
    for b in "${brokers[@]}"; do
        neutral "$b" "$row" "$mode" "$@" -n "$n"
    done
}

rows_of_one_queue() {
    local size n one=${one_of[$lead]}
    for size in 100 1024 10240; do
        case $size in # two seconds or so of each
            100) n=$(count 800000 50000) ;;
            1024) n=$(count 500000 50000) ;;
            *) n=$(count 100000 15000) ;;
        esac
        both_tools "$size B settled" both "$n" -a "$one" --size "$size" --settled -- -a "$one" -s "$size" -S
        [ "$size" -gt 1024 ] || both_tools "$size B unsettled" both "$n" -a "$one" --size "$size" -- -a "$one" -s "$size"
        both_tools "$size B durable" both "$n" -a "$one" --size "$size" --durable -- -a "$one" -s "$size" -d
    done
    n=$(count 10000 2500)
    both_tools 'ping-pong settled' pingpong "$n" -a "$one" --size 100 --settled -- -a "$one" -s 100 -S
    both_tools 'ping-pong durable' pingpong "$n" -a "$one" --size 100 --durable -- -a "$one" -s 100 -d
}

rows_of_ten() {
    local n ten=${ten_of[$lead]}
    n=$(count 40000 5000)
    both_tools '10 queues settled' both "$n" -a "$ten" --size 1024 --settled --senders 10 --receivers 10 -- -a "$ten" -s 1024 -S -P 10 -C 10
    both_tools '10 queues durable' both "$n" -a "$ten" --size 1024 --durable --senders 10 --receivers 10 -- -a "$ten" -s 1024 -d -P 10 -C 10
    [ -n "${fan_to_of[$lead]}" ] || return 0
    local to=${fan_to_of[$lead]} and=${fan_from_of[$lead]} was=$beside
    beside='' # the forwarder knows no topics
    both_tools 'fan-out to 10 settled' both "$n" -a "$to" --receive-address "$and" --topic --receivers 10 --size 1024 --settled -- -a "$to" -r "$and" -f -C 10 -s 1024 -S
    both_tools 'fan-out to 10 durable' both "$n" -a "$to" --receive-address "$and" --topic --receivers 10 --size 1024 --durable -- -a "$to" -r "$and" -f -C 10 -s 1024 -d
    beside=$was
}

rows_of_transactions() { # RabbitMQ has none over AMQP 1.0
    local n one=${one_of[mamba]}
    n=$(scaled 50000)
    if wanted 'transactions of 10, durable'; then
        ours mamba 'transactions of 10, durable' both -a "$one" --size 1024 --durable --transaction 10 --count "$n" --warmup $((n / 50 * 10))
    fi
    n=$(scaled 200000)
    if wanted 'transactions of 10, durable, 16 open'; then
        ours mamba 'transactions of 10, durable, 16 open' both -a "$one" --size 1024 --durable --transaction 10 --transactions-open 16 --count "$n" --warmup $((n / 50 * 10))
    fi
    n=$(scaled 20000)
    if wanted 'transactions of 10, durable, 10 producers'; then
        ours mamba 'transactions of 10, durable, 10 producers' both -a "$one" --size 1024 --durable --transaction 10 --senders 10 --count "$n" --warmup $((n / 50 * 10))
    fi
}

rows_of_filling() {
    local n one=${one_of[$lead]}
    n=$(scaled 500000)
    wanted 'fill 1024 B durable' || return 0
    ours "$lead" 'fill 1024 B durable' send -a "$one" --size 1024 --durable --count "$n"
    value "$lead" 'memory when filled' "$(resident "$lead")" MiB
    ours "$lead" 'drain 1024 B durable' receive -a "$one" --size 1024 --durable --count "$n"
}

scenario() { # NAME COMMAND ARGS...: several rows at once, on Mamba alone, each of which the scenario names itself
    local what=$1 code=0
    shift
    wanted "$what" || return 0
    say "  $what"
    watch_it 1800 "$bench" "$1" --uri "${uri_of[mamba]}" --broker-pid "${pid_of[mamba]}" --label mamba --json "$OUT" --quiet "${@:2}" >&2 || code=$?
    [ "$code" -ne 2 ] || die "mamba-bench does not know what '$what' asks of it"
    [ "$code" -eq 0 ] || recover mamba "$what"
}

scenarios() {
    local n
    n=$(scaled 200000)
    if wanted 'queues by the thousand'; then
        stop mamba # memory is weighed on a broker that has done nothing yet
        start mamba
        scenario 'queues by the thousand' queues -a queue://many --settled --rounds 1 --count "$n" \
            --queues "$((SCALE < 10 ? 1000 : 10000))" --active "$((SCALE < 10 ? 100 : 1000))"
    fi
    scenario 'selectors' selectors -a queue://selectors --settled --rounds 1 --count "$n"
    scenario 'growth' growth -a queue://growth --vary backlog --durable --backlog "$(scaled "$BACKLOG")" --count "$n"
    scenario 'growth' growth -a queue://growth --vary consumers,credit,queues --count "$n"
}

disk() { # what one sync of this disk takes, which a durable ping-pong cannot be faster than
    local p50
    [ -x "$work/fsync" ] && wanted 'ping-pong durable' || return 0
    p50=$("$work/fsync" -p -f "$work/fsync.dat" -s 4096 -n 2000 -t 5 | sed -n 's/.* p50=\([0-9]*\)us.*/\1/p')
    rm -f "$work/fsync.dat"
    [ -z "$p50" ] || value disk 'fdatasync of 4 KiB, p50' "$p50" µs fsync
}

rows() {
    local n
    if wanted 'start to accepting'; then value "$lead" 'start to accepting' "${started_in[$lead]}" s; fi
    sleep 3
    value "$lead" 'memory idle' "$(resident "$lead")" MiB
    [ "$lead" != forwarder ] || { rows_of_one_queue; rows_of_ten; return; }
    n=$(scaled 1000)
    if wanted 'idle connection'; then ours "$lead" 'idle connection' hold --connections $((n < 200 ? 200 : n)) --duration 5s; fi
    rows_of_one_queue
    rows_of_ten
    if [ "$lead" = mamba ]; then
        disk
        rows_of_transactions
    fi
    if [ "$lead" = mamba ] || [ "$run" -eq 1 ]; then rows_of_filling; fi
    if [ "$lead" = mamba ]; then scenarios; fi
}

prepare() {
    local b
    for b in $BROKERS; do
        case $b in mamba | rabbitmq | forwarder) ;; *) die "BROKERS knows mamba, rabbitmq and forwarder, not '$b'" ;; esac
    done
    if [[ " $BROKERS " == *" rabbitmq "* ]]; then need_rabbitmq; fi
    if [ -n "$NEUTRAL" ]; then
        build_neutral
    elif [[ " $BROKERS " == *" forwarder "* ]]; then
        die "the forwarder is part of the neutral generator: set NEUTRAL to its folder"
    fi
    build
}

begin_work
prepare
for ((run = 1; run <= RUNS; run++)); do
    for lead in $BROKERS; do
        beside=''
        if [[ " $BROKERS " == *" mamba "* ]]; then
            [ "$lead" != forwarder ] || continue # it was measured beside Mamba
            if [ "$lead" = mamba ] && [[ " $BROKERS " == *" forwarder "* ]]; then beside=forwarder; fi
        fi
        say "run $run of $RUNS: $lead${beside:+, with the $beside beside it}"
        wait_for_quiet 10
        start "$lead"
        [ -z "$beside" ] || start "$beside"
        rows
        stop "$lead"
        [ -z "$beside" ] || stop "$beside"
    done
done
"$bench" report "$OUT" --base "$BASE"
say "$name: results are in $OUT$([ "$failed" -eq 0 ] || echo "; $failed runs failed")"
[ "$failed" -eq 0 ]
