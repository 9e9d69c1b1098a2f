#include "router/rates.h"

#include "common/mem.h"
#include "router/conn.h"
#include "router/core_internal.h"

#include <string.h>

enum { CAPACITY_MIN = 64, SWEEP_MIN = 1024, SWEEP_PART = 4, SWEEP_MS = 1000 };

struct rates_entry {
    struct policy_rates rates;
    struct conn *conn; /* its rates_at is the index of this entry, plus 1 */
};

static void resize(struct rates *rates, uint32_t capacity)
{
    rates->entries = mem_resize(rates->entries, capacity, sizeof(*rates->entries));
    rates->capacity = capacity;
}

void rates_fini(struct rates *rates)
{
    mem_free(rates->entries);
    *rates = (struct rates){.entries = NULL};
}

const struct policy_rates *rates_of(const struct router_core *core, const struct conn *conn)
{
    static const struct policy_rates none;
    return conn->rates_at == 0 ? &none : &core->rates.entries[conn->rates_at - 1].rates;
}

struct policy_rates *rates_made(struct router_core *core, struct conn *conn)
{
    struct rates *rates = &core->rates;
    if (conn->rates_at == 0) {
        if (rates->count == rates->capacity) {
            resize(rates, rates->capacity == 0 ? CAPACITY_MIN : rates->capacity * 2);
        }
        if (rates->count == 0) {
            rates->due_ms = core->now_ms + SWEEP_MS;
        }
        rates->entries[rates->count] = (struct rates_entry){.conn = conn};
        conn->rates_at = ++rates->count;
    }
    return &rates->entries[conn->rates_at - 1].rates;
}

/* The last one takes the freed place. */
void rates_drop(struct router_core *core, struct conn *conn)
{
    struct rates *rates = &core->rates;
    if (conn->rates_at == 0) {
        return;
    }
    struct rates_entry *hole = &rates->entries[conn->rates_at - 1];
    *hole = rates->entries[--rates->count];
    hole->conn->rates_at = conn->rates_at;
    conn->rates_at = 0;
    if (rates->count == 0) {
        rates_fini(rates);
    } else if (rates->capacity > CAPACITY_MIN && rates->count < rates->capacity / 4) {
        resize(rates, rates->capacity / 2);
    }
}

uint64_t rates_deadline(const struct router_core *core)
{
    return core->rates.count == 0 ? UINT64_MAX : core->rates.due_ms;
}

/* From the end to the beginning: what is dropped is replaced by what was looked at already. */
void rates_sweep(struct router_core *core)
{
    struct rates *rates = &core->rates;
    uint32_t left = rates->count / SWEEP_PART + SWEEP_MIN;
    if (rates_deadline(core) > core->now_ms) {
        return;
    }
    rates->due_ms = core->now_ms + SWEEP_MS;
    for (; rates->count != 0 && left != 0; left--) {
        if (rates->cursor == 0 || rates->cursor > rates->count) {
            rates->cursor = rates->count;
        }
        struct rates_entry *entry = &rates->entries[--rates->cursor];
        if (policy_quiet(&entry->rates, core->now_ms)) {
            rates_drop(core, entry->conn);
        }
    }
}
