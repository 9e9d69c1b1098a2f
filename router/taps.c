#include "router/taps.h"

#include "common/mem.h"
#include "router/channel.h"
#include "router/core_internal.h"
#include "router/user.h"

#include <assert.h>

static struct tap *find(struct taps *taps, enum core_tap kind, struct bytes name)
{
    for (uint32_t i = 0; i < taps->count; i++) {
        struct tap *tap = &taps->items[i];
        if (tap->kind == kind && bytes_equal(bytes_of(tap->name, tap->name_len), name)) {
            return tap;
        }
    }
    return NULL;
}

static bool wants(struct router_core *core, enum core_tap kind, struct bytes name)
{
    return find(&core->taps, kind, name) != NULL;
}

bool router_core_tap(struct router_core *core, enum core_tap kind, struct bytes name)
{
    struct taps *taps = &core->taps;
    struct tap *tap = find(taps, kind, name);
    if (tap == NULL && taps->count == TAPS_MAX) {
        return false;
    }
    if (tap == NULL) {
        tap = &taps->items[taps->count++];
        *tap = (struct tap){
            .kind = kind, .name = name.len == 0 ? NULL : mem_copy(name), .name_len = name.len};
    }
    tap->users++;
    return true;
}

void router_core_untap(struct router_core *core, enum core_tap kind, struct bytes name)
{
    struct taps *taps = &core->taps;
    struct tap *tap = find(taps, kind, name);
    assert(tap != NULL && "every tap is ended once");
    if (--tap->users == 0) {
        mem_free(tap->name);
        *tap = taps->items[--taps->count];
    }
}

void taps_fini(struct taps *taps)
{
    for (uint32_t i = 0; i < taps->count; i++) {
        mem_free(taps->items[i].name);
    }
    taps->count = 0;
}

static struct core_tapped *emit(struct router_core *core, enum core_tapped_kind kind)
{
    struct core_tapped *tapped = effects_alloc(&core->effects, 1, sizeof(*tapped));
    tapped->kind = kind;
    tapped->now_ms = core->now_ms;
    tapped->wall_ms = core->wall_ms;
    effects_add(&core->effects, CORE_TAPPED)->tapped = tapped;
    return tapped;
}

static bool is_sampled(struct router_core *core, const struct channel *channel)
{
    return channel->member_count >= TAPS_FANOUT_MIN || ++core->taps.messages % TAPS_ONE_OF == 0;
}

static bool is_pinned(struct router_core *core, const struct channel *channel,
                      const struct push_message *message)
{
    return (channel->kind == CHANNEL_ROOM &&
            wants(core, CORE_TAP_MESSAGES, channel_name(channel))) ||
           wants(core, CORE_TAP_SENDER, message->user);
}

void taps_message(struct router_core *core, const struct channel *channel,
                  const struct push_message *message, const struct tap_times *times)
{
    bool room = channel->kind == CHANNEL_ROOM;
    bool sampled = is_sampled(core, channel);
    bool pinned = core->taps.count != 0 && is_pinned(core, channel, message);
    if (!sampled && !pinned && (core->taps.count == 0 || !wants(core, CORE_TAP_ALL, BYTES_EMPTY))) {
        return;
    }
    struct core_tapped *tapped = emit(core, CORE_TAPPED_MESSAGE);
    *(room ? &tapped->room : &tapped->user) = channel_name(channel);
    tapped->message = message;
    tapped->edge_ms = times->edge_ms;
    tapped->router_us = times->router_us;
    tapped->group = channel->id;
    tapped->pinned = pinned;
    tapped->epoch = channel->epoch;
    tapped->edges = channel->edge_count;
    tapped->members = channel->member_count;
}

static bool watched(struct router_core *core, const struct user *user)
{
    return wants(core, CORE_TAP_USER, user_name(user));
}

void taps_member(struct router_core *core, struct bytes room, const struct user *user, bool joined,
                 const char *reason)
{
    if (core->taps.count == 0 || (!wants(core, CORE_TAP_ROOM, room) && !watched(core, user))) {
        return;
    }
    struct core_tapped *tapped = emit(core, joined ? CORE_TAPPED_JOINED : CORE_TAPPED_LEFT);
    tapped->room = room;
    tapped->user = user_name(user);
    tapped->reason = reason == NULL ? BYTES_EMPTY : bytes_of_str(reason);
}

void taps_presence(struct router_core *core, const struct user *user, bool online)
{
    if (core->taps.count != 0 && watched(core, user)) {
        emit(core, online ? CORE_TAPPED_ONLINE : CORE_TAPPED_OFFLINE)->user = user_name(user);
    }
}

void taps_connection(struct router_core *core, const struct user *user, struct conn_ref conn,
                     enum core_tapped_kind kind)
{
    if (core->taps.count == 0 || !watched(core, user)) {
        return;
    }
    struct core_tapped *tapped = emit(core, kind);
    const struct router_edge *edge = edges_get(&core->edges, conn.edge);
    tapped->user = user_name(user);
    tapped->conn = conn;
    tapped->edge_id = edge == NULL ? BYTES_EMPTY : router_edge_id(edge);
}
