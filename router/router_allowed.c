#include "router/router_allowed.h"

#include "common/clock.h"
#include "common/curve_key.h"
#include "common/mem.h"
#include "common/strmap.h"
#include "common/z85.h"

#include <errno.h>
#include <string.h>

enum { LINES_MAX = 65536, NAME_BYTES_MAX = 64 };

struct entry {
    char key[CURVE_KEY_CHARS];
    size_t name_len;
    uint8_t name[NAME_BYTES_MAX];
};

struct router_allowed {
    struct strmap by_key;
};

static bool name_ok(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.data[i];
        bool word = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
        bool star = byte == '*' && i + 1 == name.len;
        if (!word && !star) {
            return false;
        }
    }
    return name.len >= 1 && name.len <= NAME_BYTES_MAX;
}

/* NULL when the line is good. */
static const char *add_line(struct router_allowed *allowed, struct bytes line)
{
    uint8_t key[CURVE_KEY_BYTES];
    struct bytes text = curve_word_next(&line);
    struct bytes name = curve_word_next(&line);
    if (!z85_decode(text, key, sizeof(key))) {
        return "does not begin with a public key (a comment begins with # and a blank)";
    }
    if (!name_ok(name) || line.len != 0) {
        return "after the key comes one name: an edge's --id, 1 to 64 of A-Z a-z 0-9 . _ -, or its "
               "beginning and *";
    }
    if (strmap_get(&allowed->by_key, text) != NULL) {
        return "this key was there before: each has one name";
    }
    if (allowed->by_key.count == LINES_MAX) {
        return "too many keys";
    }
    struct entry *entry = mem_new(1, sizeof(*entry));
    memcpy(entry->key, text.data, sizeof(entry->key));
    memcpy(entry->name, name.data, name.len);
    entry->name_len = name.len;
    strmap_put(&allowed->by_key, bytes_of(entry->key, sizeof(entry->key)), entry);
    return NULL;
}

static bool parse(struct router_allowed *allowed, const char *path, struct bytes text,
                  struct buf *why)
{
    size_t number = 0;
    struct bytes line;
    while (curve_line_next(&text, &number, &line)) {
        const char *wrong = add_line(allowed, line);
        if (wrong != NULL) {
            buf_append_str(why, path);
            buf_append_str(why, ": line ");
            buf_append_u64(why, number);
            buf_append_str(why, ": ");
            buf_append_str(why, wrong);
            return false;
        }
    }
    return true;
}

enum status router_allowed_read(const char *path, struct router_allowed **ret_allowed,
                                struct buf *why)
{
    struct router_allowed *allowed = mem_new(1, sizeof(*allowed));
    uint8_t seed[16];
    struct buf content;
    clock_random(seed, sizeof(seed));
    strmap_init(&allowed->by_key, seed);
    buf_init(&content, (size_t)2 * CURVE_FILE_BYTES_MAX);
    enum status status = curve_file_read(path, &content);
    if (status != STATUS_OK) {
        buf_append_str(why, path);
        buf_append_str(why, ": ");
        buf_append_str(why, strerror(errno));
    } else if (!parse(allowed, path, buf_bytes(&content), why)) {
        status = STATUS_MALFORMED;
    }
    buf_fini(&content);
    if (status == STATUS_OK) {
        *ret_allowed = allowed;
    } else {
        router_allowed_free(&allowed);
    }
    return status;
}

void router_allowed_free(struct router_allowed **allowed)
{
    if (*allowed == NULL) {
        return;
    }
    size_t cursor = 0;
    struct entry *entry;
    while ((entry = strmap_next(&(*allowed)->by_key, &cursor)) != NULL) {
        mem_free(entry);
    }
    strmap_fini(&(*allowed)->by_key);
    mem_free(*allowed);
    *allowed = NULL;
}

struct bytes router_allowed_name(const struct router_allowed *allowed, struct bytes key)
{
    const struct entry *entry = strmap_get(&allowed->by_key, key);
    return entry == NULL ? BYTES_EMPTY : bytes_of(entry->name, entry->name_len);
}

struct bytes router_allowed_shared(const struct router_allowed *a, const struct router_allowed *b)
{
    size_t cursor = 0;
    const struct entry *entry;
    while ((entry = strmap_next(&a->by_key, &cursor)) != NULL) {
        struct bytes key = bytes_of(entry->key, sizeof(entry->key));
        if (strmap_get(&b->by_key, key) != NULL) {
            return key;
        }
    }
    return BYTES_EMPTY;
}

bool router_allowed_next(const struct router_allowed *allowed, size_t *cursor,
                         struct router_allowed_key *ret_row)
{
    const struct entry *entry = strmap_next(&allowed->by_key, cursor);
    if (entry == NULL) {
        return false;
    }
    *ret_row = (struct router_allowed_key){.key = bytes_of(entry->key, sizeof(entry->key)),
                                           .name = bytes_of(entry->name, entry->name_len)};
    return true;
}

size_t router_allowed_count(const struct router_allowed *allowed)
{
    return allowed->by_key.count;
}
