/* Three u32 arrays indexed by id (next, prev, due) and one list head per slot; slot = due tick
 * modulo a power of two. Ticks count from wheel_new; `due` keeps their low 32 bits, which is enough
 * because no entry is further than DUE_TICKS_MAX from the present.
 *
 * wheel_pop moves one slot's list to `pending` and takes entries from there, so that each entry of
 * a slot is looked at once per turn of the wheel although the caller changes lists between calls.
 * Entries that belong to a later round go back to their slot. */
#include "common/wheel.h"

#include "common/mem.h"

#include <assert.h>

enum { CAPACITY_MIN = 64 };

/* Above every id. `next` of the last entry, `prev` of the first one of a slot or of `pending`,
 * `next` of an id that is not set. */
#define END UINT32_MAX
#define FIRST_IN_SLOT UINT32_MAX
#define FIRST_IN_PENDING (UINT32_MAX - 1)
#define UNSET (UINT32_MAX - 2)

#define DUE_TICKS_MAX (UINT32_C(1) << 30)

struct wheel {
    uint32_t *heads;
    uint32_t *next;
    uint32_t *prev;
    uint32_t *due;
    uint32_t capacity; /* ids that have room */
    uint32_t count;    /* ids that are set */
    uint32_t pending;  /* first of the slot that is being emptied */
    uint32_t slot_count;
    uint32_t tick_ms;
    uint64_t start_ms;
    uint64_t now_tick;  /* where the last walk ends */
    uint64_t walk_tick; /* the next slot to empty; now_tick + 1 after a complete walk */
};

struct wheel *wheel_new(uint32_t tick_ms, uint32_t slot_count, uint64_t now_ms)
{
    assert(tick_ms != 0 && slot_count != 0 && slot_count <= UINT32_C(1) << 24);
    struct wheel *wheel = mem_new(1, sizeof(*wheel));
    wheel->slot_count = 1;
    while (wheel->slot_count < slot_count) {
        wheel->slot_count *= 2;
    }
    wheel->heads = mem_new(wheel->slot_count, sizeof(*wheel->heads));
    for (uint32_t i = 0; i < wheel->slot_count; i++) {
        wheel->heads[i] = END;
    }
    wheel->pending = END;
    wheel->tick_ms = tick_ms;
    wheel->start_ms = now_ms;
    wheel->walk_tick = 1;
    return wheel;
}

void wheel_free(struct wheel **wheel)
{
    if (*wheel == NULL) {
        return;
    }
    mem_free((*wheel)->heads);
    mem_free((*wheel)->next);
    mem_free((*wheel)->prev);
    mem_free((*wheel)->due);
    mem_free(*wheel);
    *wheel = NULL;
}

static void reserve(struct wheel *wheel, uint32_t id)
{
    assert(id < UNSET && "ids are dense and small");
    if (id < wheel->capacity) {
        return;
    }
    uint64_t capacity = wheel->capacity < CAPACITY_MIN ? CAPACITY_MIN : wheel->capacity;
    while (capacity <= id) {
        capacity += capacity / 4; /* not doubled: most of it would lie idle */
    }
    capacity = capacity > UNSET ? UNSET : capacity;
    wheel->next = mem_resize(wheel->next, capacity, sizeof(*wheel->next));
    wheel->prev = mem_resize(wheel->prev, capacity, sizeof(*wheel->prev));
    wheel->due = mem_resize(wheel->due, capacity, sizeof(*wheel->due));
    for (uint64_t i = wheel->capacity; i < capacity; i++) {
        wheel->next[i] = UNSET;
    }
    wheel->capacity = (uint32_t)capacity;
}

static uint32_t *slot_of(struct wheel *wheel, uint32_t tick)
{
    return &wheel->heads[tick & (wheel->slot_count - 1)];
}

static void link_entry(struct wheel *wheel, uint32_t id)
{
    uint32_t *head = slot_of(wheel, wheel->due[id]);
    wheel->next[id] = *head;
    wheel->prev[id] = FIRST_IN_SLOT;
    if (*head != END) {
        wheel->prev[*head] = id;
    }
    *head = id;
}

static void unlink_entry(struct wheel *wheel, uint32_t id)
{
    uint32_t next = wheel->next[id];
    uint32_t prev = wheel->prev[id];
    if (prev == FIRST_IN_SLOT) {
        *slot_of(wheel, wheel->due[id]) = next;
    } else if (prev == FIRST_IN_PENDING) {
        wheel->pending = next;
    } else {
        wheel->next[prev] = next;
    }
    if (next != END) {
        wheel->prev[next] = prev;
    }
    wheel->next[id] = UNSET;
}

static uint64_t tick_at(const struct wheel *wheel, uint64_t ms)
{
    return ms < wheel->start_ms ? 0 : (ms - wheel->start_ms) / wheel->tick_ms;
}

/* First tick whose time has reached `due_ms`. Never one that was walked already, nor one of the
 * walk that is under way: a caller that sets a past deadline from its pop loop must get out. */
static uint64_t due_tick(const struct wheel *wheel, uint64_t due_ms)
{
    uint64_t earliest = wheel->now_tick + 1;
    if (due_ms <= wheel->start_ms) {
        return earliest;
    }
    uint64_t tick = tick_at(wheel, due_ms);
    tick += (due_ms - wheel->start_ms) % wheel->tick_ms != 0;
    if (tick < earliest) {
        return earliest;
    }
    return tick - wheel->now_tick > DUE_TICKS_MAX ? wheel->now_tick + DUE_TICKS_MAX : tick;
}

void wheel_set(struct wheel *wheel, uint32_t id, uint64_t due_ms)
{
    reserve(wheel, id);
    wheel_clear(wheel, id);
    wheel->due[id] = (uint32_t)due_tick(wheel, due_ms);
    link_entry(wheel, id);
    wheel->count++;
}

bool wheel_is_set(const struct wheel *wheel, uint32_t id)
{
    return id < wheel->capacity && wheel->next[id] != UNSET;
}

void wheel_clear(struct wheel *wheel, uint32_t id)
{
    if (wheel_is_set(wheel, id)) {
        unlink_entry(wheel, id);
        wheel->count--;
    }
}

static bool is_due(const struct wheel *wheel, uint32_t id)
{
    uint32_t behind = (uint32_t)wheel->now_tick - wheel->due[id];
    return behind < UINT32_C(1) << 31;
}

/* Takes the first due entry of `pending`, sends the others before it back to their slots. */
static bool pop_pending(struct wheel *wheel, uint32_t *ret_id)
{
    while (wheel->pending != END) {
        uint32_t id = wheel->pending;
        unlink_entry(wheel, id);
        if (is_due(wheel, id)) {
            wheel->count--;
            *ret_id = id;
            return true;
        }
        link_entry(wheel, id);
    }
    return false;
}

static void detach_slot(struct wheel *wheel, uint64_t tick)
{
    uint32_t *head = slot_of(wheel, (uint32_t)tick);
    if (*head != END) {
        wheel->pending = *head;
        wheel->prev[*head] = FIRST_IN_PENDING;
        *head = END;
    }
}

/* Starts a walk to `now_tick` once the last one is complete; false when there is nothing to walk.
 * A jump longer than DUE_TICKS_MAX is made in several walks, so that `due` stays unambiguous. */
static bool start_walk(struct wheel *wheel, uint64_t now_tick)
{
    if (now_tick <= wheel->now_tick) {
        return false;
    }
    if (wheel->count == 0) {
        wheel->now_tick = now_tick;
        wheel->walk_tick = now_tick + 1;
        return false;
    }
    bool far = now_tick - wheel->now_tick > DUE_TICKS_MAX;
    wheel->now_tick = far ? wheel->now_tick + DUE_TICKS_MAX : now_tick;
    if (wheel->walk_tick + wheel->slot_count <= wheel->now_tick) {
        /* One turn meets every slot, however far the time has jumped. */
        wheel->walk_tick = wheel->now_tick - wheel->slot_count + 1;
    }
    return true;
}

bool wheel_pop(struct wheel *wheel, uint64_t now_ms, uint32_t *ret_id)
{
    uint64_t now_tick = tick_at(wheel, now_ms);
    while (!pop_pending(wheel, ret_id)) {
        if (wheel->walk_tick > wheel->now_tick && !start_walk(wheel, now_tick)) {
            return false;
        }
        detach_slot(wheel, wheel->walk_tick++);
    }
    return true;
}

uint64_t wheel_deadline(const struct wheel *wheel)
{
    if (wheel->count == 0) {
        return UINT64_MAX;
    }
    if (wheel->pending != END) {
        return wheel->start_ms;
    }
    uint32_t mask = wheel->slot_count - 1;
    uint64_t tick = wheel->walk_tick;
    while (wheel->heads[tick & mask] == END) {
        tick++; /* ends within one turn: some slot is not empty */
    }
    return wheel->start_ms + tick * wheel->tick_ms;
}
