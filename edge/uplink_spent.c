#include "edge/uplink_spent.h"

#include "common/mem.h"
#include "edge/uplink_down.h"

#include <string.h>

enum { USERS_MAX = 65536, SWEEP_MS = 1000, NAME_MAX_BYTES = 1024, FOR_MS_MAX = 3600000 };

struct spent {
    uint64_t messages_until_ms;
    uint64_t bytes_until_ms;
    size_t name_len;
    uint8_t name[];
};

void uplink_spent_init(struct uplink_spent *spent, const uint8_t seed[16])
{
    *spent = (struct uplink_spent){.swept_ms = 0};
    strmap_init(&spent->by_user, seed);
}

void uplink_spent_fini(struct uplink_spent *spent)
{
    size_t cursor = 0;
    struct spent *entry = NULL;
    while ((entry = strmap_next(&spent->by_user, &cursor)) != NULL) {
        mem_free(entry);
    }
    strmap_fini(&spent->by_user);
}

static bool is_over(const struct spent *entry, uint64_t now_ms)
{
    return entry->messages_until_ms <= now_ms && entry->bytes_until_ms <= now_ms;
}

/* Into a new table: none may change while one goes through it. */
static void sweep(struct uplink_spent *spent, uint64_t now_ms)
{
    struct strmap left;
    size_t cursor = 0;
    struct spent *entry = NULL;
    strmap_init(&left, spent->by_user.key);
    while ((entry = strmap_next(&spent->by_user, &cursor)) != NULL) {
        if (is_over(entry, now_ms)) {
            mem_free(entry);
        } else {
            strmap_put(&left, bytes_of(entry->name, entry->name_len), entry);
        }
    }
    strmap_fini(&spent->by_user);
    spent->by_user = left;
    spent->swept_ms = now_ms;
}

static struct spent *ensure(struct uplink_spent *spent, struct bytes user)
{
    struct spent *entry = strmap_get(&spent->by_user, user);
    if (entry == NULL && spent->by_user.count < USERS_MAX) {
        entry = mem_new(1, sizeof(*entry) + user.len);
        entry->name_len = user.len;
        memcpy(entry->name, user.data, user.len);
        strmap_put(&spent->by_user, bytes_of(entry->name, entry->name_len), entry);
    }
    return entry;
}

static uint64_t later(uint64_t until_ms, uint64_t now_ms, uint64_t for_ms)
{
    uint64_t then_ms = now_ms + (for_ms < FOR_MS_MAX ? for_ms : FOR_MS_MAX);
    return then_ms > until_ms ? then_ms : until_ms;
}

void uplink_spent_op(struct uplink *uplink, const struct plane_op *op)
{
    struct uplink_spent *spent = &uplink->spent;
    if (op->bytes.len == 0 || op->bytes.len > NAME_MAX_BYTES) {
        uplink->stats.bad_frames++;
        return;
    }
    if (uplink->now_ms - spent->swept_ms >= SWEEP_MS) {
        sweep(spent, uplink->now_ms);
    }
    struct spent *entry = ensure(spent, op->bytes);
    if (entry != NULL) {
        entry->messages_until_ms = later(entry->messages_until_ms, uplink->now_ms, op->a);
        entry->bytes_until_ms = later(entry->bytes_until_ms, uplink->now_ms, op->b);
    }
}

static uint64_t left_ms(uint64_t until_ms, uint64_t now_ms)
{
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

void uplink_spent_sweep(struct uplink *uplink)
{
    sweep(&uplink->spent, uplink->now_ms);
}

bool uplink_spent_next(const struct uplink *uplink, size_t *cursor, struct plane_op *ret_op)
{
    const struct spent *entry = strmap_next(&uplink->spent.by_user, cursor);
    if (entry == NULL) {
        return false;
    }
    *ret_op = (struct plane_op){.kind = OP_ANNOUNCE_SPENT,
                                .a = left_ms(entry->messages_until_ms, uplink->now_ms),
                                .b = left_ms(entry->bytes_until_ms, uplink->now_ms),
                                .bytes = bytes_of(entry->name, entry->name_len)};
    return true;
}
