#include "edge/lags.h"

#include "common/mem.h"

#include <assert.h>

void lags_init(struct lags *lags)
{
    *lags = (struct lags){.token = 0};
    slotmap_init(&lags->table, UINT32_MAX - 1);
    u32map_init(&lags->by_slot);
}

static void free_lag(struct lag *lag)
{
    mem_free(lag->record);
    mem_free(lag);
}

void lags_fini(struct lags *lags)
{
    for (uint32_t i = 0; i < lags->table.used; i++) {
        struct lag *lag = slotmap_at(&lags->table, i);
        if (lag != NULL) {
            free_lag(lag);
        }
    }
    slotmap_fini(&lags->table);
    u32map_fini(&lags->by_slot);
}

struct lag *lags_first(const struct lags *lags, uint32_t slot)
{
    uint32_t index = 0;
    return u32map_get(&lags->by_slot, slot, &index) ? slotmap_at(&lags->table, index) : NULL;
}

void lags_rename(struct lags *lags, struct lag *lag)
{
    lag->token = ++lags->token;
}

struct lag *lags_add(struct lags *lags, uint32_t slot, uint32_t local, uint64_t first)
{
    assert(lags_find(lags, slot, local) == NULL && "one lag per member");
    struct lag *lag = mem_new(1, sizeof(*lag));
    lag->slot = slot;
    lag->local = local;
    lag->first = first;
    lag->token = ++lags->token;
    lag->next = lags_first(lags, slot);
    lag->id = slotmap_add(&lags->table, lag);
    assert(lag->id != 0 && "memberships are fewer");
    u32map_set(&lags->by_slot, slot, slot_id_index(lag->id));
    return lag;
}

struct lag *lags_find(const struct lags *lags, uint32_t slot, uint32_t local)
{
    struct lag *lag = lags_first(lags, slot);
    while (lag != NULL && lag->local != local) {
        lag = lag->next;
    }
    return lag;
}

void lags_remove(struct lags *lags, struct lag *lag)
{
    struct lag *first = lags_first(lags, lag->slot);
    if (first != lag) {
        struct lag *before = first;
        while (before->next != lag) {
            before = before->next;
        }
        before->next = lag->next;
    } else if (lag->next != NULL) {
        u32map_set(&lags->by_slot, lag->slot, slot_id_index(lag->next->id));
    } else {
        (void)u32map_remove(&lags->by_slot, lag->slot);
    }
    (void)slotmap_remove(&lags->table, lag->id);
    free_lag(lag);
}

void lag_keep_record(struct lag *lag, struct bytes record, uint64_t newest)
{
    if (lag->record == NULL && record.len != 0) {
        lag->record = mem_copy(record);
        lag->record_len = (uint32_t)record.len;
        lag->newest = newest;
    }
}
