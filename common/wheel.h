/* One coarse timer wheel for many deadlines of numbered things (connections by slot): 12 bytes per
 * entry, O(1) set and clear, nothing done per idle entry. A deadline fires between 0 and 2 ticks
 * late, never early. Users that touch often (last byte seen) do not re-set the wheel: when an entry
 * fires they compare with their own "last seen" and set it again. */
#ifndef COMMON_WHEEL_H
#define COMMON_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

struct wheel;

/* Heap object; times are monotonic milliseconds. Deadlines further than `slot_count` ticks are
 * kept and re-linked as the wheel turns. */
struct wheel *wheel_new(uint32_t tick_ms, uint32_t slot_count, uint64_t now_ms);
void wheel_free(struct wheel **wheel);

/* Sets or moves the deadline of `id`. Ids are dense small numbers: memory grows with the largest.
 */
void wheel_set(struct wheel *wheel, uint32_t id, uint64_t due_ms);

/* Forgets `id`; harmless when it is not set. */
void wheel_clear(struct wheel *wheel, uint32_t id);

bool wheel_is_set(const struct wheel *wheel, uint32_t id);

/* Takes one entry that is due at `now_ms` out of the wheel; false when there is none left. Call
 * until false. The caller may set or clear any id in between. */
bool wheel_pop(struct wheel *wheel, uint64_t now_ms, uint32_t *ret_id);

/* Earliest time at which wheel_pop may have work (may be early, never late); UINT64_MAX when the
 * wheel is empty. */
uint64_t wheel_deadline(const struct wheel *wheel);

#endif
