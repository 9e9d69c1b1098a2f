/* Keys that come and go as router and time will have it: never more than are kept, no name twice,
 * the newest is the current one, and a key that was the current one opens tickets for another hour
 * unless there are too many. Input: steps of four bytes: what, which key, which other, minutes. */
#include "edge/ticket_keys.h"
#include "tests/support/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 4, MINUTE_MS = 60000 };

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static struct ticket_key key_of(uint8_t number)
{
    struct ticket_key key;
    memset(&key, number % 8, sizeof(key));
    return key;
}

static void check(const struct ticket_keys *keys)
{
    unsigned index = 0;
    require(keys->count <= TICKET_KEYS_KEPT);
    for (unsigned i = 0; i < keys->count; i++) {
        require(ticket_keys_find(keys, keys->keys[i].name, &index) == &keys->keys[i] && index == i);
    }
}

static void check_current(const struct ticket_keys *keys, const struct ticket_key *key)
{
    unsigned index = 1;
    require(ticket_keys_find(keys, key->name, &index) != NULL && index == 0);
    require(memcmp(&keys->keys[0], key, sizeof(*key)) == 0);
}

static void step(struct ticket_keys *keys, const uint8_t *data, uint64_t now_ms)
{
    struct ticket_key key = key_of(data[1]);
    struct ticket_key other = key_of(data[2]);
    uint64_t drawn_ms = now_ms - (uint64_t)(data[2] / 8) * MINUTE_MS;
    switch (data[0] % 4) {
    case 0:
        ticket_keys_expire(keys, now_ms);
        break;
    case 1:
        ticket_keys_rotate(keys, &key, now_ms);
        check_current(keys, &key);
        require(!ticket_keys_due(keys, now_ms));
        break;
    case 2:
        ticket_keys_share(keys, &key, NULL, drawn_ms, now_ms);
        check_current(keys, &key);
        break;
    default:
        ticket_keys_share(keys, &key, &other, drawn_ms, now_ms);
        check_current(keys, &key);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ticket_keys keys = {0};
    uint64_t now_ms = 1000 * (uint64_t)MINUTE_MS;
    for (; size >= STEP; data += STEP, size -= STEP) {
        now_ms += (uint64_t)data[3] * MINUTE_MS / 4;
        step(&keys, data, now_ms);
        check(&keys);
    }
    return 0;
}
