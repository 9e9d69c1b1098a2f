/* Keys of the HTTP API: a file with one a line, and the question which of them a client has shown.
 * Pure but for libcrypto's SHA-256. */
#ifndef ROUTER_API_KEYS_H
#define ROUTER_API_KEYS_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/gcra.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    API_KEYS_MAX = 1000,
    API_KEYS_FILE_MAX = 1024 * 1024,
    API_KEY_NAME_MAX = 64,
    API_KEY_MIN = 32, /* bytes of a key */
    API_KEY_MAX = 256,
    API_KEY_HASH_BYTES = 32,
    API_KEY_RANDOM_BYTES = 32
};

struct api_key {
    char name[API_KEY_NAME_MAX + 1];
    unsigned scopes; /* bits of enum api_scope */
    uint8_t hash[API_KEY_HASH_BYTES];
    struct gcra rate;
};

struct api_keys;

/* Lines of NAME SCOPES KEY, where SCOPES is publish,read,admin or some of them and KEY either the
 * key or sha256: and 64 hexadecimal digits of its hash; empty lines and those with # are comments.
 * NULL: `why` has the line's number and what is wrong, never a key. */
struct api_keys *api_keys_read(struct bytes file, struct buf *why);
void api_keys_free(struct api_keys **keys);

size_t api_keys_count(const struct api_keys *keys);
/* Keys in the order of the file. */
const struct api_key *api_keys_at(const struct api_keys *keys, size_t index);
/* True when the file holds keys that are not hashed. */
bool api_keys_plain(const struct api_keys *keys);

/* Takes the same time whatever the key is, as long as it is. NULL: none of ours. */
struct api_key *api_keys_find(struct api_keys *keys, struct bytes key);

/* Appends a new key, made of random bytes. */
void api_key_make(const uint8_t random[API_KEY_RANDOM_BYTES], struct buf *out);

/* Appends publish,read,admin or some of them. */
void api_scopes_append(unsigned scopes, struct buf *out);

/* Appends the line of a key, hashed, with its end. False when the name cannot be one. */
bool api_key_line(struct bytes name, unsigned scopes, struct bytes key, struct buf *out);

#endif
