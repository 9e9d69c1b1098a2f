# Read by deb-test.sh: the units under a real systemd, which systemd-nspawn boots in the tree, on this
# machine's own loopback. Everything is done as an operator does: apt and systemctl.

# Runs in the booted system.
booted() {
    nsenter --target "$leader" --mount --uts --ipc --pid --cgroup --root --wd=/ env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@" </dev/null
}

# The process 1 of it; another one is there for a moment before.
find_leader() {
    local children
    children=$(cat "/proc/$machine/task/$machine/children") || return 1
    children=${children% }
    leader=${children##* }
    [ "$(cat "/proc/$leader/comm" 2>/dev/null)" = systemd ]
}

is_up() {
    kill -0 "$machine" 2>/dev/null && find_leader &&
        [[ $(booted systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]
}

# Whether it came up.
boot() {
    local keep=() end=$((SECONDS + 30))
    # Without a systemd here there is nobody to ask for a unit of its own.
    [ -d /run/systemd/system ] || keep=(--keep-unit)
    systemd-nspawn --quiet --register=no "${keep[@]}" --machine=splitrail-deb-test --directory="$root" \
        --boot --console=pipe >"$work/boot.log" 2>&1 </dev/null &
    machine=$!
    until is_up; do
        if ! kill -0 "$machine" 2>/dev/null || [ $SECONDS -ge $end ]; then
            return 1
        fi
        sleep 0.2
    done
}

halt() {
    [ -n "$machine" ] || return 0
    kill -TERM "$machine" 2>/dev/null || true
    timeout 30 tail --pid="$machine" -f /dev/null || kill -KILL "$machine" 2>/dev/null || true
    wait "$machine" 2>/dev/null || true
    machine=
}

prepare_boot() {
    quiet inside apt-get install -y --no-install-recommends systemd systemd-sysv dbus
    rm "$root/usr/sbin/policy-rc.d"
    umount "$root/proc"
}

units=(splitrail-router splitrail-edge@1 splitrail-edge@2)

property() {
    booted systemctl show --value --property "$2" "$1"
}

journal() {
    booted journalctl --no-pager --output cat --unit "$1"
}

says() {
    journal "$1" | grep -qE "$2"
}

# write_settings: ports of their own for everybody, as on a machine with two edges.
write_settings() {
    local n
    printf 'bind = tcp://127.0.0.1:27400\nhttp-listen = 127.0.0.1:29100\n' >>"$root/etc/splitrail/router.conf"
    printf 'router = tcp://127.0.0.1:27400\n' >>"$root/etc/splitrail/edge.conf"
    for n in 1 2; do
        printf 'SPLITRAIL_LISTEN=127.0.0.1:2808%d\nSPLITRAIL_HTTP_LISTEN=127.0.0.1:2910%d\n' $n $n \
            >"$root/etc/splitrail/edge-$n.env"
    done
}

all_ready() {
    local port
    for port in 29100 29101 29102; do
        curl -sf "http://127.0.0.1:$port/ready" || return 1
    done
}

# sealed UNIT: the process that runs has the user, no power, both filters, and a file system of its own.
sealed() {
    local pid uid status
    pid=$(property "$1" MainPID)
    uid=$(inside id -u splitrail)
    status=$(booted cat "/proc/$pid/status")
    grep -qE "^Uid:\s$uid\s" <<<"$status" || die "$1 does not run as splitrail"
    grep -qE '^CapEff:\s0+$' <<<"$status" || die "$1 has capabilities"
    grep -qE '^NoNewPrivs:\s1$' <<<"$status" || die "$1 may get new privileges"
    grep -qE '^Seccomp:\s2$' <<<"$status" || die "$1 has no seccomp filter"
    says "$1" 'process.sealed .*seccomp=on' || die "$1 has no filter of its own"
    if booted nsenter --target "$pid" --mount touch /etc/splitrail/x /usr/bin/x 2>/dev/null; then
        die "$1 sees a file system that can be written"
    fi
    quiet booted systemd-analyze security --no-pager --threshold=20 "$1.service"
}

# The exposure that systemd sees in a unit file as installed, 0 to 10; no more than 2.0.
exposure() {
    quiet booted systemd-analyze security --offline=true --no-pager --threshold=20 "/lib/systemd/system/$1"
    say "    $1: exposure $(awk '/Overall exposure/ { print $(NF - 2) }' "$work/log" | tr -d ':')"
}

check_reload() {
    local pids_before unit
    pids_before=$(for unit in "${units[@]}"; do property "$unit" MainPID; done)
    printf 'max-messages-per-second = 77\n' >>"$root/etc/splitrail/router.conf"
    for unit in "${units[@]}"; do
        quiet booted systemctl reload "$unit"
        await "$unit says that it read again" says "$unit" '\breload\b'
    done
    await "the new value" says splitrail-router 'reload\.change.*max.messages.per.second.*77'
    [ "$pids_before" = "$(for unit in "${units[@]}"; do property "$unit" MainPID; done)" ] ||
        die "reload started something anew"
}

check_restart_and_crash() {
    local pid
    quiet booted systemctl restart splitrail-router
    tell undisturbed
    pid=$(property splitrail-router MainPID)
    quiet booted systemctl kill --signal=KILL splitrail-router
    await "systemd started the router again" restarted splitrail-router "$pid"
    tell undisturbed
}

restarted() {
    [ "$(property "$1" ActiveState)" = active ] && [ "$(property "$1" MainPID)" != "$2" ]
}

# The packages' own scripts restart what runs: the edges one after the other.
check_upgrade() {
    local unit
    declare -A before=()
    for unit in "${units[@]}"; do
        before[$unit]=$(property "$unit" MainPID)
    done
    install_debs "$work/newer" booted
    for unit in "${units[@]}"; do
        restarted "$unit" "${before[$unit]}" || die "the upgrade did not restart $unit"
    done
    [ "$(property splitrail-edge@2 ActiveExitTimestampMonotonic)" -ge \
        "$(property splitrail-edge@1 ActiveEnterTimestampMonotonic)" ] || die "both edges went at once"
    grep -q '^jwt-hs256-file' "$root/etc/splitrail/router.conf" || die "the upgrade took the configuration"
}

check_purge() {
    quiet booted apt-get remove -y splitrail-edge splitrail-router splitrail-ctl
    if booted pidof splitrail-edge splitrail-router >/dev/null; then
        die "removed, and still running"
    fi
    [ -e "$root/etc/splitrail/jwt.key" ] || die "removing took the configuration"
    install_debs "$debs" booted
    quiet booted systemctl start "${units[@]}"
    await "everybody is back after removing and installing" all_ready
    purge booted
    diff "$work/before" "$work/after" || die "purged, and not as before"
    [ -z "$(booted systemctl list-units --all --plain --no-legend 'splitrail*')" ] || die "units are left"
}

with_systemd() {
    local unit
    if ! command -v systemd-nspawn >/dev/null; then
        say "SKIPPED: the units under a real systemd; there is no systemd-nspawn here (systemd-container)"
        return
    fi
    prepare_boot
    inventory >"$work/before"
    if ! boot; then
        halt
        say "SKIPPED: the units under a real systemd, which does not boot here: $(head -n 1 "$work/boot.log")"
        return
    fi
    say "installing under systemd $(booted systemctl --version | awk '{ print $2; exit }')"
    install_debs "$debs" booted
    [ -z "$(booted systemctl list-units --plain --no-legend 'splitrail*.service')" ] || die "it was started"
    configure
    write_settings
    quiet booted systemctl enable --now "${units[@]}"
    await "everybody is ready" all_ready
    exposure splitrail-router.service
    exposure splitrail-edge@.service
    for unit in "${units[@]}"; do
        sealed "$unit"
    done
    say "reload, restart and crash under clients"
    clients_talk 28081 28082
    check_reload
    tell undisturbed
    check_restart_and_crash
    say "upgrading under clients"
    check_upgrade
    clients_end
    say "removing, installing again, purging"
    check_purge
    halt
}
