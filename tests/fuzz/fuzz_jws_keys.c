/* A JWK set of any bytes; and a token of any bytes against the set, whose keys nobody has. */
#include "router/jws.h"
#include "router/rights_json.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void read_keys(struct bytes text)
{
    struct jws_keys *keys = jws_keys_new();
    size_t skipped = 0;
    size_t private_parts = 0;
    struct buf why;
    buf_init(&why, 0);
    bool good = jws_keys_add_jwks(keys, text, &skipped, &private_parts, &why);
    require(good == (why.len == 0));
    require(jws_keys_count(keys) <= JWS_KEYS_MAX);
    for (int alg = 0; good && alg < JWS_ALG_COUNT; alg++) {
        size_t cursor = 0;
        const struct jws_key *key = NULL;
        while ((key = jws_keys_next(keys, (enum jws_alg)alg, BYTES_EMPTY, &cursor)) != NULL) {
            require(jws_alg_is_costly(key->alg) == (key->public_ != NULL));
            require((key->secret.len != 0) == (key->public_ == NULL));
        }
    }
    buf_fini(&why);
    jws_keys_unref(&keys);
}

static void read_rights(struct bytes text)
{
    struct json_value value;
    struct buf rights;
    buf_init(&rights, 0);
    if (json_scan(text, &value) && rights_read(value, &rights) == NULL) {
        require(rights_valid(buf_bytes(&rights)));
        (void)rights_allow(buf_bytes(&rights), BYTES_LIT("chat:room"), RIGHT_JOIN, 0);
        require(rights_info(buf_bytes(&rights)).len <= RIGHTS_INFO_MAX);
    }
    buf_fini(&rights);
    if (rights_valid(text)) {
        (void)rights_allow(text, BYTES_LIT("chat:room"), RIGHT_JOIN, 0);
        (void)rights_info(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_slice(bytes_of(data, size), 1, size);
    if (size != 0 && data[0] == 'k') {
        read_keys(rest);
    } else if (size != 0) {
        read_rights(rest);
    }
    return 0;
}
