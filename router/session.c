/* Life of connections: open, closed, lost, ended, kicked; and the answers of the room side. */
#include "router/session.h"

#include "router/core_internal.h"
#include "router/former.h"
#include "router/load.h"
#include "router/loss.h"
#include "router/presence.h"
#include "router/repair.h"
#include "router/rights.h"
#include "router/room.h"
#include "router/roster.h"
#include "router/unsure.h"

#include <assert.h>

enum {
    CLOSE_POLICY = 1008,
    CLOSE_OVERLOADED = 1013,
    CLOSE_UNAUTHORIZED = 4001,
    CLOSE_TOKEN_EXPIRED = 4002,
    CLOSE_USER_LIMIT = 4004,
    EXPIRE_RETRY_MS = 200,     /* until an edge has ended its announce */
    EXPIRE_PER_STEP_MAX = 1000 /* an edge's death is told in slices */
};

void session_ok(struct router_core *core, const struct conn *conn, struct bytes id, struct push *ok)
{
    if (id.len != 0) {
        ok->id = effects_copy(&core->effects, id);
        effects_answer(&core->effects, conn->ref, ok, core->answered);
    } else if (core->answered != 0) {
        struct core_effect *done = effects_add(&core->effects, CORE_DONE);
        done->conn = conn->ref;
        done->number = core->answered;
    }
}

void session_error(struct router_core *core, const struct conn *conn, struct bytes id,
                   enum client_error error, struct bytes text, uint64_t retry_after_ms)
{
    core->counters.errors[error]++;
    struct push *push = effects_push(&core->effects, PUSH_ERROR);
    push->id = effects_copy(&core->effects, id);
    push->error = error;
    push->text = effects_copy(&core->effects, text);
    push->retry_after_ms = retry_after_ms;
    effects_answer(&core->effects, conn->ref, push, core->answered);
}

void session_came_online(struct router_core *core, struct user *user, bool was_online,
                         uint64_t since_ms, bool silent)
{
    if (was_online) {
        user->since_ms = since_ms < user->since_ms ? since_ms : user->since_ms;
        return;
    }
    user->since_ms = since_ms;
    if (!silent || user->told_offline) {
        user->told_offline = false;
        user->edge_lacked = false;
        user->came_early = core->rebuilding;
        unsure_user(core, user);
        presence_tell(core, user, true);
    }
}

/* For good: rooms first, then the user. */
static void drop(struct router_core *core, struct conn *conn)
{
    struct user *user = conn->user;
    conn_free(core, conn, "disconnect");
    core_drain(core);
    if (!user_online(user)) {
        presence_tell(core, user, false);
    }
    user_settle(core, user);
}

void session_lose(struct router_core *core, struct conn *conn, uint64_t due_ms)
{
    conn_detach(core, conn);
    core_drain(core);
    bool wait = due_ms < core->rebuild_until_ms && core->rebuilding;
    wheel_set(core->grace, slot_id_index(conn->id), wait ? core->rebuild_until_ms : due_ms);
}

void session_end(struct router_core *core, struct conn *conn)
{
    if (core_synced(core)) {
        drop(core, conn);
    } else if (conn->attached) {
        conn->user->ended_early = conn->user->ended_early || core->rebuilding;
        session_lose(core, conn, core->now_ms);
    }
}

void session_expire(struct router_core *core)
{
    uint32_t index = 0;
    for (int i = 0; i < EXPIRE_PER_STEP_MAX && wheel_pop(core->grace, core->now_ms, &index); i++) {
        struct conn *conn = slotmap_at(&core->conns, index);
        assert(conn != NULL && !conn->attached && "freeing one clears its deadline");
        if (core_synced(core)) {
            drop(core, conn);
            continue;
        }
        uint64_t again = core->now_ms + EXPIRE_RETRY_MS;
        again = again < core->rebuild_until_ms ? core->rebuild_until_ms : again;
        wheel_set(core->grace, index, again);
    }
}

void session_end_tokens(struct router_core *core)
{
    uint32_t index = 0;
    for (int i = 0; i < EXPIRE_PER_STEP_MAX && wheel_pop(core->token_ends, core->now_ms, &index);
         i++) {
        struct conn *conn = slotmap_at(&core->conns, index);
        assert(conn != NULL && "freeing one clears its deadline");
        if (conn->attached && !conn->told_to_go) {
            core->counters.tokens_ended++;
            conn->told_to_go = true;
            effects_close(&core->effects, conn->ref, CLOSE_TOKEN_EXPIRED,
                          BYTES_LIT("Token expired"));
        }
    }
}

void session_conn_closed(struct router_core *core, const struct core_event *event)
{
    struct conn *conn = conn_find(core, event->conn);
    if (conn == NULL) {
        return;
    }
    if (conn->waiting && !load_ready(core, &conn->user->inbox)) {
        (void)load_park(core, &conn->user->inbox, event); /* behind what it said before */
        return;
    }
    if (event->clean) {
        session_end(core, conn);
        return;
    }
    loss_of_conn(core, conn,
                 event->drained ? edges_get(&core->edges, event->conn.edge)->delay_ms : 0);
}

static struct conn *oldest_attached(const struct user *user)
{
    struct conn *conn = user->oldest;
    while (conn != NULL && !conn->attached) {
        conn = conn->newer;
    }
    return conn;
}

/* False when the newcomer is refused. */
static bool make_place(struct router_core *core, struct user *user, struct conn_ref newcomer)
{
    uint32_t max = core->config.connections_per_user_max;
    if (max == 0 || user->attached < max) {
        return true;
    }
    static const char text[] = "Connection limit of this user";
    if (!core->config.kick_oldest) {
        core->counters.refused_user_limit++;
        effects_close(&core->effects, newcomer, CLOSE_USER_LIMIT, bytes_of_str(text));
        return false;
    }
    struct conn *oldest = oldest_attached(user);
    assert(oldest != NULL);
    effects_close(&core->effects, oldest->ref, CLOSE_USER_LIMIT, bytes_of_str(text));
    /* The user goes on with the newcomer: neither rooms nor watchers are to hear of a loss that
     * the grace may heal. */
    session_lose(core, oldest, core->now_ms + core->config.grace_ms);
    return true;
}

/* False when the newcomer is refused: its address has as many connections, at all edges, as may be.
 */
static bool address_has_place(struct router_core *core, const struct core_event *event)
{
    uint32_t max = core->config.connections_per_address_max;
    struct address address;
    if (max == 0 || !address_parse(event->session->address, &address) ||
        ip_counts_of(&core->addresses, &address) < max) {
        return true;
    }
    core->counters.refused_address_limit++;
    effects_close(&core->effects, event->conn, CLOSE_POLICY,
                  BYTES_LIT("Connection limit of this address"));
    return false;
}

static void emit_accept(struct router_core *core, const struct conn *conn)
{
    char address[ADDRESS_TEXT_MAX];
    struct session_info *info = effects_alloc(&core->effects, 1, sizeof(*info));
    *info = (struct session_info){
        .user = user_name(conn->user),
        .address = effects_copy(&core->effects, conn_address(conn, address)),
        .agent = conn_agent(conn),
        .rights = effects_copy(&core->effects, conn_rights(conn)),
        .connected_at_ms = conn->connected_at_ms,
        .expires_at_ms = conn_rare(conn)->expires_at_ms,
        .encoding = conn->encoding,
    };
    struct core_effect *effect = effects_add(&core->effects, CORE_ACCEPT);
    effect->conn = conn->ref;
    effect->session = info;
}

/* It may not join any more: so it is not in either. */
static void leave_forbidden_rooms(struct router_core *core, struct conn *conn)
{
    for (uint32_t i = conn->rooms.count; i-- > 0;) {
        const struct room *room = room_by_group(core, conn_ids_all(&conn->rooms)[i]);
        if (!conn_may(core, conn, channel_name(&room->channel), RIGHT_JOIN)) {
            session_put_out(core, conn, room, BYTES_LIT("the new token does not allow it"));
        }
    }
}

void session_renew(struct router_core *core, struct conn *conn,
                   const struct command_renewed *renewed)
{
    conn_set_token_end(core, conn, renewed->expires_at_ms);
    conn_set_rights(conn, renewed->rights);
    user_set_info(conn->user, rights_info(renewed->rights));
    leave_forbidden_rooms(core, conn);
    emit_accept(core, conn); /* the next router is to know it too */
}

static void send_welcome(struct router_core *core, const struct conn *conn)
{
    const struct core_config *config = &core->config;
    struct bytes edge_id = router_edge_id(edges_get(&core->edges, conn->ref.edge));
    struct push_welcome *welcome = effects_alloc(&core->effects, 1, sizeof(*welcome));
    *welcome = (struct push_welcome){
        .edge_id = edge_id,
        .slot = conn->ref.slot,
        .gen = conn->ref.gen,
        .user = user_name(conn->user),
        .heartbeat_interval_ms = config->heartbeat_interval_ms,
        .heartbeat_timeout_ms = config->heartbeat_timeout_ms,
        .message_bytes = config->message_bytes,
        .messages_per_second = config->rates.messages_per_second,
        .bytes_per_second = config->rates.bytes_per_second,
        .rooms = config->rooms_per_connection_max,
        .inbox_epoch = conn->user->inbox.epoch,
        .inbox_offset = conn->user->inbox.top,
        .expires_at_ms = conn_rare(conn)->expires_at_ms,
    };
    struct push *push = effects_push(&core->effects, PUSH_WELCOME);
    push->welcome = welcome;
    effects_send(&core->effects, conn->ref, push);
    struct push *routing = effects_push(&core->effects, PUSH_ROUTING_TOKEN);
    routing->token = edge_id;
    effects_send(&core->effects, conn->ref, routing);
}

/* True when the connection may be opened: its edge is up and the slot is, or is made, free. */
static bool slot_is_free(struct router_core *core, struct conn_ref ref)
{
    const struct router_edge *edge = edges_get(&core->edges, ref.edge);
    if (edge == NULL || ref.slot >= EDGE_SLOTS_MAX) {
        return false;
    }
    struct conn *old = slotmap_get(&core->conns, router_edge_conn(edge, ref.slot));
    if (old != NULL && (int32_t)(ref.gen - old->ref.gen) < 0) {
        return false; /* sent again by an edge that announced the next one of this slot already */
    }
    if (old != NULL && old->ref.gen != ref.gen) {
        session_lose(core, old, core->now_ms + core->config.grace_ms);
        return true;
    }
    return old == NULL;
}

void session_conn_open(struct router_core *core, const struct core_event *event)
{
    if (!slot_is_free(core, event->conn)) {
        return;
    }
    struct bytes name = event->session->user;
    if (!client_name_valid(name)) {
        effects_close(&core->effects, event->conn, CLOSE_UNAUTHORIZED, BYTES_LIT("Unauthorized"));
        return;
    }
    if (session_refuses_banned(core, event) || !address_has_place(core, event)) {
        return;
    }
    struct user *user = user_ensure(core, name);
    if (user == NULL) {
        effects_close(&core->effects, event->conn, CLOSE_OVERLOADED, BYTES_LIT("Too many users"));
        return;
    }
    if (!make_place(core, user, event->conn)) {
        return;
    }
    idle_remove(&user->idle); /* loading must not take this one */
    bool ready = load_ready(core, &user->inbox);
    bool was_online = user_online(user);
    struct conn *conn = conn_new(core, user, event->conn, event->session);
    taps_connection(core, user, event->conn, CORE_TAPPED_CONNECTED);
    loss_user_returned(core, user);
    if (ready) {
        session_admit(core, conn, true);
    } else if (!load_park(core, &user->inbox, event)) {
        session_turn_away(core, conn);
        return;
    }
    session_came_online(core, user, was_online, core->wall_ms, false);
}

void session_admit(struct router_core *core, struct conn *conn, bool aloud)
{
    bool first = conn_enter_inbox(core, conn);
    if (aloud) {
        emit_accept(core, conn);
    }
    channel_emit_add(core, &conn->user->inbox, conn->ref, first || !aloud);
    if (aloud) {
        send_welcome(core, conn);
    }
}

void session_turn_away(struct router_core *core, struct conn *conn)
{
    effects_close(&core->effects, conn->ref, CLOSE_OVERLOADED, BYTES_LIT("Try again later"));
    session_end(core, conn);
}

void session_recovered(struct router_core *core, struct conn *conn, const struct push *push)
{
    uint64_t bytes = push->message.payload.len;
    for (size_t i = 0; i < push->message_count; i++) {
        bytes += push->messages[i].payload.len;
    }
    policy_recovered(rates_made(core, conn), &core->config, bytes, core->now_ms);
}

static void joined(struct router_core *core, struct conn *conn, const struct message *message)
{
    session_ok(core, conn, message->reply.id, message->ok);
    for (size_t i = 0; i < message->missed_count; i++) {
        effects_send(&core->effects, conn->ref, message->missed[i]);
        session_recovered(core, conn, message->missed[i]);
    }
    if (!message->member) {
        conn_add_room(core, conn, message->group);
        struct channel *channel = channel_find(core, message->group);
        channel_emit_add(core, channel, conn->ref, message->first_on_edge);
        if (message->first_on_edge) {
            roster_known(core, channel, conn->ref.edge);
        }
    }
}

/* A push may be NULL: nothing is to be told. */
static struct core_effect *catch_up(struct router_core *core, struct conn_ref conn, uint64_t token,
                                    const struct push *push)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_CATCH_UP);
    effect->conn = conn;
    effect->push = push;
    effect->token = token;
    return effect;
}

/* An edge gave up waiting for what lacked (rooms alone leave deliveries out for who is slow). */
static void inbox_lagging(struct router_core *core, struct conn *conn,
                          const struct core_event *event)
{
    struct channel *inbox = &conn->user->inbox;
    if (!bytes_equal(event->group->name, channel_name(inbox)) || conn->waiting) {
        return;
    }
    if (!load_ready(core, inbox)) {
        (void)load_park(core, inbox, event); /* never refused */
        return;
    }
    bool same = event->group->epoch == inbox->epoch;
    uint64_t from = same ? event->last_offset : 1;
    former_lagging(core, inbox, conn->ref.edge, event->group->epoch, event->to_offset);
    const struct push *former = former_gap(core, inbox, event->group->epoch, event->last_offset);
    repair_emit_top(core, inbox, conn->ref.edge);
    if (former != NULL) {
        catch_up(core, conn->ref, event->token, former)->last = false;
    }
    struct push *gap = from > inbox->top ? NULL : effects_push(&core->effects, PUSH_GAP);
    if (gap != NULL) {
        gap->from = from;
        gap->to = inbox->top;
    }
    catch_up(core, conn->ref, event->token, gap)->last = true;
}

void session_lagging(struct router_core *core, const struct core_event *event)
{
    struct conn *conn = conn_find(core, event->conn);
    if (conn != NULL && event->group->kind == CHANNEL_INBOX) {
        inbox_lagging(core, conn, event);
        return;
    }
    if (conn == NULL || event->group->kind != CHANNEL_ROOM) {
        return;
    }
    struct room *room = room_find(core, event->group->name);
    if (room != NULL && !load_ready(core, &room->channel)) {
        (void)load_park(core, &room->channel, event); /* never refused */
        return;
    }
    mailbox_post(&core->mailbox, &(struct message){.kind = ROOM_LAGGING,
                                                   .reply = {.conn = conn->id},
                                                   .conn = conn->ref,
                                                   .newest = event->to_offset,
                                                   .room = event->group->name,
                                                   .epoch = event->group->epoch,
                                                   .offset = event->last_offset,
                                                   .token = event->token});
}

/* A connection that is not in the room any more: its edge is being told so. */
static void lagged(struct router_core *core, const struct conn *conn, const struct message *message)
{
    if (conn_in_room(conn, message->group)) {
        repair_emit_top(core, channel_find(core, message->group), conn->ref.edge);
    }
    for (size_t i = 0; i < message->missed_count && conn_in_room(conn, message->group); i++) {
        catch_up(core, conn->ref, message->token, message->missed[i])->last =
            i + 1 == message->missed_count;
    }
}

static void admin_published(struct router_core *core, const struct message *message)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_ADMIN_DONE);
    effect->admin = message->reply.admin;
    effect->error = message->error;
    if (message->ok != NULL) {
        effect->found = true;
        effect->epoch = message->ok->epoch;
        effect->offset = message->ok->offset;
        effect->duplicate = message->ok->duplicate;
        effect->count = message->ok->delivered;
    }
}

void session_message(struct router_core *core, const struct message *message)
{
    if (message->reply.conn == 0) {
        admin_published(core, message);
        return;
    }
    struct conn *conn = slotmap_get(&core->conns, message->reply.conn);
    if (conn == NULL || !conn->attached) {
        return; /* gone before the engine had finished */
    }
    core->answered = message->reply.number;
    if (message->error != CLIENT_ERROR_NONE) {
        session_error(core, conn, message->reply.id, message->error, bytes_of_str(message->reason),
                      message->retry_ms);
    } else if (message->kind == SESSION_JOINED) {
        joined(core, conn, message);
    } else if (message->kind == SESSION_LAGGED) {
        lagged(core, conn, message);
    } else {
        session_ok(core, conn, message->reply.id, message->ok);
        session_recovered(core, conn, message->ok);
    }
}
