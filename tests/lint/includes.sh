#!/bin/sh
# includes.sh [ROOT]: who may include whom.
#
# Upper table: <file prefix> <include prefix>. The longest file prefix that matches decides, so the
# rows of pure code are stricter than their folder. Lower table: the homes of foreign headers; a
# library listed there may be included by nobody else, one not listed by anybody.
cd "${1:-.}" || exit 2
export LC_ALL=C

pure='address.h ip_counts.h netset.h bytes.h buf.h digest.h mem.h status.h status.def blob.h spares.h strmap.h slotmap.h u32map.h wheel.h gcra.h link.h utf8.h z85.h'

# Prefixes of files that may see, of common/, only its pure half.
pure_files='common/address. common/ip_counts. common/netset. common/blob. common/buf. common/bytes. common/digest. common/gcra. common/link. common/mem.
common/slotmap. common/spares. common/status. common/strmap. common/u32map. common/utf8. common/wheel. common/z85.
edge/ws_ edge/uplink edge/groups edge/lags edge/notices edge/hold
edge/address. edge/forwarded. edge/proxy_protocol. edge/ticket_keys. proto/ router/'

rows='common/ common/
edge/ edge/
edge/ common/
edge/ proto/
edge/ws_ edge/ws_
edge/uplink edge/
edge/uplink proto/
edge/groups edge/
edge/lags edge/lags.
edge/hold edge/
edge/notices edge/notices
edge/address. edge/address.
edge/forwarded. edge/forwarded.
edge/forwarded. edge/address.
edge/proxy_protocol. edge/proxy_protocol.
edge/proxy_protocol. edge/address.
edge/ticket_keys. edge/ticket_keys.
proto/ proto/
router/ router/
router/ proto/
router/main. router/
router/main. common/
router/router router/
router/router common/
router/router proto/
router/loop_turn. router/
router/loop_turn. common/
router/admin router/
router/admin common/
router/admin proto/
router/auth_pool. router/
router/auth_pool. common/
router/reload. router/
router/reload. common/
router/policy_file. router/
router/policy_file. common/
router/engine/embedded router/engine/
router/engine/embedded common/
router/ctl/ router/ctl/
router/ctl/ common/
router/ctl/ proto/
router/ctl/ router/api_keys.h
router/ctl/ router/api_route.h
router/ctl/ router/endpoint.h
router/ctl/ router/engine/embedded_offline.h
tests/ '
for file in $pure_files; do
    for header in $pure; do
        rows="$rows
$file common/$header"
    done
done

homes='zmq.h common/zlink
event2/ common/httpd
event2/ common/http_post.
event2/ common/zlink
event2/ edge/listener.
event2/ edge/door.
event2/ edge/conn
event2/ edge/sockets.
event2/ edge/edge.
event2/ edge/drain.
event2/ edge/heartbeat.
event2/ router/router.c
event2/ router/ctl/
openssl/evp.h edge/ws_
openssl/ edge/tls.c
openssl/ edge/tls_certs.
openssl/ edge/tls_tickets.
openssl/ router/api_keys.c
openssl/ router/auth_cache.c
openssl/ router/jws.c
openssl/ router/jws_keys.c
sodium common/curve_key.c
sodium common/digest.c
sodium common/strmap.c
sodium router/channel.c
sodium router/name_index.c
seccomp.h common/sandbox.c
sqlite3.h router/engine/embedded
zlib.h edge/ws_deflate.c
immintrin.h edge/ws_vector.c
protobuf-c/ proto/
protobuf-c/ router/admin
protobuf-c/ router/ctl/
jansson.h router/ctl/
jansson.h router/policy_file.c'

grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]+["<]' --include='*.[ch]' \
    common edge proto router tests |
awk -v rows="$rows" -v homes="$homes" '
BEGIN {
    n = split(rows, r, "\n")
    for (i = 1; i <= n; i++) { split(r[i], p, " "); from[i] = p[1]; to[i] = p[2] }
    m = split(homes, h, "\n")
    for (i = 1; i <= m; i++) { split(h[i], p, " "); lib[i] = p[1]; home[i] = p[2] }
}
{
    split($0, a, ":"); file = a[1]
    match($0, /["<][^">]+[">]/)
    quote = substr($0, RSTART, 1); inc = substr($0, RSTART + 1, RLENGTH - 2)
    ok = 1
    if (quote == "\"") {
        best = 0
        for (i = 1; i <= n; i++)
            if (index(file, from[i]) == 1 && length(from[i]) > best) best = length(from[i])
        ok = 0
        for (i = 1; i <= n; i++)
            if (index(file, from[i]) == 1 && length(from[i]) == best && index(inc, to[i]) == 1) ok = 1
        # A private table beside its user, as "status.def" in common/.
        if (index(inc, "/") == 0) ok = 0
    } else if (index(file, "tests/") != 1) {
        known = 0
        for (i = 1; i <= m; i++)
            if (index(inc, lib[i]) == 1) {
                if (known == 0) known = 1
                if (index(file, home[i]) == 1) known = 2
            }
        ok = known != 1
    }
    if (!ok) { print file ":" a[2] ": may not include " inc; bad = 1 }
}
END { exit bad }'
