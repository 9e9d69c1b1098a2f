/* Each ban is one allocation that its names live in; two maps find it, a wheel ends it. */
#include "router/bans.h"

#include "common/mem.h"
#include "router/command.h"

#include <assert.h>
#include <string.h>

enum { ENDS_TICK_MS = 100, ENDS_SLOTS = 512, FIELDS = 4 };

static const struct bytes user_prefix = {(const uint8_t *)"user:", 5};
static const struct bytes address_prefix = {(const uint8_t *)"address:", 8};

struct kept_ban {
    struct ban ban;
    slot_id id;
    uint8_t texts[]; /* user, reason, by */
};

void bans_init(struct bans *bans, const uint8_t seed[16], uint64_t now_ms)
{
    *bans = (struct bans){0};
    slotmap_init(&bans->items, UINT32_MAX - 1);
    strmap_init(&bans->users, seed);
    netset_init(&bans->nets, seed);
    bans->ends = wheel_new(ENDS_TICK_MS, ENDS_SLOTS, now_ms);
}

void bans_fini(struct bans *bans)
{
    for (uint32_t i = 0; i < bans->items.used; i++) {
        mem_free(slotmap_at(&bans->items, i));
    }
    slotmap_fini(&bans->items);
    strmap_fini(&bans->users);
    netset_fini(&bans->nets);
    wheel_free(&bans->ends);
}

static struct kept_ban *find(const struct bans *bans, const struct ban *which)
{
    return which->kind == BAN_USER ? strmap_get(&bans->users, which->user)
                                   : netset_get(&bans->nets, &which->net);
}

const struct ban *bans_find(const struct bans *bans, const struct ban *which)
{
    const struct kept_ban *kept = find(bans, which);
    return kept == NULL ? NULL : &kept->ban;
}

static struct bytes keep(uint8_t **at, struct bytes text)
{
    struct bytes kept = bytes_of(*at, text.len);
    if (text.len != 0) {
        memcpy(*at, text.data, text.len);
        *at += text.len;
    }
    return kept;
}

static struct kept_ban *copy_of(const struct ban *ban)
{
    struct bytes reason = bytes_slice(ban->reason, 0, BAN_REASON_MAX);
    struct bytes by = bytes_slice(ban->by, 0, BAN_BY_MAX);
    struct kept_ban *kept = mem_new(1, sizeof(*kept) + ban->user.len + reason.len + by.len);
    uint8_t *at = kept->texts;
    kept->ban = *ban;
    kept->ban.user = keep(&at, ban->user);
    kept->ban.reason = keep(&at, reason);
    kept->ban.by = keep(&at, by);
    return kept;
}

const struct ban *bans_put(struct bans *bans, const struct ban *ban)
{
    struct kept_ban *kept = copy_of(ban);
    (void)bans_remove(bans, ban);
    kept->id = slotmap_add(&bans->items, kept);
    assert(kept->id != 0 && "far fewer bans than ids");
    if (ban->kind == BAN_USER) {
        strmap_put(&bans->users, kept->ban.user, kept);
        bans->user_count++;
    } else {
        netset_put(&bans->nets, &kept->ban.net, kept);
    }
    if (ban->due_ms != UINT64_MAX) {
        wheel_set(bans->ends, slot_id_index(kept->id), ban->due_ms);
    }
    return &kept->ban;
}

bool bans_remove(struct bans *bans, const struct ban *which)
{
    struct kept_ban *kept = find(bans, which);
    if (kept == NULL) {
        return false;
    }
    if (kept->ban.kind == BAN_USER) {
        (void)strmap_remove(&bans->users, kept->ban.user);
        bans->user_count--;
    } else {
        (void)netset_remove(&bans->nets, &kept->ban.net);
    }
    wheel_clear(bans->ends, slot_id_index(kept->id));
    (void)slotmap_remove(&bans->items, kept->id);
    mem_free(kept);
    return true;
}

const struct ban *bans_of_user(const struct bans *bans, struct bytes user, uint64_t now_ms)
{
    const struct kept_ban *kept = strmap_get(&bans->users, user);
    return kept == NULL || kept->ban.due_ms <= now_ms ? NULL : &kept->ban;
}

const struct ban *bans_of_address(const struct bans *bans, const struct address *address,
                                  uint64_t now_ms)
{
    unsigned length = NETSET_LENGTHS;
    const struct kept_ban *kept = NULL;
    while ((kept = netset_find(&bans->nets, address, &length)) != NULL) {
        if (kept->ban.due_ms > now_ms) {
            return &kept->ban;
        }
    }
    return NULL;
}

const struct ban *bans_ended(struct bans *bans, uint64_t now_ms)
{
    uint32_t index = 0;
    if (!wheel_pop(bans->ends, now_ms, &index)) {
        return NULL;
    }
    const struct kept_ban *kept = slotmap_at(&bans->items, index);
    assert(kept != NULL && "removing one clears its end");
    return &kept->ban;
}

uint64_t bans_deadline(const struct bans *bans)
{
    return wheel_deadline(bans->ends);
}

const struct ban *bans_next(const struct bans *bans, uint64_t *cursor)
{
    while (*cursor < bans->items.used) {
        const struct kept_ban *kept = slotmap_at(&bans->items, (uint32_t)(*cursor)++);
        if (kept != NULL) {
            return &kept->ban;
        }
    }
    return NULL;
}

/* ---- as stored: the key is kind and name, the value four lines ---- */

void bans_write_key(const struct ban *ban, struct buf *out)
{
    if (ban->kind == BAN_USER) {
        buf_append(out, user_prefix);
        buf_append(out, ban->user);
    } else {
        char text[ADDRESS_NET_TEXT_MAX];
        buf_append(out, address_prefix);
        buf_append(out, bytes_of((const uint8_t *)text, address_net_text(&ban->net, text)));
    }
}

void bans_write_value(const struct ban *ban, struct buf *out)
{
    buf_append_u64(out, ban->created_ms);
    buf_append_byte(out, '\n');
    buf_append_u64(out, ban->until_ms);
    buf_append_byte(out, '\n');
    buf_append(out, ban->by);
    buf_append_byte(out, '\n');
    buf_append(out, ban->reason);
}

static bool read_number(struct bytes text, uint64_t *ret_number)
{
    enum { DIGITS_MAX = 19 };
    uint64_t number = 0;
    if (text.len == 0 || text.len > DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_number = number;
    return true;
}

static bool split(struct bytes value, struct bytes ret_fields[FIELDS])
{
    for (size_t i = 0; i + 1 < FIELDS; i++) {
        const uint8_t *end = value.len == 0 ? NULL : memchr(value.data, '\n', value.len);
        if (end == NULL) {
            return false;
        }
        size_t len = (size_t)(end - value.data);
        ret_fields[i] = bytes_slice(value, 0, len);
        value = bytes_slice(value, len + 1, value.len);
    }
    ret_fields[FIELDS - 1] = value;
    return true;
}

static bool read_key(struct bytes key, struct ban *ban)
{
    if (bytes_starts_with(key, user_prefix)) {
        ban->kind = BAN_USER;
        ban->user = bytes_slice(key, user_prefix.len, key.len);
        return client_name_valid(ban->user);
    }
    ban->kind = BAN_ADDRESS;
    return bytes_starts_with(key, address_prefix) &&
           address_net_parse(bytes_slice(key, address_prefix.len, key.len), &ban->net);
}

bool bans_read(struct bytes key, struct bytes value, struct ban *ret_ban)
{
    struct ban ban = {.due_ms = UINT64_MAX};
    struct bytes fields[FIELDS];
    if (!read_key(key, &ban) || !split(value, fields) || !read_number(fields[0], &ban.created_ms) ||
        !read_number(fields[1], &ban.until_ms) || fields[2].len > BAN_BY_MAX ||
        fields[3].len > BAN_REASON_MAX) {
        return false;
    }
    ban.by = fields[2];
    ban.reason = fields[3];
    *ret_ban = ban;
    return true;
}
