#!/usr/bin/env bash
# Builds the images, starts the cluster of compose.yaml with the profiles tls and monitoring, and proves it
# with real clients (container_test.py): container-test.sh [--clients N] [TEST…]. N are there while edges
# come and go; the figures of docs/CONTAINERS.md have 2,000. TEST is a part of a test's name.
# Pulls nothing: the base image is made with debootstrap from the mirror that this machine's apt uses,
# HAProxy and Prometheus are Debian's, and Grafana, which Debian does not have, is left out. Needs root;
# ends whatever it started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ "$(id -u)" != 0 ]; then
    exec sudo "$PWD/${BASH_SOURCE[0]##*/}" "$@"
fi

suite=bookworm
haproxy_image=splitrail-haproxy-debian:$suite
prometheus_image=splitrail-prometheus-debian:$suite
export CLIENTS=48
compose=(docker-compose -f compose.yaml -p splitrail-test)
work=$(mktemp -d)
engine_pid=
child=
compose_started=

die() {
    printf 'container-test: %s\n' "$*" >&2
    exit 1
}

say() {
    printf '%4d s  %s\n' "$SECONDS" "$*"
}

# within SECONDS COMMAND…: waited for in a way that a signal to this script interrupts.
within() {
    timeout -k 10 "$@" </dev/null &
    child=$!
    local status=0
    wait "$child" || status=$?
    child=
    return $status
}

# bounded SECONDS COMMAND…: quiet when all is well, the end of its output when not.
bounded() {
    within "$@" >"$work/log" 2>&1 || {
        tail -n 40 "$work/log" >&2
        die "failed: ${*:2}"
    }
}

package_missing() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" != installed ]
}

install_missing() {
    local missing=() p
    command -v dockerd >/dev/null || missing+=(docker.io)
    for p in docker-compose debootstrap iptables openssl python3 python3-websockets; do
        if package_missing "$p"; then
            missing+=("$p")
        fi
    done
    if [ ${#missing[@]} -gt 0 ]; then
        say "installing ${missing[*]}"
        export DEBIAN_FRONTEND=noninteractive
        bounded 120 apt-get update -qq
        bounded 300 apt-get install -y -qq --no-install-recommends "${missing[@]}"
    fi
}

# --- the engine -----------------------------------------------------------------------------------

engine_answers() {
    timeout 10 docker info >/dev/null 2>&1
}

start_engine() {
    if engine_answers; then
        return
    fi
    say "starting dockerd"
    iptables-save >"$work/iptables"
    cat /proc/sys/net/ipv4/ip_forward >"$work/ip_forward"
    [ -e /sys/class/net/docker0 ] || touch "$work/no_docker0"
    # In a session of its own: Ctrl-C must not end it before the containers are gone.
    setsid dockerd >"$work/dockerd.log" 2>&1 </dev/null &
    engine_pid=$!
    local end=$((SECONDS + 60))
    until engine_answers; do
        if ! kill -0 "$engine_pid" 2>/dev/null || [ $SECONDS -ge $end ]; then
            tail -n 5 "$work/dockerd.log" >&2
            die "dockerd does not start"
        fi
        sleep 0.2
    done
}

# Puts the packet filter back to what it was. The tables that dockerd made go altogether: as long as a
# nat table exists the kernel tracks every connection of the machine.
restore_network() {
    local table
    for table in filter nat; do
        if ! grep -qx "\*$table" "$work/iptables"; then
            iptables -t "$table" -F
            [ "$table" = nat ] || iptables -P FORWARD ACCEPT
            iptables -t "$table" -X
        fi
    done
    iptables-restore <"$work/iptables"
    cat "$work/ip_forward" >/proc/sys/net/ipv4/ip_forward
    if [ -e "$work/no_docker0" ] && command -v ip >/dev/null; then
        ip link delete docker0 2>/dev/null || true
    fi
}

stop_engine() {
    if [ -z "$engine_pid" ]; then
        return 0
    fi
    kill -TERM "$engine_pid" 2>/dev/null || true
    timeout 60 tail --pid="$engine_pid" -f /dev/null || kill -KILL "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
    restore_network
}

finish() {
    local status=$?
    trap - EXIT
    trap '' INT TERM
    set +e
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null
        wait "$child"
    fi
    if [ -n "$compose_started" ]; then
        timeout -k 10 120 "${compose[@]}" down -v --remove-orphans -t 5 </dev/null >/dev/null 2>&1 ||
            echo "container-test: 'down' failed" >&2
    fi
    stop_engine
    rm -rf --one-file-system "$work"
    exit $status
}

# --- images ---------------------------------------------------------------------------------------

# "URI SUITE COMPONENT" of every Debian suite that apt knows here, without what is not Debian's.
debian_sources() {
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' \
        'Created-By: Packages' 'Origin: Debian' |
        awk -v suite=$suite '$2 == suite || index($2, suite "-") == 1 { print $1, $2, $3 }' | sort -u
}

# How apt reaches a mirror from here: proxies and the like.
apt_transport() {
    apt-config dump --format '%f "%v";%n' Acquire::http Acquire::https Acquire::Check-Valid-Until \
        Acquire::Check-Date
}

# The mirror of the suite itself, which debootstrap asks. apt may never have been updated here.
find_mirror() {
    debian_sources >"$work/sources"
    mirror=$(awk -v suite=$suite '$2 == suite && $3 == "main" { print $1; exit }' "$work/sources")
}

# Makes of a minimal system what is published as "slim": no manuals, and an apt that keeps nothing. It
# asks the same mirror in the same way as apt outside.
make_slim() {
    local root=$1
    rm -rf "$root"/usr/share/{doc,man,info,locale}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
    sed 's/^/deb /' "$work/sources" >"$root/etc/apt/sources.list"
    apt_transport >"$root/etc/apt/apt.conf.d/90transport"
    cat >"$root/etc/apt/apt.conf.d/90slim" <<'CONF'
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };
CONF
}

# Made once for each way to reach the mirror, and kept.
make_base_image() {
    local mirror root=$work/root
    find_mirror
    if [ -z "$mirror" ]; then
        bounded 120 apt-get update -qq
        find_mirror
    fi
    [ -n "$mirror" ] || die "apt knows no mirror of Debian $suite here"
    base_image=splitrail-base:$suite-$( (cat "$work/sources" && apt_transport) | sha256sum | cut -c1-12)
    if docker image inspect "$base_image" >/dev/null 2>&1; then
        return
    fi
    say "making $base_image from $mirror"
    bounded 300 debootstrap --variant=minbase "$suite" "$root" "$mirror"
    make_slim "$root"
    tar -C "$root" -c . | docker import - "$base_image" >/dev/null || die "docker import failed"
    rm -rf --one-file-system "$root"
}

build_images() {
    say "building the images of HAProxy and Prometheus"
    bounded 180 docker build --build-arg BASE="$base_image" -f Dockerfile.haproxy -t "$haproxy_image" .
    bounded 300 docker build --build-arg BASE="$base_image" -f Dockerfile.prometheus -t "$prometheus_image" .
    say "building Splitrail's image"
    bounded 420 "${compose[@]}" build
    say "splitrail:local has $(docker image inspect -f '{{.Size}}' splitrail:local |
        awk '{ printf "%d MB", $1 / 1000000 }'), $(docker image inspect -f '{{.Size}}' "$base_image" |
        awk '{ printf "%d MB", $1 / 1000000 }') of it the base image"
}

# --- the test -------------------------------------------------------------------------------------

start_cluster() {
    compose_started=yes
    # By name, because Grafana of the profile monitoring is not to be had.
    within 120 "${compose[@]}" up -d --scale edge=3 haproxy haproxy-tls prometheus >"$work/log" 2>&1 || {
        tail -n 5 "$work/log" >&2
        timeout 30 "${compose[@]}" logs --no-color --tail 10 </dev/null >&2 || true
        die "the cluster does not become healthy"
    }
}

# port WISH: that one, or a free one where it is taken.
port() {
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
    else
        echo "$1"
    fi
}

# One that clients check as they would any other.
make_certificate() {
    bounded 30 openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout "$work/key.pem" -out "$work/chain.pem"
    cat "$work/chain.pem" "$work/key.pem" >"$work/tls.pem"
    chmod 0711 "$work"
    chmod 0644 "$work/tls.pem"
    export SPLITRAIL_TLS_FILE=$work/tls.pem
}

choose_ports() {
    SPLITRAIL_PORT=$(port 8080)
    SPLITRAIL_TLS_PORT=$(port 8443)
    PROMETHEUS_PORT=127.0.0.1:$(port 9090)
    export SPLITRAIL_PORT SPLITRAIL_TLS_PORT PROMETHEUS_PORT
}

if [ "${1:-}" = --clients ]; then
    [[ ${2:-} =~ ^[0-9]{2,5}$ ]] || die "--clients takes a number from 10 to 99999"
    CLIENTS=$2
    shift 2
fi
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
install_missing
start_engine
make_base_image
export BASE_IMAGE=$base_image HAPROXY_IMAGE=$haproxy_image PROMETHEUS_IMAGE=$prometheus_image
export SPLITRAIL_AUTH=insecure COMPOSE_PROFILES=tls,monitoring COMPOSE="${compose[*]}"
choose_ports
make_certificate
build_images
say "starting the cluster"
start_cluster
say "testing through port $SPLITRAIL_PORT with $CLIENTS clients"
within $((900 + CLIENTS / 4)) /usr/bin/python3 -B container_test.py "$@"
