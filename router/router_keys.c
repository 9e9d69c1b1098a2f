#include "router/router_keys.h"

#include "common/log.h"
#include "router/router_files.h"

#include <errno.h>
#include <string.h>

enum { SECRET_BYTES_MAX = 65536 };

static void refuse(struct buf *text, const char *option, const char *file, struct bytes why)
{
    buf_append_str(text, option);
    buf_append_byte(text, ' ');
    buf_append_str(text, file);
    buf_append_str(text, ": ");
    buf_append(text, why);
}

/* One newline at the end is the editor's. */
static struct bytes without_newline(struct bytes secret)
{
    if (secret.len > 0 && secret.data[secret.len - 1] == '\n') {
        secret.len--;
    }
    if (secret.len > 0 && secret.data[secret.len - 1] == '\r') {
        secret.len--;
    }
    return secret;
}

static bool add_secret(struct jws_keys *keys, const char *file, struct buf *text)
{
    struct buf content;
    const char *why = NULL;
    buf_init(&content, 0);
    if (router_file_read(file, SECRET_BYTES_MAX, &content, NULL) != STATUS_OK) {
        why = strerror(errno);
    } else if (content.len > SECRET_BYTES_MAX) {
        why = "the secret must have at most 65536 bytes";
    } else if (!jws_keys_add_secret(keys, JWS_HS256, without_newline(buf_bytes(&content)))) {
        why = "the secret must have at least 32 bytes";
    }
    router_file_forget(&content);
    if (why != NULL) {
        refuse(text, "--jwt-hs256-file", file, bytes_of_str(why));
    }
    return why == NULL;
}

static bool add_set(struct jws_keys *keys, const char *file, struct buf *text)
{
    struct buf content;
    struct buf why;
    size_t skipped = 0;
    size_t private_parts = 0;
    bool good = false;
    buf_init(&content, 0);
    buf_init(&why, 0);
    if (router_file_read(file, JWS_KEY_FILE_MAX, &content, NULL) != STATUS_OK) {
        buf_append_str(&why, strerror(errno));
    } else {
        good = jws_keys_add_jwks(keys, buf_bytes(&content), &skipped, &private_parts, &why);
    }
    if (!good) {
        refuse(text, "--jwks-file", file, buf_bytes(&why));
    } else {
        log_event(LOG_TOKEN_KEYS, LOG_S("file", file), LOG_U("keys", jws_keys_count(keys)),
                  LOG_U("skipped", skipped));
    }
    if (private_parts != 0) {
        log_event(LOG_TOKEN_KEYS_PRIVATE, LOG_S("file", file), LOG_U("keys", private_parts));
    }
    router_file_forget(&content);
    buf_fini(&why);
    return good;
}

enum status router_keys_read(const struct router_options *options, struct jws_keys **ret_keys,
                             struct buf *text)
{
    if (options->jwt_hs256_file == NULL && options->jwks_file == NULL) {
        buf_append_str(text,
                       "--auth jwt needs --jwks-file FILE with the keys of the tokens' issuer "
                       "or --jwt-hs256-file FILE with the shared secret; --auth insecure "
                       "starts without one, for trying out only");
        return STATUS_MALFORMED;
    }
    struct jws_keys *keys = jws_keys_new();
    if ((options->jwt_hs256_file != NULL && !add_secret(keys, options->jwt_hs256_file, text)) ||
        (options->jwks_file != NULL && !add_set(keys, options->jwks_file, text))) {
        jws_keys_unref(&keys);
        return STATUS_MALFORMED;
    }
    *ret_keys = keys;
    return STATUS_OK;
}
