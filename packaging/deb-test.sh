#!/usr/bin/env bash
# Installs the packages of build/deb/ in a clean Debian (debootstrap, then chroot), runs the programs as
# their units do, upgrades them under a client, and purges them. Needs root. DEBIAN_TAR may name a tar of
# such a Debian, made before. There is no systemd in a chroot, so what the units say is run by hand; the
# units themselves are judged by tests/lint/units.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "$(id -u)" != 0 ]; then
    exec sudo "$PWD/packaging/${BASH_SOURCE[0]##*/}" "$@"
fi

suite=bookworm
debs=$PWD/build/deb
work=$(mktemp -d)
root=$work/root
pids=()

die() {
    printf 'deb-test: %s\n' "$*" >&2
    exit 1
}

say() {
    printf '%4d s  %s\n' "$SECONDS" "$*"
}

finish() {
    local status=$? pid
    trap - EXIT
    for pid in "${pids[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    mountpoint -q "$root/proc" && umount "$root/proc"
    rm -rf --one-file-system "$work"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

inside() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
        LC_ALL=C.UTF-8 "$@" </dev/null
}

quiet() {
    "$@" >"$work/log" 2>&1 || {
        tail -n 30 "$work/log" >&2
        die "failed: $*"
    }
}

# --- the chroot -----------------------------------------------------------------------------------

# The Debian suites that apt knows here, as lines of sources.list.
sources() {
    apt-get indextargets --format 'deb $(REPO_URI) $(CODENAME) $(COMPONENT)' \
        'Created-By: Packages' 'Origin: Debian' |
        awk -v s=$suite '$3 == s || index($3, s "-") == 1' | sort -u
}

make_root() {
    local mirror
    sources >"$work/sources"
    mirror=$(awk -v s=$suite '$3 == s && $4 == "main" { print $2; exit }' "$work/sources")
    [ -n "$mirror" ] || die "apt knows no mirror of Debian $suite here"
    if [ -n "${DEBIAN_TAR:-}" ]; then
        mkdir "$root"
        tar -C "$root" -xf "$DEBIAN_TAR"
    else
        quiet debootstrap --variant=minbase "$suite" "$root" "$mirror"
    fi
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    cp "$work/sources" "$root/etc/apt/sources.list"
    apt-config dump --format '%f "%v";%n' Acquire::http Acquire::https Acquire::Check-Valid-Until \
        Acquire::Check-Date >"$root/etc/apt/apt.conf.d/90transport"
    # Nothing is started by installing it.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    mount -t proc proc "$root/proc"
    quiet inside apt-get update -o APT::Update::Error-Mode=any
}

install_debs() {
    mkdir -p "$root/debs"
    cp "$1"/splitrail-{edge,router,ctl}_*.deb "$root/debs/"
    quiet inside sh -c 'apt-get install -y --no-install-recommends /debs/*.deb'
    rm -r "$root/debs"
}

# The same packages with a higher version, which is all that an upgrade sees.
make_newer() {
    local deb tree
    mkdir "$work/newer"
    for deb in "$debs"/splitrail-{edge,router,ctl}_*.deb; do
        tree=$work/tree
        rm -rf "$tree"
        dpkg-deb -R "$deb" "$tree"
        sed -i 's/^Version: .*/&+test1/' "$tree/DEBIAN/control"
        quiet dpkg-deb -b --root-owner-group "$tree" "$work/newer/$(basename "$deb" .deb)+test1.deb"
    done
}

# --- running ----------------------------------------------------------------------------------------

# What a unit's ExecStart is, in one line.
exec_start() {
    sed -n '/^ExecStart=/,/[^\\]$/p' "$root/lib/systemd/system/$1" | sed 's/^ExecStart=//; s/\\$//' | tr '\n' ' '
}

# start UNIT-FILE INSTANCE SETTING…: as systemd would, without its seals; the pid is in $pid.
start() {
    local unit=$1 line user
    line=$(exec_start "$unit")
    line=${line//%i/$2}
    line=${line//%H/testhost}
    user=$(inside id -u splitrail)
    shift 2
    # shellcheck disable=SC2086
    chroot --userspec="$user:$user" "$root" env -i "$@" $line >>"$work/$unit.log" 2>&1 </dev/null &
    pid=$!
    pids+=("$pid")
}

await() {
    local tries=300 what=$1
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || {
            tail -n 5 "$work"/*.log >&2 || true
            die "waited in vain: $what"
        }
        sleep 0.1
    done
}

start_router() {
    inside install -d -m 0700 -o splitrail -g splitrail /run/splitrail /var/lib/splitrail
    start splitrail-router.service - SPLITRAIL_BIND=tcp://127.0.0.1:27400 SPLITRAIL_HTTP_LISTEN=127.0.0.1:29100
    router=$pid
}

start_edge() {
    start splitrail-edge@.service "$1" SPLITRAIL_ROUTER=tcp://127.0.0.1:27400 \
        "SPLITRAIL_LISTEN=127.0.0.1:2808$1" "SPLITRAIL_HTTP_LISTEN=127.0.0.1:2910$1"
    edges[$1]=$pid
    await "edge $1 is ready" curl -sf "http://127.0.0.1:2910$1/ready"
}

stop() {
    kill -TERM "$1"
    local status=0
    wait "$1" || status=$?
    [ "$status" = 0 ] || die "a program ended with $status"
}

# --- the test -----------------------------------------------------------------------------------------

[ -n "$(ls "$debs"/splitrail-edge_*.deb 2>/dev/null)" ] || die "no packages in build/deb: ./dev deb"
declare -A edges=()
say "making a clean Debian $suite"
make_root
say "installing"
install_debs "$debs"
inside getent passwd splitrail >/dev/null || die "no user splitrail"
for file in etc/splitrail/edge.conf etc/splitrail/router.conf lib/systemd/system/splitrail-edge@.service \
    lib/systemd/system/splitrail-router.service usr/bin/splitrailctl; do
    [ -e "$root/$file" ] || die "not there: /$file"
done
printf 'auth = jwt\njwt-hs256-file = /etc/splitrail/jwt.key\n' >>"$root/etc/splitrail/router.conf"
head -c 32 /dev/urandom | base64 >"$root/etc/splitrail/jwt.key"
inside chown splitrail: /etc/splitrail/jwt.key
chmod 0400 "$root/etc/splitrail/jwt.key"

say "starting a router and two edges as their units do"
start_router
start_edge 1
start_edge 2
await "splitrailctl as root" inside splitrailctl edges

say "upgrading under a client"
make_newer
/usr/bin/python3 -B packaging/deb_client.py "$root/etc/splitrail/jwt.key" "$work/go" 28081 28082 &
client=$!
pids+=("$client")
await "a client talks" test -e "$work/go.talks"
install_debs "$work/newer"
[[ $(inside dpkg-query -W -f '${Version}' splitrail-router) == *+test1 ]] || die "not upgraded"
grep -q '^jwt-hs256-file' "$root/etc/splitrail/router.conf" || die "the upgrade took the configuration"
stop "$router"
start_router
for n in 1 2; do
    stop "${edges[$n]}"
    start_edge "$n"
done
touch "$work/go"
wait "$client" || die "the client lost something"

say "purging"
stop "${edges[1]}"
stop "${edges[2]}"
stop "$router"
[ -e "$root/var/lib/splitrail" ] || die "no data was kept"
quiet inside apt-get purge -y splitrail-edge splitrail-router splitrail-ctl
for file in var/lib/splitrail usr/bin/splitrail-edge usr/bin/splitrail-router usr/bin/splitrailctl \
    lib/systemd/system/splitrail-router.service etc/splitrail/router.conf etc/splitrail/edge.conf \
    usr/share/doc/splitrail; do
    [ ! -e "$root/$file" ] || die "left behind: /$file"
done
say "installed, started, upgraded under a client and purged"
