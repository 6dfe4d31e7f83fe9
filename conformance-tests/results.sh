#!/usr/bin/env bash
# Runs the conformance suite against Mamba and against RabbitMQ on this machine, and writes conformance-tests/RESULTS.md.
#
#   conformance-tests/results.sh [FOLDER]     FOLDER: where the JSON results and HTML reports go (default: a temporary one)
#
# RabbitMQ is Debian's, 3.10.8 on Debian 12, with its plugin rabbitmq_amqp1_0: rabbitmq-server, which this script does not install.
# RabbitMQ 4, whose AMQP 1.0 is new, comes with later Debians. With RABBITMQ4=ROOT, the root of such a system, it is judged too:
#
#   debootstrap --variant=minbase forky /srv/rabbitmq4        (as root; some 520 MB; forky has RabbitMQ 4.3)
#   printf '#!/bin/sh\nexit 101\n' >/srv/rabbitmq4/usr/sbin/policy-rc.d; chmod +x /srv/rabbitmq4/usr/sbin/policy-rc.d
#   chroot /srv/rabbitmq4 apt-get install -y --no-install-recommends rabbitmq-server
#   RABBITMQ4=/srv/rabbitmq4 conformance-tests/results.sh
#
# All brokers listen on loopback, one at a time, and keep their data in temporary folders, which are removed at the end; what this
# script started it stops, by process id. Needs the .NET 10 SDK.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-$(mktemp -d)}
work=$(mktemp -d "${TMPDIR:-/tmp}/mamba-conformance.XXXXXX")
RABBITMQ4=${RABBITMQ4:-}
mamba_pid='' rabbit_launched='' rabbit_data='' epmd_port=''
mkdir -p "$out"

say() { printf '%s\n' "$*" >&2; }

cleanup() {
    [ -z "$mamba_pid" ] || kill "$mamba_pid" 2>/dev/null || true
    stop_rabbit
    rm -rf "$work"
}
trap cleanup EXIT

free_port() {
    local p=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do p=$((p + 1)); done
    echo "$p"
}

wait_for_port() { # PORT: until it accepts, for a minute
    for _ in $(seq 600); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    tail -n 20 "$work"/*.log >&2
    say "nothing listens on port $1; the last words are above"
    exit 1
}

# rabbit NAME ROOT PLUGINS: the suite against a node of our own, which shares nothing with an installed one. ROOT: the root folder of
# the system it is installed in; empty for this one. There the node sees its own /proc and this machine's /dev.
rabbit() {
    local name=$1 root=$2 plugins=$3 port admin home enter=()
    port=$(free_port 15830) admin=$(free_port 15880) epmd_port=$(free_port 14380)
    rabbit_data=$(mktemp -d "$root/tmp/mamba-conformance-rabbitmq.XXXXXX")
    home=${rabbit_data#"$root"}
    mkdir -p "$rabbit_data/db" "$rabbit_data/log"
    : >"$rabbit_data/env.conf"
    echo "[$plugins]." >"$rabbit_data/enabled_plugins"
    printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$port" 'management.tcp.ip = 127.0.0.1' "management.tcp.port = $admin" \
        'log.console = false' 'log.file.level = warning' 'disk_free_limit.absolute = 500MB' >"$rabbit_data/rabbitmq.conf"
    if [ -n "$root" ]; then
        # shellcheck disable=SC2016 # expanded by the shell in the new mount namespace
        enter=(unshare --mount sh -c 'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && exec chroot "$0" "$@"' "$root")
    fi
    setsid "${enter[@]}" env HOME="$home" LC_ALL=C.UTF-8 PATH="/usr/lib/rabbitmq/bin:$PATH" ERL_EPMD_PORT="$epmd_port" ERL_EPMD_ADDRESS=127.0.0.1 \
        RABBITMQ_NODENAME=mamba-conformance@localhost RABBITMQ_DIST_PORT="$((port + 10000))" \
        RABBITMQ_MNESIA_BASE="$home/db" RABBITMQ_LOG_BASE="$home/log" RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" RABBITMQ_PID_FILE="$home/pid" RABBITMQ_CONF_ENV_FILE="$home/env.conf" \
        RABBITMQ_FEATURE_FLAGS_FILE="$home/feature_flags" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' rabbitmq-server >"$work/rabbitmq.log" 2>&1 </dev/null &
    rabbit_launched=$!
    wait_for_port "$port"
    wait_for_port "$admin"
    suite "$name" --uri "amqp://127.0.0.1:$port" --user guest --password guest --adapter rabbitmq \
        --admin "http://guest:guest@127.0.0.1:$admin" --parallel 4
    stop_rabbit
}

stop_rabbit() { # if one runs: in order, and by force after half a minute
    [ -n "$rabbit_launched" ] || return 0
    kill -TERM "-$rabbit_launched" 2>/dev/null || true # started as a process group of its own
    for _ in $(seq 300); do
        kill -0 "-$rabbit_launched" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "-$rabbit_launched" 2>/dev/null || true
    ERL_EPMD_PORT=$epmd_port epmd -kill >/dev/null 2>&1 || true
    rm -rf "$rabbit_data"
    rabbit_launched=''
}

suite() { # NAME ARGS...: a case that fails is a result here, no failure of this script
    local name=$1
    shift
    say "running the suite against $name"
    dotnet run -c Release --no-build --project conformance-tests/Mamba.Amqp.Conformance -- "$@" \
        --name "$name" --json "$out/$name.json" --report "$out/$name.html" | tail -n 1 >&2 || [ "${PIPESTATUS[0]}" = 1 ]
}

say "building (Release)"
for project in broker/src/Mamba.Broker.Host conformance-tests/Mamba.Amqp.Conformance; do
    dotnet build "$project" -c Release -v q -nologo -clp:NoSummary >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
done

mamba=broker/src/Mamba.Broker.Host/bin/Release/net10.0/mamba-broker
amqp=$(free_port 15810) console=$(free_port 15860)
cat >"$work/mamba.json" <<'JSON'
{ "limits": { "maxMessageSize": 1048576, "idleTimeout": "8 s" },
  "links": { "unknownAnnotations": "refuse" },
  "addresses": { "rules": [ { "pattern": "conformance-missing.#", "autoCreate": false } ] } }
JSON
echo 'open sesame' | "$mamba" user add conformance --data "$work/mamba" >/dev/null
"$mamba" --config "$work/mamba.json" --data "$work/mamba" --amqp "127.0.0.1:$amqp" --console "127.0.0.1:$console" >"$work/mamba.log" 2>&1 </dev/null &
mamba_pid=$!
wait_for_port "$amqp"
suite Mamba --uri "amqp://127.0.0.1:$amqp" --anonymous --user conformance --password 'open sesame' --ws "ws://127.0.0.1:$console/amqp" \
    --missing-address conformance-missing.x

kill "$mamba_pid"
mamba_pid=''

rabbit RabbitMQ '' rabbitmq_amqp1_0,rabbitmq_management
compared=("$out/Mamba.json" "$out/RabbitMQ.json")
if [ -n "$RABBITMQ4" ]; then
    rabbit 'RabbitMQ 4' "$RABBITMQ4" rabbitmq_management
    compared+=("$out/RabbitMQ 4.json")
fi

{
    cat conformance-tests/results-preface.md
    dotnet run -c Release --no-build --project conformance-tests/Mamba.Amqp.Conformance -- compare "${compared[@]}" --report "$out/compared.html"
} >conformance-tests/RESULTS.md
say "conformance-tests/RESULTS.md is written; JSON and HTML are in $out"
