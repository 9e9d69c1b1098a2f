/* Why somebody gets the messages of a room, or does not: the facts. What they mean is said by
 * splitrailctl. */
#include "router/admin_ask.h"
#include "router/explain.h"
#include "router/rights.h"

static Splitrail__Admin__Edge *edge_of(struct admin_ask *ask, struct bytes id, bool *ret_held)
{
    uint64_t cursor = 0;
    struct plane_edge_info info;
    while (router_plane_edge_next(ask->admin->plane, ask->now_ms, &cursor, &info)) {
        if (bytes_equal(info.id, id)) {
            *ret_held = info.held;
            return admin_make_edge(ask, &info);
        }
    }
    return NULL;
}

static void add_paused(struct admin_ask *ask, uint32_t paused, Splitrail__Admin__EdgeView *out)
{
    static const struct {
        enum plane_paused bit;
        const char *name;
    } names[] = {{PLANE_PAUSED_CONGESTION, "router busy"},
                 {PLANE_PAUSED_OUTPUT, "reads slowly"},
                 {PLANE_PAUSED_PACE, "sends too fast"},
                 {PLANE_PAUSED_ENDING, "ending"}};
    enum { NAMES = sizeof(names) / sizeof(names[0]) };
    out->paused = admin_pointers(ask, NAMES);
    for (size_t i = 0; out->paused != NULL && i < NAMES; i++) {
        if ((paused & names[i].bit) != 0) {
            out->paused[out->n_paused++] = (char *)(uintptr_t)names[i].name; /* only read */
        }
    }
}

static Splitrail__Admin__EdgeView *make_view(struct admin_ask *ask, const struct inquired *told)
{
    Splitrail__Admin__EdgeView *out = admin_room(ask, 1, sizeof(*out));
    const struct plane_conn_state *state = &told->state;
    if (out == NULL) {
        return NULL;
    }
    splitrail__admin__edge_view__init(out);
    out->open = told->open;
    out->took_ms = told->took_ms;
    out->queued_bytes = state->queued_bytes;
    out->queued_messages = state->queued_messages;
    out->soft_bytes = state->soft_bytes;
    out->hard_bytes = state->hard_bytes;
    out->over_soft_ms = state->over_soft_ms;
    out->silent_ms = state->silent_ms;
    out->message_ms = state->message_ms;
    out->ping_ms = state->ping_ms;
    out->closing_ms = state->closing_ms;
    out->behind = state->behind;
    out->in_group = state->in_group;
    out->group_offset = state->group_offset;
    out->group_waits = state->group_waits;
    out->lags = state->lags;
    add_paused(ask, state->paused, out);
    return out;
}

static void add_view(struct admin_ask *ask, const struct admin_inquiry *inquiry,
                     struct conn_ref conn, Splitrail__Admin__ExplainedConn *out)
{
    static const char not_asked[] = "not asked: too many questions or connections at once";
    const struct inquired *told = admin_inquiry_find(inquiry, conn);
    if (told != NULL && told->unseen == NULL) {
        out->view = make_view(ask, told);
    } else {
        out->unseen = (char *)(uintptr_t)(told == NULL ? not_asked : told->unseen); /* only read */
    }
}

static Splitrail__Admin__ExplainedConn *make_conn(struct admin_ask *ask,
                                                  const struct explain_conn *conn,
                                                  const struct admin_inquiry *inquiry)
{
    Splitrail__Admin__ExplainedConn *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return NULL;
    }
    bool held = false;
    splitrail__admin__explained_conn__init(out);
    out->conn = admin_make_conn(ask, &conn->conn);
    out->joined = conn->joined;
    out->may_join = (conn->rights & RIGHT_JOIN) != 0;
    out->may_publish = (conn->rights & RIGHT_PUBLISH) != 0;
    out->may_history = (conn->rights & RIGHT_HISTORY) != 0;
    out->waiting = conn->waiting;
    out->told_to_go = conn->told_to_go;
    out->retry_ms = conn->retry_ms;
    out->expires_at_ms = conn->expires_at_ms;
    out->address_ban = conn->ban == NULL ? NULL : admin_make_ban(ask, conn->ban);
    out->edge = edge_of(ask, conn->conn.edge_id, &held);
    out->edge_held = held;
    out->told_offset = conn->told_offset;
    if (conn->conn.attached) {
        add_view(ask, inquiry, conn->conn.ref, out);
    }
    return out;
}

static void add_conns(struct admin_ask *ask, struct bytes user, struct bytes room,
                      const struct admin_inquiry *inquiry, Splitrail__Admin__Explanation *out)
{
    size_t count = (size_t)out->user->connections + out->user->detached;
    count = count < ADMIN_LIST_MAX ? count : ADMIN_LIST_MAX;
    out->conns = count == 0 ? NULL : admin_pointers(ask, count);
    uint64_t cursor = 0;
    struct explain_conn conn;
    while (!ask->overflowed && out->n_conns < count &&
           explain_conn_next(ask->core, user, room, &cursor, &conn)) {
        Splitrail__Admin__ExplainedConn *made = make_conn(ask, &conn, inquiry);
        if (made != NULL) {
            out->conns[out->n_conns++] = made;
            out->is_member = out->is_member || conn.joined;
        }
    }
}

void admin_explain_answer(struct admin_ask *ask, const char *user_name, const char *room_name,
                          const struct admin_inquiry *inquiry)
{
    struct registry_user user = {.name = bytes_of_str(user_name)};
    struct registry_room room = {.name = bytes_of_str(room_name)};
    Splitrail__Admin__Explanation *out = admin_room(ask, 1, sizeof(*out));
    if (out == NULL) {
        return;
    }
    splitrail__admin__explanation__init(out);
    const struct namespace_policy *policy = explain_policy(ask->core, room.name);
    const struct ban *ban = explain_ban(ask->core, user.name);
    out->known = registry_user_find(ask->core, user.name, &user);
    out->room_known = registry_room_find(ask->core, room.name, &room);
    room.class = out->room_known ? room.class : (enum room_class)policy->class;
    out->slow_gap = policy->slow_reader == SLOW_READER_GAP;
    out->user = admin_make_user(ask, &user);
    out->room = admin_make_room(ask, &room);
    out->ban = ban == NULL ? NULL : admin_make_ban(ask, ban);
    if (!ask->overflowed) {
        add_conns(ask, user.name, room.name, inquiry, out);
    }
    ask->reply.explanation = out;
}

void admin_explain(struct admin_ask *ask, const Splitrail__Admin__Explain *asked)
{
    struct admin_inquiry *inquiry = NULL;
    if (!client_name_valid(bytes_of_str(asked->user)) ||
        !client_name_valid(bytes_of_str(asked->room))) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "users and rooms are 1 to 128 bytes of text");
        return;
    }
    if (!admin_inquiry_begin(ask, asked->user, asked->room, &inquiry)) {
        admin_explain_answer(ask, asked->user, asked->room, inquiry);
        admin_inquiry_free(&inquiry);
    }
}
