#include "edge/ticket_keys.h"

#include "common/mem.h"

#include <stddef.h>
#include <string.h>

static uint64_t term_end_ms(const struct ticket_keys *keys)
{
    return keys->since_ms + (keys->shared ? 2 : 1) * (uint64_t)TICKET_KEYS_PERIOD_MS;
}

bool ticket_keys_due(const struct ticket_keys *keys, uint64_t now_ms)
{
    return keys->count == 0 || now_ms >= term_end_ms(keys);
}

static void remove_at(struct ticket_keys *keys, unsigned index)
{
    keys->count--;
    unsigned after = keys->count - index;
    memmove(&keys->keys[index], &keys->keys[index + 1], after * sizeof(keys->keys[0]));
    memmove(&keys->until_ms[index], &keys->until_ms[index + 1], after * sizeof(keys->until_ms[0]));
    mem_wipe(&keys->keys[keys->count], sizeof(keys->keys[0]));
}

/* The oldest makes room. */
static void insert_at(struct ticket_keys *keys, unsigned index, const struct ticket_key *key,
                      uint64_t until_ms)
{
    if (keys->count == TICKET_KEYS_KEPT) {
        remove_at(keys, TICKET_KEYS_KEPT - 1);
    }
    unsigned after = keys->count - index;
    memmove(&keys->keys[index + 1], &keys->keys[index], after * sizeof(keys->keys[0]));
    memmove(&keys->until_ms[index + 1], &keys->until_ms[index], after * sizeof(keys->until_ms[0]));
    keys->keys[index] = *key;
    keys->until_ms[index] = until_ms;
    keys->count++;
}

void ticket_keys_expire(struct ticket_keys *keys, uint64_t now_ms)
{
    for (unsigned i = keys->count; i-- > 1;) {
        if (now_ms >= keys->until_ms[i]) {
            remove_at(keys, i);
        }
    }
}

/* Whoever was the current one for too long (the process was stopped for hours) is counted as
 * retired when it should have been. */
static void make_current(struct ticket_keys *keys, const struct ticket_key *key, uint64_t now_ms)
{
    unsigned index = 0;
    if (keys->count != 0) {
        uint64_t end_ms = term_end_ms(keys);
        keys->until_ms[0] = (now_ms < end_ms ? now_ms : end_ms) + TICKET_KEYS_PERIOD_MS;
    }
    if (ticket_keys_find(keys, key->name, &index) != NULL) {
        remove_at(keys, index);
    }
    insert_at(keys, 0, key, 0);
    ticket_keys_expire(keys, now_ms);
}

void ticket_keys_rotate(struct ticket_keys *keys, const struct ticket_key *fresh, uint64_t now_ms)
{
    make_current(keys, fresh, now_ms);
    keys->since_ms = now_ms;
    keys->shared = false;
}

void ticket_keys_share(struct ticket_keys *keys, const struct ticket_key *current,
                       const struct ticket_key *previous, uint64_t drawn_ms, uint64_t now_ms)
{
    unsigned index = 0;
    if (ticket_keys_find(keys, current->name, &index) == NULL || index != 0) {
        make_current(keys, current, now_ms);
    }
    keys->since_ms = drawn_ms;
    keys->shared = true;
    uint64_t until_ms = drawn_ms + TICKET_KEYS_PERIOD_MS;
    if (previous != NULL && now_ms < until_ms &&
        ticket_keys_find(keys, previous->name, &index) == NULL) {
        insert_at(keys, 1, previous, until_ms);
    }
}

const struct ticket_key *ticket_keys_find(const struct ticket_keys *keys,
                                          const uint8_t name[TICKET_KEY_NAME], unsigned *ret_index)
{
    for (unsigned i = 0; i < keys->count; i++) {
        if (memcmp(keys->keys[i].name, name, TICKET_KEY_NAME) == 0) {
            *ret_index = i;
            return &keys->keys[i];
        }
    }
    return NULL;
}
