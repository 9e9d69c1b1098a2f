#!/usr/bin/env bash
# Installs the packages of build/deb/ in a clean Debian (debootstrap), runs them, upgrades them under
# clients, and purges them; twice: in a chroot, where what the units say is run by hand, and with the
# units under a systemd that boots in the same tree (deb-boot.sh), where systemd-nspawn can do that.
# Needs root. DEBIAN_TAR may name a tar of such a Debian, made before.
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
machine=

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
    halt
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

# install_debs FOLDER COMMAND…: with apt, which COMMAND runs in the tree.
install_debs() {
    mkdir -p "$root/debs"
    cp "$1"/splitrail-{edge,router,ctl}_*.deb "$root/debs/"
    quiet "${@:2}" sh -c 'apt-get install -y --no-install-recommends /debs/*.deb'
    rm -r "$root/debs"
}

# What an operator writes before anything can run.
configure() {
    printf 'auth = jwt\njwt-hs256-file = /etc/splitrail/jwt.key\n' >>"$root/etc/splitrail/router.conf"
    head -c 32 /dev/urandom | base64 >"$root/etc/splitrail/jwt.key"
    inside chown splitrail: /etc/splitrail/jwt.key
    chmod 0400 "$root/etc/splitrail/jwt.key"
}

# Everything that a package could leave behind: names of files, and users.
inventory() {
    (cd "$root" && find etc home opt root srv usr var -xdev \
        -not -path 'var/cache/*' -not -path 'var/lib/apt/*' -not -path 'var/lib/dpkg/*' \
        -not -path 'var/log/*' -not -path 'var/tmp/*' -not -path 'var/lib/systemd/*' | sort)
    find "$root/var/lib/systemd" -name '*splitrail*'
    cat "$root/etc/passwd" "$root/etc/group"
}

# purge COMMAND…: and nothing is left of them.
purge() {
    [ -e "$root/var/lib/splitrail" ] || die "no data was kept"
    quiet "$@" apt-get purge -y splitrail-edge splitrail-router splitrail-ctl
    inventory >"$work/after"
    ! grep splitrail "$work/after" || die "that was left behind"
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
    sed -n ':more; /\\$/{N; s/\\\n//; b more}; s/^ExecStart=//p' "$root/lib/systemd/system/$1"
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

# --- clients ------------------------------------------------------------------------------------------

# Clients who talk through these ports from now on; what they find is asked by tell().
clients_talk() {
    coproc CLIENTS { exec /usr/bin/python3 -B packaging/deb_client.py "$root/etc/splitrail/jwt.key" "$@"; }
    clients=$CLIENTS_PID
    to_clients=${CLIENTS[1]}
    from_clients=${CLIENTS[0]}
    pids+=("$clients")
    hear
}

hear() {
    local answer
    read -r -t 120 answer <&"$from_clients" || die "the clients ended"
    [[ $answer == yes* ]] || die "the clients say: ${answer#no }"
    say "    ${answer#yes }"
}

# tell undisturbed: nobody was closed, and everybody hears more. tell end: nobody lost a message or was
# closed otherwise than by a drain.
tell() {
    printf '%s\n' "$1" >&"$to_clients"
    hear
}

clients_end() {
    tell end
    wait "$clients" || die "the clients failed"
}

# --- in a chroot --------------------------------------------------------------------------------------

in_a_chroot() {
    local n
    declare -gA edges=()
    say "installing in a chroot"
    install_debs "$debs" inside
    inside getent passwd splitrail >/dev/null || die "no user splitrail"
    configure
    say "starting a router and two edges as their units do"
    start_router
    start_edge 1
    start_edge 2
    await "splitrailctl as root" inside splitrailctl edges
    say "upgrading under clients"
    clients_talk 28081 28082
    install_debs "$work/newer" inside
    [[ $(inside dpkg-query -W -f '${Version}' splitrail-router) == *+test1 ]] || die "not upgraded"
    grep -q '^jwt-hs256-file' "$root/etc/splitrail/router.conf" || die "the upgrade took the configuration"
    stop "$router"
    start_router
    tell undisturbed
    for n in 1 2; do
        stop "${edges[$n]}"
        start_edge "$n"
    done
    clients_end
    say "purging"
    stop "${edges[1]}"
    stop "${edges[2]}"
    stop "$router"
    rm -rf "$root/run/splitrail"
    purge inside
}

source packaging/deb-boot.sh
[ -n "$(ls "$debs"/splitrail-edge_*.deb 2>/dev/null)" ] || die "no packages in build/deb: ./dev deb"
say "making a clean Debian $suite"
make_root
make_newer
in_a_chroot
with_systemd
say "passed"
