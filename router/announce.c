/* Between an edge's group and its connections the group would have no member here, and what is
 * published meanwhile would miss that edge. So a bound group counts the edge itself as one member
 * until the announce ends. */
#include "router/announce.h"

#include "common/mem.h"
#include "router/core_internal.h"
#include "router/former.h"
#include "router/load.h"
#include "router/loss.h"
#include "router/repair.h"
#include "router/room.h"
#include "router/roster.h"
#include "router/session.h"
#include "router/unsure.h"

#include <assert.h>

enum { CLOSE_OVERLOADED = 1013 };

/* The groups stand for themselves again. */
static void release_locals(struct router_core *core, struct router_edge *edge, uint32_t index)
{
    for (uint32_t local = 0; local < edge->local_capacity; local++) {
        struct channel *channel = channel_find(core, edge->locals[local]);
        if (channel != NULL) {
            channel_remove_member(channel, index);
            core_settle(core, channel);
        }
    }
    edges_set_synced(&core->edges, edge);
}

void announce_edge_up(struct router_core *core, const struct core_event *event)
{
    announce_edge_down(core, event);
    struct router_edge *edge = edges_add(&core->edges, event->edge, event->edge_id);
    if (edge != NULL) {
        edge->incarnation = event->edge_incarnation;
        if (event->edge_clock_ms != 0) {
            edge_clock_sample(&edge->clock, event->edge_clock_ms, core->now_ms);
        }
    }
}

void announce_edge_down(struct router_core *core, const struct core_event *event)
{
    struct router_edge *edge = edges_get(&core->edges, event->edge);
    if (edge == NULL) {
        return;
    }
    loss_of_edge(core, edge, event->kind == CORE_EDGE_DOWN ? event->delay_ms : 0);
    release_locals(core, edge, event->edge);
    edge = edges_take(&core->edges, event->edge);
    effects_bury(&core->effects, edge->id); /* earlier effects of this step may name it */
    edge->id = NULL;
    router_edge_free(&edge);
}

void announce_edge_draining(struct router_core *core, const struct core_event *event)
{
    struct router_edge *edge = edges_get(&core->edges, event->edge);
    if (edge != NULL) {
        edge->draining = true;
        edge->delay_ms = event->delay_ms;
    }
}

void announce_edge_pace(struct router_core *core, const struct core_event *event)
{
    struct router_edge *edge = edges_get(&core->edges, event->edge);
    if (edge != NULL) {
        edge->held = event->held;
    }
}

/* NULL when the name is impossible or a limit is reached. */
static struct channel *channel_for(struct router_core *core, const struct group_info *info)
{
    if (!client_name_valid(info->name)) {
        return NULL;
    }
    if (info->kind == CHANNEL_ROOM) {
        struct room *room = room_ensure(core, info->name);
        return room == NULL ? NULL : &room->channel;
    }
    if (info->kind != CHANNEL_INBOX && info->kind != CHANNEL_WATCH) {
        return NULL;
    }
    struct user *user = user_ensure(core, info->name);
    if (user == NULL) {
        return NULL;
    }
    return info->kind == CHANNEL_INBOX ? &user->inbox : user_watch_channel(core, user);
}

static struct push *about_room(struct router_core *core, const struct channel *channel,
                               enum push_kind kind)
{
    struct push *push = effects_push(&core->effects, kind);
    push->room = channel->kind == CHANNEL_ROOM ? channel_name(channel) : BYTES_EMPTY;
    return push;
}

static void emit_bind_as(struct router_core *core, const struct core_event *event,
                         const struct channel *channel, uint64_t offset,
                         const struct group_info *info)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_GROUP_BIND);
    effect->edge = event->edge;
    effect->local = event->local;
    effect->group = channel == NULL ? 0 : channel->id;
    effect->offset = offset;
    effect->group_info = info;
}

static void emit_bind(struct router_core *core, const struct core_event *event,
                      const struct channel *channel, uint64_t offset)
{
    emit_bind_as(core, event, channel, offset,
                 channel == NULL ? NULL : channel_info(core, channel));
}

/* Until the log is here the group stays what it is on the edge. */
static void bind_for_now(struct router_core *core, const struct core_event *event,
                         const struct channel *channel)
{
    struct group_info *info = effects_alloc(&core->effects, 1, sizeof(*info));
    *info = (struct group_info){
        .kind = channel->kind, .name = channel_name(channel), .epoch = event->group->epoch};
    emit_bind_as(core, event, channel, event->last_offset, info);
}

/* Deliveries that the log does not have: numbers whose append was UNKNOWN and told as a gap, or a
 * log that was put back. While nobody has used them they become a hole, which the other edges are
 * told. */
static void take_numbers(struct router_core *core, const struct core_event *event,
                         struct channel *channel)
{
    enum { OFFSET_BITS = 53 }; /* JSON's integers */
    uint64_t top = channel->top;
    core->counters.ahead++;
    if (!channel->durable || channel->assigned != top || event->last_offset >> OFFSET_BITS != 0) {
        return;
    }
    channel_skip(core, channel, event->last_offset);
    if (channel->kind != CHANNEL_ROOM) {
        return;
    }
    for (uint32_t i = 0; i < channel->edge_count; i++) {
        if (channel_edges(channel)[i].edge != event->edge) {
            repair_deliver_gap(core, channel, channel_edges(channel)[i].edge, top + 1,
                               channel->top);
        }
    }
}

/* Binds, then delivers to this edge what it lacks, out of all that is still here: the limits of
 * history are for who comes back, its clients never left. What is told before the policy cannot be
 * left out: a new life, and a hole that the edge does not know of. */
static void bring_up_to_date(struct router_core *core, const struct core_event *event,
                             struct channel *channel)
{
    bool same = event->group->epoch == channel->epoch;
    if (same && event->last_offset > channel->top) {
        take_numbers(core, event, channel);
    }
    /* In a life that was read from a log what it began with is nobody's news: it may be one that
     * they knew before, while the room was of class durable before. */
    uint64_t has = same ? event->last_offset : channel_rare(channel)->loaded_top;
    has = has > channel->top ? channel->top : has;
    uint64_t first = channel_ring_first(channel);
    uint64_t from = has + 1 < first ? first : has + 1;
    bool room = channel->kind == CHANNEL_ROOM;
    bool lost = from > has + 1 && (room || (channel->durable && same));
    emit_bind(core, event, channel, lost ? has : from - 1);
    if (!same) {
        former_announced(core, event, channel);
    }
    if (!same && room) {
        struct push *push = about_room(core, channel, PUSH_EPOCH);
        push->epoch = channel->epoch;
        push->offset = has;
        channel_deliver_to(core, channel, event->edge, push, 0);
    }
    if (lost) {
        repair_deliver_gap(core, channel, event->edge, has + 1, from - 1);
    }
    if (channel_droppable(channel)) {
        channel_emit_policy(core, channel, event->edge);
    }
    for (uint64_t offset = from; offset <= channel->top; offset++) {
        channel_deliver_to(core, channel, event->edge, channel_push_at(core, channel, offset),
                           offset);
    }
}

/* Its clients never left: they get more than history keeps for others. */
static bool lacks(const struct core_event *event, const struct channel *channel)
{
    return channel->durable && event->group->epoch == channel->epoch &&
           event->last_offset + 1 < channel_ring_first(channel);
}

/* The log is here, or has to come first. */
static void bind_or_wait(struct router_core *core, const struct core_event *event,
                         struct channel *channel)
{
    channel_owes(channel, event->last_offset + 1); /* before it is read: so much of it at least */
    bool ready = load_ready(core, channel);
    if (ready && lacks(event, channel)) {
        load_again(core, channel);
        ready = false;
    }
    if (ready) {
        bring_up_to_date(core, event, channel);
        if (channel_rare(channel)->owed != 0) {
            channel->rare->owed = 0; /* nobody waits: else the log were not ready */
        }
    } else {
        bind_for_now(core, event, channel);
        (void)load_park(core, channel, event); /* never refused */
    }
}

void announce_catch_up(struct router_core *core, const struct core_event *event,
                       struct channel *channel)
{
    if (!channel_has_member(channel, event->edge)) {
        return;
    }
    bool less =
        channel_rare(channel)->asked == 0 || event->last_offset + 1 < channel_rare(channel)->asked;
    if (lacks(event, channel) && less) {
        load_again(core, channel); /* it came when less was being read, or nothing for edges */
        (void)load_park(core, channel, event);
    } else {
        bring_up_to_date(core, event, channel);
        unsure_bound(core, channel, event->edge); /* it is bound anew, with nothing of that */
    }
}

void announce_group(struct router_core *core, const struct core_event *event)
{
    struct router_edge *edge = edges_get(&core->edges, event->edge);
    if (edge == NULL || edge->synced) {
        return;
    }
    struct channel *channel = NULL;
    if (event->local < EDGE_LOCALS_MAX && router_edge_local(edge, event->local) == 0) {
        channel = channel_for(core, event->group);
    }
    if (channel == NULL) {
        emit_bind(core, event, NULL, 0);
        return;
    }
    router_edge_set_local(edge, event->local, channel->id);
    bool first = channel_add_member(channel, event->edge);
    core_settle(core, channel);
    if (first) {
        bind_or_wait(core, event, channel);
    } else {
        /* The edge has it twice: a closed connection still holds the one of a channel that was
         * forgotten and made anew. The edge joins the two; nobody lives in the second. */
        emit_bind(core, event, channel, channel->top);
    }
    unsure_bound(core, channel, event->edge);
}

void announce_roster(struct router_core *core, const struct core_event *event)
{
    const struct router_edge *edge = edges_get(&core->edges, event->edge);
    struct channel *channel =
        edge == NULL ? NULL : channel_find(core, router_edge_local(edge, event->local));
    if (channel != NULL) {
        roster_announced(core, channel, event->roster);
    }
}

void announce_unsure(struct router_core *core, const struct core_event *event)
{
    const struct router_edge *edge = edges_get(&core->edges, event->edge);
    struct channel *channel =
        edge == NULL ? NULL : channel_find(core, router_edge_local(edge, event->local));
    if (channel != NULL) {
        unsure_announced(core, channel);
    }
}

static bool is_at(const struct user *user, uint32_t edge)
{
    const struct conn *conn = user->oldest;
    while (conn != NULL && conn->ref.edge != edge) {
        conn = conn->newer;
    }
    return conn != NULL;
}

/* Only of its own users: no edge slows down those of another. */
void announce_spent(struct router_core *core, const struct core_event *event)
{
    const struct router_edge *edge = edges_get(&core->edges, event->edge);
    bool announces = edge != NULL && !edge->synced && client_name_valid(event->user);
    struct user *user = announces ? user_find(core, event->user) : NULL;
    if (user == NULL || !is_at(user, event->edge) || !policy_has_user_limits(&core->config)) {
        return;
    }
    struct user_rare *rare = user_rare_made(user);
    if (!rare->has_rates) { /* not half full: we know better */
        rare->has_rates = true;
        policy_user_init_told(&rare->rates, core->started_ms);
    }
    policy_user_spent_before(&rare->rates, core->now_ms, event->messages_ms, event->bytes_ms);
}

/* Who was never seen to leave since this router started was there all the time, as far as others
 * know; who was lost and given up comes back aloud. */
static bool everybody_knows(const struct router_core *core, const struct user *user)
{
    return core->rebuilding || (user->last_seen_ms == 0 && !user->told_left);
}

static struct conn *new_conn(struct router_core *core, const struct core_event *event)
{
    struct user *user =
        client_name_valid(event->session->user) ? user_ensure(core, event->session->user) : NULL;
    if (user == NULL) {
        effects_close(&core->effects, event->conn, CLOSE_OVERLOADED, BYTES_LIT("Too many users"));
        return NULL;
    }
    bool was_online = user_online(user);
    struct conn *conn = conn_new(core, user, event->conn, event->session);
    conn->number = event->number;
    policy_half(rates_made(core, conn),
                edge_clock_theirs(&edges_get(&core->edges, conn->ref.edge)->clock, core->now_ms),
                core->now_ms);
    session_came_online(core, user, was_online, event->session->connected_at_ms,
                        everybody_knows(core, user));
    return conn;
}

static void attach_room(struct router_core *core, struct conn *conn, const struct channel *channel)
{
    if (conn_in_room(conn, channel->id)) {
        return;
    }
    conn_add_room(core, conn, channel->id);
    struct message message = {
        .kind = ROOM_ATTACH,
        .group = channel->id,
        .conn = conn->ref,
        .user = slot_id_index(conn->user->id),
        .server_id = router_edge_id(edges_get(&core->edges, conn->ref.edge)),
        .silent = everybody_knows(core, conn->user),
    };
    mailbox_post(&core->mailbox, &message);
}

static void attach_watch(struct router_core *core, struct conn *conn, const struct channel *channel)
{
    struct user *watched = user_find(core, channel_name(channel));
    if (!conn_watches(conn, watched->id)) {
        (void)conn_add_watch(core, conn, watched);
    }
}

/* The groups that the edge has the connection in. True when its inbox is among them. */
static bool attach_groups(struct router_core *core, struct conn *conn,
                          const struct core_event *event)
{
    const struct router_edge *edge = edges_get(&core->edges, event->conn.edge);
    bool inbox = false;
    for (size_t i = 0; i < event->local_count; i++) {
        const struct channel *channel =
            channel_find(core, router_edge_local(edge, event->locals[i]));
        if (channel == NULL) {
            continue;
        }
        if (channel->kind == CHANNEL_ROOM) {
            attach_room(core, conn, channel);
        } else if (channel->kind == CHANNEL_WATCH) {
            attach_watch(core, conn, channel);
        } else {
            inbox = inbox || channel == &conn->user->inbox;
        }
    }
    return inbox;
}

void announce_conn(struct router_core *core, const struct core_event *event)
{
    struct router_edge *edge = edges_get(&core->edges, event->conn.edge);
    if (edge == NULL || edge->synced || event->conn.slot >= EDGE_SLOTS_MAX) {
        return;
    }
    struct conn *conn = conn_find(core, event->conn);
    bool known = conn != NULL;
    if (!known) {
        struct conn *stale = slotmap_get(&core->conns, router_edge_conn(edge, event->conn.slot));
        if (stale != NULL) {
            session_lose(core, stale, core->now_ms + core->config.grace_ms);
        }
        conn = new_conn(core, event);
    }
    if (conn == NULL) {
        return;
    }
    bool inbox = attach_groups(core, conn, event);
    if (session_puts_out_banned(core, conn)) {
        return;
    }
    if (inbox && conn->waiting) {
        (void)conn_enter_inbox(core, conn);
    } else if (!known && load_ready(core, &conn->user->inbox)) {
        session_admit(core, conn, false);
    } else if (!known) {
        (void)load_park(core, &conn->user->inbox, event); /* never refused */
    }
}

void announce_end(struct router_core *core, const struct core_event *event)
{
    struct router_edge *edge = edges_get(&core->edges, event->edge);
    if (edge != NULL && !edge->synced) {
        release_locals(core, edge, event->edge);
        unsure_announce_end(core, edge->incarnation, event->others, edge->connections != 0);
    }
}
