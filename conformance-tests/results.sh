#!/usr/bin/env bash
# Runs the conformance suite against Mamba and against Debian's RabbitMQ on this machine, and writes conformance-tests/RESULTS.md.
#
#   conformance-tests/results.sh [FOLDER]     FOLDER: where the JSON results and HTML reports go (default: a temporary one)
#
# Both brokers listen on loopback and keep their data in a temporary folder, which is removed at the end; what this script started
# it stops, by process id. Needs the .NET 10 SDK, and rabbitmq-server, which it does not install.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${1:-$(mktemp -d)}
work=$(mktemp -d "${TMPDIR:-/tmp}/mamba-conformance.XXXXXX")
bin=/usr/lib/rabbitmq/bin
mamba_pid='' rabbit_launched=''
mkdir -p "$out"

say() { printf '%s\n' "$*" >&2; }

cleanup() {
    [ -z "$mamba_pid" ] || kill "$mamba_pid" 2>/dev/null || true
    if [ -n "$rabbit_launched" ]; then
        (rabbit_env; timeout 30 rabbitmqctl -q stop >/dev/null 2>&1 || true; epmd -kill >/dev/null 2>&1 || true)
        kill -9 "-$rabbit_launched" 2>/dev/null || true # started as a process group of its own
    fi
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

rabbit_env() { # a node of our own, which shares nothing with an installed one
    local home=$work/rabbitmq
    export HOME=$home LC_ALL=C.UTF-8 PATH=$bin:$PATH ERL_EPMD_PORT=$epmd_port ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_NODENAME=mamba-conformance@localhost RABBITMQ_DIST_PORT=$((rabbit_port + 20000))
    export RABBITMQ_MNESIA_BASE=$home/db RABBITMQ_LOG_BASE=$home/log RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf
    export RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins RABBITMQ_PID_FILE=$home/pid RABBITMQ_CONF_ENV_FILE=$home/env.conf
    export RABBITMQ_FEATURE_FLAGS_FILE=$home/feature_flags
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
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
  "addresses": { "rules": [ { "pattern": "conformance-missing.#", "autoCreate": false } ] } }
JSON
echo 'open sesame' | "$mamba" user add conformance --data "$work/mamba" >/dev/null
"$mamba" --config "$work/mamba.json" --data "$work/mamba" --amqp "127.0.0.1:$amqp" --console "127.0.0.1:$console" >"$work/mamba.log" 2>&1 </dev/null &
mamba_pid=$!
wait_for_port "$amqp"
suite Mamba --uri "amqp://127.0.0.1:$amqp" --anonymous --user conformance --password 'open sesame' --ws "ws://127.0.0.1:$console/amqp" \
    --missing-address conformance-missing.x

rabbit_port=$(free_port 15830) admin=$(free_port 15880) epmd_port=$(free_port 14380)
mkdir -p "$work/rabbitmq/db" "$work/rabbitmq/log"
: >"$work/rabbitmq/env.conf"
echo '[rabbitmq_amqp1_0,rabbitmq_management].' >"$work/rabbitmq/enabled_plugins"
printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$rabbit_port" 'management.tcp.ip = 127.0.0.1' "management.tcp.port = $admin" \
    'log.console = false' 'log.file.level = warning' 'disk_free_limit.absolute = 500MB' >"$work/rabbitmq/rabbitmq.conf"
(
    rabbit_env
    exec setsid rabbitmq-server
) >"$work/rabbitmq.log" 2>&1 </dev/null &
rabbit_launched=$!
wait_for_port "$rabbit_port"
wait_for_port "$admin"
suite RabbitMQ --uri "amqp://127.0.0.1:$rabbit_port" --user guest --password guest --adapter rabbitmq \
    --admin "http://guest:guest@127.0.0.1:$admin" --parallel 4

{
    cat conformance-tests/results-preface.md
    dotnet run -c Release --no-build --project conformance-tests/Mamba.Amqp.Conformance -- compare "$out/Mamba.json" "$out/RabbitMQ.json"
} >conformance-tests/RESULTS.md
say "conformance-tests/RESULTS.md is written; JSON and HTML are in $out"
