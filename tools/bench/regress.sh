#!/usr/bin/env bash
# The benchmark job, apart from CI: has Mamba become slower? Drives Mamba and a forwarder in C, which does nothing but pass
# messages on, in alternation with the neutral load generator, and compares the ratio of their rates, row by row, with the
# recorded one. Exit code 1, with the row's name, the recorded ratio and today's, when one fell by more than 15 %.
#
#   NEUTRAL=DIR tools/bench/regress.sh              compares with tools/bench/recorded.json
#   NEUTRAL=DIR tools/bench/regress.sh --record     writes that file: the rows, and the conditions they were measured under
#
#   NEUTRAL=DIR     the folder of the neutral generator (pload.c, on Qpid Proton's C library); needs cc and libqpid-proton11-dev
#   RUNS=5          alternations; a row's ratio is the median of the ratios of its pairs
#   ROWS=           only rows that match one of these patterns, with ; between them: ROWS='100 B *;10 queues*'
#   SCALE=100       percent of the usual message counts
#   TOLERANCE=15    percent by which a ratio may fall
#   RECORDED=FILE   instead of tools/bench/recorded.json
#   OUT=FILE        results as JSON lines (default: a temporary file, which is removed)
#   MAMBA_ARGS=     further arguments for Mamba
#
# The defaults take some 7 minutes on two cores. Rows that fell are measured again, with as many runs, before they count: one
# noisy neighbour is no regression. Record on the machine that compares: a ratio depends on the machine far less than a rate
# does, but durable rows also on its disk. Everything listens on loopback; what this script started it stops, by process id.
set -euo pipefail

name=regress
RUNS=${RUNS:-5} SCALE=${SCALE:-100} TIMEOUT=${TIMEOUT:-60} TOLERANCE=${TOLERANCE:-15}
NEUTRAL=${NEUTRAL:-} MAMBA_ARGS=${MAMBA_ARGS:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RECORDED=${RECORDED:-$here/recorded.json}
# shellcheck source=tools/bench/lib.sh
. "$here/lib.sh"
record=''
case ${1:-} in
    --record) record=1 ;;
    '') ;;
    *) sed -n '2,/^set -euo/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//' >&2; exit 2 ;;
esac
read_patterns
if [ -z "$NEUTRAL" ]; then
    die "NEUTRAL is not set. This job needs the neutral load generator and forwarder, which are not part of this repository:
    NEUTRAL=<folder with pload.c> tools/bench/regress.sh
Without it, tools/bench/compare.sh compares Mamba with RabbitMQ, with Mamba's own generator."
fi
if [ -z "$record" ] && [ ! -f "$RECORDED" ]; then
    die "nothing is recorded in $RECORDED: run '$0 --record' on the version to compare with"
fi

pair() { # ROW MODE COUNT NEUTRAL-ARGS: one run on each, by turns the one or the other first
    local row=$1 mode=$2 n b order='mamba forwarder'
    n=$(scaled "$3")
    shift 3
    wanted "$row" || return 0
    say "  $row"
    if ((run % 2 == 0)); then order='forwarder mamba'; fi
    for b in $order; do neutral "$b" "$row" "$mode" -n "$n" "$@"; done
}

warm_up() { # both kinds of messages, so that Mamba's code is compiled as it is after a while; the forwarder's always is
    local kind
    for kind in -S -d '' -S; do
        # shellcheck disable=SC2086 # no kind is no argument
        watch_it 60 "$work/pload" both -a warm-up -s 1024 -n "$(scaled 200000)" $kind -h 127.0.0.1 -p "${port_of[mamba]}" -t 50 >/dev/null ||
            die "Mamba does not get through the warm-up: $(tail -n 3 "$work/mamba.log")"
    done
    sleep 2 # what is compiled in the background is done by then
}

one_run() {
    local size n
    wait_for_quiet 20
    start mamba
    start forwarder
    warm_up
    for size in 100 1024 10240; do
        case $size in 100) n=1000000 ;; 1024) n=600000 ;; *) n=100000 ;; esac # two seconds or so of each
        pair "$size B settled" both "$n" -a q0 -s "$size" -S
        [ "$size" -gt 1024 ] || pair "$size B unsettled" both "$n" -a q0 -s "$size"
        pair "$size B durable" both "$n" -a q0 -s "$size" -d
    done
    pair 'ping-pong settled' pingpong 10000 -a q0 -s 100 -S
    pair 'ping-pong durable' pingpong 5000 -a q0 -s 100 -d
    pair '10 queues settled' both 60000 -a q%d -s 1024 -S -P 10 -C 10
    pair '10 queues durable' both 60000 -a q%d -s 1024 -d -P 10 -C 10
    stop mamba
    stop forwarder
}

runs() { # FIRST LAST
    for ((run = $1; run <= $2; run++)); do
        say "run $run of $2"
        one_run
    done
}

compare() { # further arguments
    local rows=()
    [ ${#asked[@]} -eq 0 ] || rows=(--rows "${asked[@]}")
    "$bench" compare "$OUT" --recorded "$RECORDED" --tolerance "$TOLERANCE" "${rows[@]}" "$@"
}

begin_work
OUT=${OUT:-$work/results.jsonl}
asked=("${patterns[@]}")
build_neutral
build
runs 1 "$RUNS"
if [ -n "$record" ]; then
    compare --record --version-name "$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)"
    exit
fi
code=0
compare --failing "$work/failing" || code=$?
if [ "$code" -eq 1 ] && [ -s "$work/failing" ]; then
    mapfile -t patterns <"$work/failing"
    say "$name: measuring again: $(paste -sd ';' "$work/failing")"
    runs $((RUNS + 1)) $((2 * RUNS))
    code=0
    compare || code=$?
fi
exit "$code"
