/* Keys are compared by their hashes, each with each, so that the time tells nothing of how much of
 * a key was right nor of which it was. A plain hash is enough: keys are random, not chosen. */
#include "router/api_keys.h"

#include "common/mem.h"
#include "router/api_route.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

static const char hash_mark[] = "sha256:";

struct api_keys {
    struct api_key items[API_KEYS_MAX];
    size_t count;
    bool plain;
};

static void hash_of(struct bytes key, uint8_t out[API_KEY_HASH_BYTES])
{
    int done = EVP_Digest(key.len == 0 ? (const uint8_t *)"" : key.data, key.len, out, NULL,
                          EVP_sha256(), NULL);
    assert(done == 1 && "SHA-256 has no reason to fail");
}

static bool byte_ok(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

static bool name_ok(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!byte_ok(name.data[i])) {
            return false;
        }
    }
    return name.len >= 1 && name.len <= API_KEY_NAME_MAX;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct bytes take_word(struct bytes *line)
{
    size_t start = 0;
    while (start < line->len && is_space(line->data[start])) {
        start++;
    }
    size_t end = start;
    while (end < line->len && !is_space(line->data[end])) {
        end++;
    }
    struct bytes word = bytes_slice(*line, start, end - start);
    *line = bytes_slice(*line, end, line->len);
    return word;
}

static int digit_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool read_hash(struct bytes digits, uint8_t out[API_KEY_HASH_BYTES])
{
    if (digits.len != (size_t)2 * API_KEY_HASH_BYTES) {
        return false;
    }
    for (size_t i = 0; i < API_KEY_HASH_BYTES; i++) {
        int high = digit_of(digits.data[2 * i]);
        int low = digit_of(digits.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* NULL when the key is good. */
static const char *read_key(struct api_keys *keys, struct bytes text, struct api_key *key)
{
    if (bytes_starts_with(text, bytes_of_str(hash_mark))) {
        struct bytes digits = bytes_slice(text, strlen(hash_mark), text.len);
        return read_hash(digits, key->hash) ? NULL
                                            : "sha256: needs 64 hexadecimal digits in lower case";
    }
    if (text.len < API_KEY_MIN || text.len > API_KEY_MAX) {
        return "a key has 32 to 256 characters";
    }
    hash_of(text, key->hash);
    keys->plain = true;
    return NULL;
}

static const char *check_twin(const struct api_keys *keys, const struct api_key *key)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->items[i].name, key->name) == 0) {
            return "the name is there already";
        }
        if (memcmp(keys->items[i].hash, key->hash, sizeof(key->hash)) == 0) {
            return "the key is there already, under another name";
        }
    }
    return NULL;
}

/* NULL when the line is good. */
static const char *read_line(struct api_keys *keys, struct bytes line)
{
    struct bytes name = take_word(&line);
    struct bytes scopes = take_word(&line);
    struct bytes text = take_word(&line);
    if (name.len == 0 || name.data[0] == '#') {
        return NULL;
    }
    if (text.len == 0 || take_word(&line).len != 0) {
        return "a line is NAME SCOPES KEY";
    }
    if (keys->count == API_KEYS_MAX) {
        return "more than 1000 keys";
    }
    struct api_key *key = &keys->items[keys->count];
    *key = (struct api_key){.scopes = API_SCOPE_NONE};
    if (!name_ok(name)) {
        return "a name is 1 to 64 of A-Z a-z 0-9 . _ -";
    }
    if (!api_scopes_read(scopes, &key->scopes)) {
        return "scopes are publish, read and admin, with commas and without spaces";
    }
    memcpy(key->name, name.data, name.len);
    const char *wrong = read_key(keys, text, key);
    wrong = wrong == NULL ? check_twin(keys, key) : wrong;
    keys->count += wrong == NULL;
    return wrong;
}

struct api_keys *api_keys_read(struct bytes file, struct buf *why)
{
    struct api_keys *keys = mem_new(1, sizeof(*keys));
    const char *wrong = NULL;
    uint64_t number = 0;
    while (wrong == NULL && file.len > 0) {
        const uint8_t *end = memchr(file.data, '\n', file.len);
        size_t len = end == NULL ? file.len : (size_t)(end - file.data);
        wrong = read_line(keys, bytes_slice(file, 0, len));
        file = bytes_slice(file, len + (end != NULL), file.len);
        number++;
    }
    if (wrong != NULL) {
        buf_append_str(why, "line ");
        buf_append_u64(why, number);
        buf_append_str(why, ": ");
        buf_append_str(why, wrong);
        api_keys_free(&keys);
    }
    return keys;
}

void api_keys_free(struct api_keys **keys)
{
    if (*keys != NULL) {
        mem_wipe(*keys, sizeof(**keys));
        mem_free(*keys);
        *keys = NULL;
    }
}

size_t api_keys_count(const struct api_keys *keys)
{
    return keys->count;
}

const struct api_key *api_keys_at(const struct api_keys *keys, size_t index)
{
    assert(index < keys->count);
    return &keys->items[index];
}

bool api_keys_plain(const struct api_keys *keys)
{
    return keys->plain;
}

struct api_key *api_keys_find(struct api_keys *keys, struct bytes key)
{
    uint8_t hash[API_KEY_HASH_BYTES];
    size_t found = API_KEYS_MAX;
    hash_of(key, hash);
    for (size_t i = 0; i < keys->count; i++) {
        size_t same = (size_t)(CRYPTO_memcmp(hash, keys->items[i].hash, sizeof(hash)) == 0);
        found ^= (found ^ i) & (0 - same);
    }
    return found == API_KEYS_MAX ? NULL : &keys->items[found];
}

void api_key_make(const uint8_t random[API_KEY_RANDOM_BYTES], struct buf *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned count = 0;
    buf_append_str(out, "srk_");
    for (size_t i = 0; i < API_KEY_RANDOM_BYTES; i++) {
        bits = bits << 8 | random[i];
        count += 8;
        for (; count >= 6; count -= 6) {
            buf_append_byte(out, (uint8_t)letters[bits >> (count - 6) & 63]);
        }
    }
    buf_append_byte(out, (uint8_t)letters[bits << (6 - count) & 63]);
}

void api_scopes_append(unsigned scopes, struct buf *out)
{
    bool first = true;
    for (unsigned scope = API_SCOPE_PUBLISH; scope <= API_SCOPE_ADMIN; scope <<= 1) {
        if ((scopes & scope) != 0) {
            buf_append_str(out, first ? "" : ",");
            buf_append_str(out, api_scope_name(scope));
            first = false;
        }
    }
}

bool api_key_line(struct bytes name, unsigned scopes, struct bytes key, struct buf *out)
{
    uint8_t hash[API_KEY_HASH_BYTES];
    if (!name_ok(name)) {
        return false;
    }
    hash_of(key, hash);
    buf_append(out, name);
    buf_append_byte(out, ' ');
    api_scopes_append(scopes, out);
    buf_append_byte(out, ' ');
    buf_append_str(out, hash_mark);
    for (size_t i = 0; i < sizeof(hash); i++) {
        buf_append_hex(out, hash[i], 2);
    }
    buf_append_byte(out, '\n');
    return true;
}
