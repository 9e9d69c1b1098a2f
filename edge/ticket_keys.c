#include "edge/ticket_keys.h"

#include <stddef.h>
#include <string.h>

static bool older_than(const struct ticket_keys *keys, uint64_t periods, uint64_t now_ms)
{
    return now_ms >= keys->rotated_ms + periods * TICKET_KEYS_PERIOD_MS;
}

bool ticket_keys_due(const struct ticket_keys *keys, uint64_t now_ms)
{
    return keys->count == 0 || older_than(keys, 1, now_ms);
}

void ticket_keys_rotate(struct ticket_keys *keys, const struct ticket_key *fresh, uint64_t now_ms)
{
    bool useful = keys->count != 0 && !older_than(keys, TICKET_KEYS_KEPT, now_ms);
    if (useful) {
        keys->keys[1] = keys->keys[0];
    } else {
        memset(&keys->keys[1], 0, sizeof(keys->keys[1]));
    }
    keys->keys[0] = *fresh;
    keys->count = useful ? TICKET_KEYS_KEPT : 1;
    keys->rotated_ms = now_ms;
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
