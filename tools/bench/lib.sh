# Shared by compare.sh and regress.sh; sourced, not run. It starts brokers on loopback over one temporary folder, runs load
# against them, and stops what it started, by process id, also on Ctrl-C.
#
# The sourcing script sets: name (for messages), RUNS, SCALE, OUT, TIMEOUT, NEUTRAL, MAMBA_ARGS, patterns (array).
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bench=$root/tools/bench/bin/Release/net10.0/mamba-bench
rabbit_bin=${RABBITMQ_BIN:-/usr/lib/rabbitmq/bin}
work='' watched='' failed=0 run=1
declare -A pid_of=() group_of=() port_of=() uri_of=() one_of=() ten_of=() fan_to_of=() fan_from_of=() epmd_of=() started_in=()

say() { printf '%s\n' "$*" >&2; }
die() { say "$name: $*"; exit 1; }

# -------------------------------------------------------------- cleaning up --

begin_work() { # a temporary folder, which is removed at the end
    work=$(mktemp -d "${TMPDIR:-/tmp}/mamba-$name.XXXXXX")
    trap cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    ulimit -n "$(ulimit -Hn)"
}

cleanup() {
    trap '' INT TERM HUP
    [ -z "$watched" ] || kill "$watched" 2>/dev/null || true
    local b
    for b in "${!group_of[@]}"; do stop "$b"; done
    [ -z "$work" ] || rm -rf "$work"
}

watch_it() { # SECONDS COMMAND...: runs it for so long at most; Ctrl-C is seen at once, which a foreground child would delay
    local code=0
    timeout -k 5 "$1" "${@:2}" &
    watched=$!
    wait "$watched" || code=$?
    watched=''
    return "$code"
}

# ---------------------------------------------------------------- building --

build() { # what is measured: the Release build, copied so that nobody replaces it meanwhile
    command -v dotnet >/dev/null || die "needs the .NET 10 SDK (dotnet) on PATH"
    local project
    for project in broker/src/Mamba.Broker.Host tools/bench; do
        say "$name: building $project (Release)"
        watch_it 900 dotnet build "$root/$project" -c Release -v quiet --nologo >"$work/build.log" 2>&1 ||
            { cat "$work/build.log" >&2; die "$project does not build"; }
    done
    cp -r "$root/broker/src/Mamba.Broker.Host/bin/Release/net10.0" "$work/bin-mamba"
    cp -r "$root/tools/bench/bin/Release/net10.0" "$work/bin-bench"
    bench=$work/bin-bench/mamba-bench
}

build_neutral() {
    [ -f "$NEUTRAL/pload.c" ] || die "NEUTRAL=$NEUTRAL has no pload.c: name the folder of the neutral load generator's source"
    command -v cc >/dev/null || die "compiling the neutral generator needs a C compiler: apt-get install gcc libc6-dev"
    say "$name: compiling $NEUTRAL/pload.c"
    cc -O2 -o "$work/pload" "$NEUTRAL/pload.c" -lqpid-proton -lpthread 2>"$work/cc.log" ||
        { tail -n 5 "$work/cc.log" >&2; die "pload.c does not compile: apt-get install libqpid-proton11-dev"; }
    [ ! -f "$NEUTRAL/fsync.c" ] || cc -O2 -o "$work/fsync" "$NEUTRAL/fsync.c" || say "$name: fsync.c does not compile; going on without"
}

need_rabbitmq() {
    [ ! -x "$rabbit_bin/rabbitmq-server" ] || return 0
    say "$name: rabbitmq-server is not installed; installing Debian's"
    # RUNLEVEL=1 keeps the package from starting a broker of its own
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive watch_it 300 apt-get install -y -qq rabbitmq-server >"$work/apt.log" 2>&1 ||
        { tail -n 3 "$work/apt.log" >&2; die "could not install it: run 'apt-get update && apt-get install rabbitmq-server' as root, or leave RabbitMQ out with BROKERS=mamba (BROKERS='mamba forwarder' with NEUTRAL)"; }
    [ -x "$rabbit_bin/rabbitmq-server" ] || die "rabbitmq-server is installed, but not in $rabbit_bin: set RABBITMQ_BIN to its folder"
}

# ----------------------------------------------------------------- brokers --

free_port() { # the first port from $1 on that nobody listens on
    local p=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do p=$((p + 1)); done
    echo "$p"
}

wait_for_port() { # BROKER: until it accepts, or its process is gone, or a minute is over
    local i
    for ((i = 0; i < 3000; i++)); do
        if (exec 3<>"/dev/tcp/127.0.0.1/${port_of[$1]}") 2>/dev/null; then return 0; fi
        kill -0 "${group_of[$1]}" 2>/dev/null || break
        sleep 0.02
    done
    tail -n 20 "$work/$1.log" >&2
    die "$1 did not start; its last words are above"
}

launch() { # BROKER COMMAND...: as a process group of its own, so that all of it can be stopped
    local b=$1
    shift
    setsid "$@" >"$work/$b.log" 2>&1 </dev/null &
    group_of[$b]=$! pid_of[$b]=$!
    wait_for_port "$b"
}

start_mamba() {
    local port
    port=$(free_port 15710)
    port_of[mamba]=$port uri_of[mamba]=amqp://127.0.0.1:$port
    one_of[mamba]=queue://q0 ten_of[mamba]=queue://q%d fan_to_of[mamba]=topic://bench fan_from_of[mamba]=topic://bench
    # shellcheck disable=SC2086 # MAMBA_ARGS is a list of words
    launch mamba "$work/bin-mamba/mamba-broker" --amqp "127.0.0.1:$port" --console "127.0.0.1:$(free_port 15760)" --data "$work/mamba" ${MAMBA_ARGS:-}
}

start_forwarder() {
    local port
    port=$(free_port 15790)
    port_of[forwarder]=$port uri_of[forwarder]=amqp://127.0.0.1:$port
    one_of[forwarder]=q0 ten_of[forwarder]=q%d fan_to_of[forwarder]='' fan_from_of[forwarder]=''
    launch forwarder "$work/pload" listen -p "$port" -t 7200
}

rabbit_env() { # a node of our own, which shares nothing with an installed one
    local home=$work/rabbitmq
    export HOME=$home LC_ALL=C.UTF-8 PATH=$rabbit_bin:$PATH ERL_EPMD_PORT=${epmd_of[rabbitmq]} ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_NODENAME=mamba-compare@localhost RABBITMQ_DIST_PORT=$((port_of[rabbitmq] + 20000))
    export RABBITMQ_MNESIA_BASE=$home/db RABBITMQ_LOG_BASE=$home/log RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf
    export RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins RABBITMQ_PID_FILE=$home/pid RABBITMQ_CONF_ENV_FILE=$home/env.conf
    export RABBITMQ_FEATURE_FLAGS_FILE=$home/feature_flags
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
}

rabbit() (
    rabbit_env
    exec timeout -k 5 60 "$@"
)

start_rabbitmq() {
    local port
    port=$(free_port 15673)
    port_of[rabbitmq]=$port uri_of[rabbitmq]=amqp://guest:guest@127.0.0.1:$port epmd_of[rabbitmq]=$(free_port 14369)
    one_of[rabbitmq]=/amq/queue/q0 ten_of[rabbitmq]=/amq/queue/q%d fan_to_of[rabbitmq]=/exchange/amq.fanout/x fan_from_of[rabbitmq]=/amq/queue/f%d
    mkdir -p "$work/rabbitmq/db" "$work/rabbitmq/log"
    : >"$work/rabbitmq/env.conf"
    echo '[rabbitmq_amqp1_0].' >"$work/rabbitmq/enabled_plugins"
    printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$port" 'log.console = false' 'log.file.level = warning' 'disk_free_limit.absolute = 1GB' \
        >"$work/rabbitmq/rabbitmq.conf"
    (
        rabbit_env
        exec setsid rabbitmq-server
    ) >"$work/rabbitmq.log" 2>&1 </dev/null &
    group_of[rabbitmq]=$! pid_of[rabbitmq]=$!
    wait_for_port rabbitmq
    pid_of[rabbitmq]=$(rabbit rabbitmqctl -q eval 'list_to_integer(os:getpid()).' | tr -d '[:space:]')
}

declare_in_rabbitmq() { # classic durable queues: ten for the rows and ten bound to the fan-out exchange; AMQP 1.0 cannot declare them here
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

start() { # BROKER: over an empty folder
    local began ended
    rm -rf "${work:?}/$1"
    began=$(date +%s%N)
    "start_$1"
    ended=$(date +%s%N)
    started_in[$1]=$(awk -v ns=$((ended - began)) 'BEGIN { printf "%.3f", ns / 1e9 }')
    [ "$1" != rabbitmq ] || declare_in_rabbitmq
    say "$1: pid ${pid_of[$1]}, port ${port_of[$1]}"
}

stop() { # BROKER
    local group=${group_of[$1]:-} i
    [ -n "$group" ] || return 0
    kill "${pid_of[$1]}" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do
        kill -0 "${pid_of[$1]}" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "-$group" 2>/dev/null || true
    wait "$group" 2>/dev/null || true
    if [ -n "${epmd_of[$1]:-}" ]; then ERL_EPMD_PORT=${epmd_of[$1]} timeout 5 epmd -kill >/dev/null 2>&1 || true; fi
    unset "group_of[$1]" "pid_of[$1]" "epmd_of[$1]"
}

recover() { # BROKER ROW: after a failure nobody knows what is left in the broker
    failed=$((failed + 1))
    say "  $2 failed on $1: starting it anew, empty"
    stop "$1"
    start "$1"
}

wait_for_quiet() { # SECONDS at most, until nobody else uses more than half a core for a second; says so when it does not come
    local i ticks before
    for ((i = 0; i < $1; i++)); do
        before=$(busy_ticks)
        sleep 1
        ticks=$(($(busy_ticks) - before))
        [ "$ticks" -gt 50 ] || return 0
    done
    say "$name: others use $ticks % of a core: figures will be noisy"
}

busy_ticks() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat; }

# -------------------------------------------------------------------- rows --

read_patterns() { # "$@", or ROWS with ; between them
    patterns=("$@")
    if [ ${#patterns[@]} -eq 0 ] && [ -n "${ROWS:-}" ]; then IFS=';' read -ra patterns <<<"$ROWS"; fi
}

wanted() { # ROW
    local p
    [ ${#patterns[@]} -eq 0 ] && return 0
    # shellcheck disable=SC2053 # the patterns are patterns
    for p in "${patterns[@]}"; do [[ $1 == $p ]] && return 0; done
    return 1
}

scaled() { # $1 at the scale asked for, ten at least, and a multiple of ten
    local n=$(($1 * SCALE / 1000 * 10))
    echo $((n < 10 ? 10 : n))
}

ours() { # BROKER ROW MODE ARGS...: one run of mamba-bench
    local b=$1 row=$2 mode=$3 code=0
    shift 3
    say "  $row"
    watch_it $((TIMEOUT + 30)) "$bench" "$mode" --uri "${uri_of[$b]}" --broker-pid "${pid_of[$b]}" --label "$b" --row "$row" --run "$run" \
        --json "$OUT" --timeout "${TIMEOUT}s" --quiet "$@" || code=$?
    [ "$code" -ne 2 ] || die "mamba-bench does not know what '$row' asks of it"
    [ "$code" -eq 0 ] || recover "$b" "$row"
}

neutral() { # BROKER ROW ARGS...: one run of the neutral generator, which has no warm-up
    local b=$1 row=$2 login=()
    shift 2
    [ "$b" = rabbitmq ] && login=(-u guest -w guest)
    watch_it $((TIMEOUT + 30)) "$bench" exec --label "$b" --row "$row" --run "$run" --json "$OUT" --broker-pid "${pid_of[$b]}" -- \
        "$work/pload" "$@" "${login[@]}" -h 127.0.0.1 -p "${port_of[$b]}" -t "$TIMEOUT" -j || recover "$b" "$row"
}

value() { # LABEL ROW VALUE UNIT [TOOL]: a figure that no load generator gives
    printf '{"tool":"%s","label":"%s","row":"%s","run":%s,"ok":true,"value":%s,"unit":"%s"}\n' "${5:-mamba-bench}" "$1" "$2" "$run" "$3" "$4" >>"$OUT"
    say "  $2: $3 $4"
}

resident() { awk '$1 == "VmRSS:" { printf "%.1f", $2 / 1024 }' "/proc/${pid_of[$1]}/status"; } # BROKER, in MiB
