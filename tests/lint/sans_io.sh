#!/bin/sh
# sans_io.sh ARCHIVE…: the thinking parts do no I/O. A pure library may need from outside of all
# pure libraries only memory, string and sorting primitives, the allocator, abort, hashing from libcrypto and
# libsodium, and zlib on memory that we give it: no clock, no socket, no stdio, no log. The linker
# knows what is needed; we ask nm.
allow='^(inet_(pton|ntop)|qsort|bsearch|mem(cpy|move|set|cmp|chr|mem)|str(len|nlen|cmp|ncmp|chr)|malloc|calloc|realloc|free|abort'
allow="$allow|__assert_fail|__stack_chk_fail|__(mem|str)[a-z]*_chk|_GLOBAL_OFFSET_TABLE_"
allow="$allow|crypto_shorthash[a-z0-9_]*|EVP_[A-Za-z0-9_]+|(BN|ECDSA_SIG|OSSL_PARAM)_[A-Za-z0-9_]+|[di]2[di]_ECDSA_SIG|HMAC[A-Za-z0-9_]*|CRYPTO_memcmp|OPENSSL_cleanse"
allow="$allow|(in|de)flate[A-Za-z0-9_]*|__cpu_model"
allow="$allow|protobuf_c_[a-z0-9_]+|__(a|ub|t)san_.*|__sanitizer_.*|__sancov_.*)\$"

own=$(mktemp) || exit 2
trap 'rm -f "$own"' EXIT
for lib in "$@"; do
    nm --defined-only "$lib" 2>/dev/null | awk 'NF == 3 { print $3 }'
done | sort -u >"$own"

status=0
for lib in "$@"; do
    [ -r "$lib" ] || { echo "$lib: cannot be read"; exit 2; }
    bad=$(nm -u "$lib" 2>/dev/null | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' | sort -u |
        comm -23 - "$own" | grep -Ev "$allow")
    for symbol in $bad; do
        echo "$(basename "$lib"): a pure library may not need $symbol"
        status=1
    done
done
exit $status
