/* Who is banned: users by name, addresses by range, each until a time or until it is removed. What
 * is stored speaks of the wall clock, what is enforced of the monotonic one, so that a clock that
 * jumps frees nobody. Pure; the core owns one. */
#ifndef ROUTER_BANS_H
#define ROUTER_BANS_H

#include "common/address.h"
#include "common/buf.h"
#include "common/bytes.h"
#include "common/netset.h"
#include "common/slotmap.h"
#include "common/strmap.h"
#include "common/wheel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ban_kind { BAN_USER = 1, BAN_ADDRESS = 2 };

enum {
    BAN_REASON_MAX = 120, /* fits a WebSocket close frame, RFC 6455 section 5.5 */
    BAN_BY_MAX = 64,
    BAN_KEY_MAX = 8 + 128 /* kind and name, as stored */
};

struct ban {
    enum ban_kind kind;
    struct bytes user;      /* BAN_USER */
    struct address_net net; /* BAN_ADDRESS */
    struct bytes reason;
    struct bytes by;     /* who did it, as far as known */
    uint64_t created_ms; /* wall clock */
    uint64_t until_ms;   /* wall clock; 0 = until it is removed */
    uint64_t due_ms;     /* monotonic; UINT64_MAX = never */
};

struct bans {
    struct slotmap items; /* of struct kept_ban */
    struct strmap users;
    struct netset nets;
    struct wheel *ends; /* by index */
    uint32_t user_count;
};

void bans_init(struct bans *bans, const uint8_t seed[16], uint64_t now_ms);
void bans_fini(struct bans *bans);

/* The ban of this user or exactly this range, also one that has just ended; NULL when there is
 * none. Valid until it is put again or removed. */
const struct ban *bans_find(const struct bans *bans, const struct ban *which);

/* Adds a copy, or replaces the one there is; texts are cut to their maxima. */
const struct ban *bans_put(struct bans *bans, const struct ban *ban);

/* False when there is none. `which` may be the ban itself. */
bool bans_remove(struct bans *bans, const struct ban *which);

/* Whether the user, or a range around the address, is banned now; NULL when not. */
const struct ban *bans_of_user(const struct bans *bans, struct bytes user, uint64_t now_ms);
const struct ban *bans_of_address(const struct bans *bans, const struct address *address,
                                  uint64_t now_ms);

/* One that has ended, each once: the caller removes it. NULL when there is none. */
const struct ban *bans_ended(struct bans *bans, uint64_t now_ms);
/* When bans_ended may have one; UINT64_MAX = never. */
uint64_t bans_deadline(const struct bans *bans);

/* All, in no order: start with *cursor = 0; NULL at the end. */
const struct ban *bans_next(const struct bans *bans, uint64_t *cursor);

/* How a ban is stored. bans_read: texts are views of `value`; false for what is none. */
void bans_write_key(const struct ban *ban, struct buf *out);
void bans_write_value(const struct ban *ban, struct buf *out);
bool bans_read(struct bytes key, struct bytes value, struct ban *ret_ban);

#endif
