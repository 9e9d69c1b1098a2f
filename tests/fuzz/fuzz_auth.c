/* The token check on any bytes. The first byte chooses: the rest as a token for each mode (nobody
 * forges our key by chance), or as "header NUL claims" that we sign, so that what stands behind the
 * signature is reached too. */
#include "router/auth.h"
#include "router/command.h"
#include "tests/support/base64url.h"
#include "tests/support/fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

static const uint8_t key[32] = {
    0x8f, 0x1d, 0x6b, 0x42, 0xe0, 0x97, 0x5a, 0xc3, 0x38, 0xf4, 0x0e, 0xb1, 0x7c, 0x29, 0xd5, 0x60,
    0xa2, 0x4e, 0x93, 0x1f, 0xc8, 0x75, 0xeb, 0x06, 0x5d, 0xb9, 0x31, 0xf7, 0x84, 0x2a, 0xce, 0x13,
};

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void make_token(struct bytes content, struct buf *token)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    size_t header_len = 0;
    while (header_len < content.len && content.data[header_len] != 0) {
        header_len++;
    }
    append_base64url(token, bytes_slice(content, 0, header_len));
    buf_append_byte(token, '.');
    append_base64url(token, bytes_slice(content, header_len + 1, content.len));
    require(HMAC(EVP_sha256(), key, sizeof(key), token->data, token->len, mac, &mac_len) != NULL);
    buf_append_byte(token, '.');
    append_base64url(token, bytes_of(mac, mac_len));
}

static bool check(const struct auth_config *config, struct bytes token)
{
    struct buf scratch;
    buf_init(&scratch, 0);
    struct auth_verdict verdict = auth_check(config, token, UINT64_C(1767225600000), &scratch);
    require(verdict.ok == (verdict.why == NULL));
    if (verdict.ok) {
        require(client_name_valid(verdict.user));
        require(verdict.user.data >= scratch.data);
        require(verdict.user.data + verdict.user.len <= scratch.data + scratch.len);
        require(verdict.expires_at_ms == 0 || verdict.expires_at_ms > UINT64_C(1767225600000));
    }
    buf_fini(&scratch);
    return verdict.ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct jws_keys *keys;
    if (keys == NULL) {
        keys = jws_keys_new();
        require(jws_keys_add_secret(keys, JWS_HS256, bytes_of(key, sizeof(key))));
    }
    struct auth_config config = {.mode = AUTH_JWT, .keys = keys};
    struct bytes rest = bytes_slice(bytes_of(data, size), 1, size);
    uint8_t choice = size == 0 ? 0 : data[0];
    if ((choice & 4) != 0) {
        config.audience = BYTES_LIT("us");
        config.issuer = BYTES_LIT("me");
    }
    if ((choice & 3) == 0) {
        require(!check(&config, rest));
    } else if ((choice & 3) == 1) {
        config.mode = AUTH_INSECURE;
        check(&config, rest);
    } else {
        struct buf token;
        buf_init(&token, 0);
        make_token(rest, &token);
        check(&config, buf_bytes(&token));
        buf_fini(&token);
    }
    return 0;
}
