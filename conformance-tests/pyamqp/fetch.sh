#!/usr/bin/env bash
# Takes the AMQP stack out of Debian's python3-azure into lib, without installing the package: 12 MB come over the network,
# 1 MB stays, where an installation with what it depends on would take 570 MB.
set -euo pipefail
cd "$(dirname "$0")"
[ ! -d lib/_pyamqp ] || exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
(cd "$work" && { apt-get download -q python3-azure || { $sudo apt-get update -q && apt-get download -q python3-azure; }; })
dpkg-deb --fsys-tarfile "$work"/python3-azure_*.deb | tar -x -C "$work" ./usr/lib/python3/dist-packages/azure/eventhub/_pyamqp
mkdir -p lib
mv "$work/usr/lib/python3/dist-packages/azure/eventhub/_pyamqp" lib/
