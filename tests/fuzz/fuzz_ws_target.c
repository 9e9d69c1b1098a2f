/* A request target: what is accepted can be taken apart and decoded, never to a control character;
 * parameters are counted as a reader that splits at every "&" counts them. Input: the target. */
#include "common/mem.h"
#include "edge/ws_target.h"
#include "tests/support/fuzz.h"

#include <assert.h>

static const struct bytes name = {(const uint8_t *)"token", 5};

static void check_decoded(struct bytes part)
{
    struct buf decoded;
    buf_init(&decoded, 0);
    ws_target_decode(part, &decoded);
    assert(decoded.len <= part.len && decoded.len >= part.len / 3);
    /* One that stands there as it is was for the caller to refuse: only visible ones get here. */
    for (size_t i = 0; i < decoded.len; i++) {
        assert(decoded.data[i] >= ' ' || memchr(part.data, decoded.data[i], part.len) != NULL);
    }
    buf_fini(&decoded);
}

static size_t naive_count(struct bytes query)
{
    size_t count = 0;
    size_t start = 0;
    for (size_t at = 0; at <= query.len; at++) {
        if (at < query.len && query.data[at] != '&') {
            continue;
        }
        struct bytes pair = bytes_slice(query, start, at - start);
        count +=
            bytes_starts_with(pair, name) && (pair.len == name.len || pair.data[name.len] == '=');
        start = at + 1;
    }
    return count;
}

static void check(const struct ws_target *target, struct bytes text)
{
    struct bytes value = BYTES_EMPTY;
    assert(target->path.len != 0 && target->path.data[0] == '/');
    assert(target->path.len + target->query.len <= text.len + 1);
    size_t count = ws_target_param(target->query, name, &value);
    assert(count == naive_count(target->query));
    assert(value.len == 0 || (value.data >= target->query.data &&
                              value.data + value.len <= target->query.data + target->query.len));
    check_decoded(target->path);
    check_decoded(target->query);
    check_decoded(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ws_target target;
    const char *error = NULL;
    uint8_t *exact = mem_copy(bytes_of(data, size));
    struct bytes text = bytes_of(exact, size);
    (void)ws_target_is_authority(text);
    if (ws_target_parse(text, &target, &error)) {
        check(&target, text);
    } else {
        assert(error != NULL);
    }
    mem_free(exact);
    return 0;
}
