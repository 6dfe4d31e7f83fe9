#!/usr/bin/env bash
# Runs Mamba and RabbitMQ in turn on this machine, with the same load, and prints medians and ratios as a Markdown table.
#
#   tools/bench/compare.sh [ROW-PATTERN...]     rows whose names match one of the patterns (shell globs); all without one
#
#   RUNS=3          how often each broker is started and measured, in alternation
#   SCALE=100       percent of the usual message counts; SCALE=1 is a functional check that says nothing about speed
#   BROKERS="mamba rabbitmq"   also: forwarder (with NEUTRAL): a hop in C without storage, what the clients alone allow
#   BASE=rabbitmq   what the ratios are against
#   OUT=FILE        results as JSON lines (default: bench-results.jsonl in the current folder; appended to)
#   NEUTRAL=DIR     also drive the load generator whose source is DIR/pload.c (needs cc and libqpid-proton-dev)
#   MAMBA_ARGS=     further arguments for Mamba
#   TIMEOUT=120     seconds after which one run of one row has failed
#
# Everything listens on loopback and keeps its data in one temporary folder, which is removed at the end. What this script
# started it stops, by process id. It installs Debian's rabbitmq-server when it is missing and it may.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
RUNS=${RUNS:-3} SCALE=${SCALE:-100} BASE=${BASE:-rabbitmq} OUT=${OUT:-$PWD/bench-results.jsonl} TIMEOUT=${TIMEOUT:-120}
NEUTRAL=${NEUTRAL:-} MAMBA_ARGS=${MAMBA_ARGS:-}
BROKERS=${BROKERS:-mamba rabbitmq${NEUTRAL:+ forwarder}}
patterns=("$@")
work=$(mktemp -d "${TMPDIR:-/tmp}/mamba-compare.XXXXXX")
bench=$root/tools/bench/bin/Release/net10.0/mamba-bench
mamba=$root/broker/src/Mamba.Broker.Host/bin/Release/net10.0/mamba-broker
rabbit_bin=/usr/lib/rabbitmq/bin
pid='' port='' launched='' epmd_port='' broker='' failed=0

say() { printf '%s\n' "$*" >&2; }
die() { say "compare: $*"; exit 1; }

# ---------------------------------------------------------------- brokers --

free_port() { # the first port from $1 on that nobody listens on
    local p=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do p=$((p + 1)); done
    echo "$p"
}

wait_for_port() { # until it accepts, or the process that was launched is gone, or a minute is over
    local i
    for ((i = 0; i < 3000; i++)); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return 0; fi
        kill -0 "$launched" 2>/dev/null || break
        sleep 0.02
    done
    tail -n 20 "$work/$broker.log" >&2
    die "$broker did not start; its last words are above"
}

start_mamba() {
    port=$(free_port 15710)
    # shellcheck disable=SC2086 # MAMBA_ARGS is a list of words
    setsid "$mamba" --amqp "127.0.0.1:$port" --console "127.0.0.1:$(free_port 15760)" --data "$work/mamba" $MAMBA_ARGS >"$work/mamba.log" 2>&1 </dev/null &
    launched=$!
    wait_for_port
    pid=$launched
}

rabbit_env() { # a node of our own, which shares nothing with an installed one
    local home=$work/rabbitmq
    export HOME=$home LC_ALL=C.UTF-8 PATH=$rabbit_bin:$PATH ERL_EPMD_PORT=$epmd_port ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_NODENAME=mamba-compare@localhost RABBITMQ_DIST_PORT=$((port + 20000))
    export RABBITMQ_MNESIA_BASE=$home/db RABBITMQ_LOG_BASE=$home/log RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf
    export RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins RABBITMQ_PID_FILE=$home/pid RABBITMQ_CONF_ENV_FILE=$home/env.conf
    export RABBITMQ_FEATURE_FLAGS_FILE=$home/feature_flags
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
}

rabbit() (
    rabbit_env
    "$@"
)

start_rabbitmq() {
    port=$(free_port 15673) epmd_port=$(free_port 14369)
    mkdir -p "$work/rabbitmq/db" "$work/rabbitmq/log"
    : >"$work/rabbitmq/env.conf"
    echo '[rabbitmq_amqp1_0].' >"$work/rabbitmq/enabled_plugins"
    printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$port" 'log.console = false' 'log.file.level = warning' 'disk_free_limit.absolute = 1GB' \
        >"$work/rabbitmq/rabbitmq.conf"
    (
        rabbit_env
        exec setsid rabbitmq-server
    ) >"$work/rabbitmq.log" 2>&1 </dev/null &
    launched=$!
    pid=$launched
    wait_for_port
    pid=$(rabbit rabbitmqctl -q eval 'list_to_integer(os:getpid()).' | tr -d '[:space:]')
    # Classic durable queues, ten for the rows and ten bound to the fan-out exchange. AMQP 1.0 cannot declare them here.
    rabbit rabbitmqctl -q eval '
        Queue = fun(Name) -> rabbit_misc:r(<<"/">>, queue, iolist_to_binary(Name)) end,
        Declare = fun(Name) -> rabbit_amqqueue:declare(Queue(Name), true, false, [], none, <<"bench">>) end,
        [Declare(["q", integer_to_list(I)]) || I <- lists:seq(0, 9)],
        [begin
            Declare(["f", integer_to_list(I)]),
            rabbit_binding:add({binding, rabbit_misc:r(<<"/">>, exchange, <<"amq.fanout">>), <<>>, Queue(["f", integer_to_list(I)]), []}, <<"bench">>)
         end || I <- lists:seq(0, 9)],
        ok.' >/dev/null
}

start_forwarder() {
    port=$(free_port 15790)
    setsid "$work/pload" listen -p "$port" -t 86400 >"$work/forwarder.log" 2>&1 </dev/null &
    launched=$!
    wait_for_port
    pid=$launched
}

start() { # starts $1 over an empty folder; sets pid, port and addresses
    local began ended
    broker=$1
    rm -rf "${work:?}/$broker"
    began=$(date +%s%N)
    "start_$broker"
    ended=$(date +%s%N)
    started=$(awk -v ns=$((ended - began)) 'BEGIN { printf "%.3f", ns / 1e9 }')
    case $broker in
        rabbitmq) uri=amqp://guest:guest@127.0.0.1:$port one=/amq/queue/q0 ten=/amq/queue/q%d fan_to=/exchange/amq.fanout/x fan_from=/amq/queue/f%d ;;
        mamba) uri=amqp://127.0.0.1:$port one=queue://q0 ten=queue://q%d fan_to=topic://bench fan_from=topic://bench ;;
        forwarder) uri=amqp://127.0.0.1:$port one=q0 ten=q%d fan_to='' fan_from='' ;;
    esac
    say "$broker: pid $pid, port $port"
}

stop() {
    [ -n "$launched" ] || return 0
    kill "$pid" 2>/dev/null || true
    local i
    for ((i = 0; i < 300; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "-$launched" 2>/dev/null || true # each was started as a process group of its own
    wait "$launched" 2>/dev/null || true
    if [ -n "$epmd_port" ]; then ERL_EPMD_PORT=$epmd_port epmd -kill >/dev/null 2>&1 || true; fi
    pid='' launched='' epmd_port=''
}

cleanup() {
    stop
    rm -rf "$work"
}

# ------------------------------------------------------------------- rows --

count() { # $1 at the scale asked for, ten at least, and a multiple of ten
    local n=$(($1 * SCALE / 1000 * 10))
    echo $((n < 10 ? 10 : n))
}

wanted() {
    local p
    [ ${#patterns[@]} -eq 0 ] && return 0
    # shellcheck disable=SC2053 # the patterns are patterns
    for p in "${patterns[@]}"; do [[ $1 == $p ]] && return 0; done
    return 1
}

value() { # ROW VALUE UNIT: a figure that no load generator gives
    wanted "$1" || return 0
    printf '{"tool":"mamba-bench","label":"%s","row":"%s","ok":true,"value":%s,"unit":"%s"}\n' "$broker" "$1" "$2" "$3" >>"$OUT"
    say "  $1: $2 $3"
}

recover() { # after a failure nobody knows what is left in the broker
    failed=$((failed + 1))
    say "  $1 failed on $broker: starting it anew, empty"
    stop
    start "$broker"
}

row() { # ROW MODE ARGS...: one run of our own generator
    local name=$1 mode=$2 code=0
    shift 2
    wanted "$name" || return 0
    say "  $name"
    timeout $((TIMEOUT + 30)) "$bench" "$mode" --uri "$uri" --broker-pid "$pid" --label "$broker" --row "$name" --json "$OUT" --timeout "${TIMEOUT}s" --quiet "$@" || code=$?
    [ "$code" -ne 2 ] || die "bench does not know what '$name' asks of it"
    [ "$code" -eq 0 ] || recover "$name"
}

neutral() { # ROW ARGS...: one run of the neutral generator, which has no warm-up
    local name=$1 login=()
    shift
    if [ -z "$NEUTRAL" ] || ! wanted "$name"; then return 0; fi
    [ "$broker" = rabbitmq ] && login=(-u guest -w guest)
    timeout $((TIMEOUT + 30)) "$bench" exec --label "$broker" --row "$name" --json "$OUT" --broker-pid "$pid" -- \
        "$work/pload" "$@" "${login[@]}" -h 127.0.0.1 -p "$port" -t "$TIMEOUT" -j || recover "$name"
}

resident() { awk '$1 == "VmRSS:" { printf "%.1f", $2 / 1024 }' "/proc/$pid/status"; }

rows() {
    local size n
    value 'start to accepting' "$started" s
    sleep 3
    value 'memory idle' "$(resident)" MiB
    if [ "$broker" != forwarder ]; then
        n=$(count 1000)
        row 'idle connection' hold --connections $((n < 200 ? 200 : n)) --duration 5s
    fi
    for size in 100 1024 10240; do
        n=$(count $((size > 1024 ? 30000 : 100000)))
        row "$size B settled" both -a "$one" --size "$size" --settled --count "$n" --warmup $((n / 5))
        neutral "$size B settled" both -a "$one" -s "$size" -S -n "$n"
        row "$size B durable" both -a "$one" --size "$size" --durable --count "$n" --warmup $((n / 5))
        neutral "$size B durable" both -a "$one" -s "$size" -d -n "$n"
    done
    n=$(count 5000)
    row 'ping-pong settled' pingpong -a "$one" --size 100 --settled --count "$n" --warmup $((n / 5))
    neutral 'ping-pong settled' pingpong -a "$one" -s 100 -S -n "$n"
    row 'ping-pong durable' pingpong -a "$one" --size 100 --durable --count "$n" --warmup $((n / 5))
    neutral 'ping-pong durable' pingpong -a "$one" -s 100 -d -n "$n"
    n=$(count 10000)
    row '10 queues settled' both -a "$ten" --size 1024 --settled --senders 10 --receivers 10 --count "$n" --warmup $((n / 5))
    neutral '10 queues settled' both -a "$ten" -s 1024 -S -P 10 -C 10 -n "$n"
    row '10 queues durable' both -a "$ten" --size 1024 --durable --senders 10 --receivers 10 --count "$n" --warmup $((n / 5))
    neutral '10 queues durable' both -a "$ten" -s 1024 -d -P 10 -C 10 -n "$n"
    if [ -n "$fan_to" ]; then
        row 'fan-out to 10 settled' both -a "$fan_to" --receive-address "$fan_from" --topic --receivers 10 --size 1024 --settled --count "$n" --warmup $((n / 5))
        neutral 'fan-out to 10 settled' both -a "$fan_to" -r "$fan_from" -f -C 10 -s 1024 -S -n "$n"
        row 'fan-out to 10 durable' both -a "$fan_to" --receive-address "$fan_from" --topic --receivers 10 --size 1024 --durable --count "$n" --warmup $((n / 5))
        neutral 'fan-out to 10 durable' both -a "$fan_to" -r "$fan_from" -f -C 10 -s 1024 -d -n "$n"
    fi
    if [ "$broker" = mamba ]; then # RabbitMQ has no transactions over AMQP 1.0
        n=$(count 50000)
        row 'transactions of 10, durable' both -a "$one" --size 1024 --durable --transaction 10 --count "$n" --warmup $((n / 50 * 10))
    fi
    if [ "$broker" != forwarder ]; then
        n=$(count 500000)
        row 'fill 1024 B durable' send -a "$one" --size 1024 --durable --count "$n"
        wanted 'fill 1024 B durable' && value 'memory when filled' "$(resident)" MiB
        row 'drain 1024 B durable' receive -a "$one" --size 1024 --durable --count "$n"
    fi
}

# ------------------------------------------------------------------- main --

prepare() {
    command -v dotnet >/dev/null || die "needs the .NET 10 SDK"
    say "compare: building Mamba and bench (Release)"
    local project
    for project in broker/src/Mamba.Broker.Host tools/bench; do
        dotnet build "$root/$project" -c Release -v quiet --nologo >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; die "$project does not build"; }
    done
    if [[ " $BROKERS " == *" rabbitmq "* && ! -x $rabbit_bin/rabbitmq-server ]]; then
        say "compare: installing Debian's rabbitmq-server"
        # RUNLEVEL=1 keeps the package from starting a broker of its own
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq rabbitmq-server >"$work/apt.log" 2>&1 ||
            { tail -n 5 "$work/apt.log" >&2; die "could not install rabbitmq-server: install it, or set BROKERS=mamba"; }
    fi
    if [ -n "$NEUTRAL" ]; then
        say "compare: compiling $NEUTRAL/pload.c"
        cc -O2 -o "$work/pload" "$NEUTRAL/pload.c" -lqpid-proton -lpthread || die "pload.c does not compile: apt-get install libqpid-proton11-dev, or unset NEUTRAL"
    elif [[ " $BROKERS " == *" forwarder "* ]]; then
        die "the forwarder is part of the neutral generator: set NEUTRAL to its folder"
    fi
}

trap cleanup EXIT
trap 'exit 130' INT TERM
prepare
ulimit -n "$(ulimit -Hn)"
for ((run = 1; run <= RUNS; run++)); do
    for name in $BROKERS; do
        say "run $run of $RUNS: $name"
        start "$name"
        rows
        stop
    done
done
"$bench" report "$OUT" --base "$BASE"
say "compare: results are in $OUT$([ "$failed" -eq 0 ] || echo "; $failed runs failed")"
[ "$failed" -eq 0 ]
