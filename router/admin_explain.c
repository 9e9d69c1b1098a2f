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

static Splitrail__Admin__ExplainedConn *make_conn(struct admin_ask *ask,
                                                  const struct explain_conn *conn)
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
    return out;
}

static void add_conns(struct admin_ask *ask, const Splitrail__Admin__Explain *asked,
                      Splitrail__Admin__Explanation *out)
{
    const struct bytes user = bytes_of_str(asked->user);
    const struct bytes room = bytes_of_str(asked->room);
    size_t count = (size_t)out->user->connections + out->user->detached;
    count = count < ADMIN_LIST_MAX ? count : ADMIN_LIST_MAX;
    out->conns = count == 0 ? NULL : admin_pointers(ask, count);
    uint64_t cursor = 0;
    struct explain_conn conn;
    while (!ask->overflowed && out->n_conns < count &&
           explain_conn_next(ask->core, user, room, &cursor, &conn)) {
        Splitrail__Admin__ExplainedConn *made = make_conn(ask, &conn);
        if (made != NULL) {
            out->conns[out->n_conns++] = made;
            out->is_member = out->is_member || conn.joined;
        }
    }
}

void admin_explain(struct admin_ask *ask, const Splitrail__Admin__Explain *asked)
{
    struct registry_user user = {.name = bytes_of_str(asked->user)};
    struct registry_room room = {.name = bytes_of_str(asked->room)};
    if (!client_name_valid(user.name) || !client_name_valid(room.name)) {
        admin_fail(ask, ADMIN_STATUS(BAD_REQUEST), "users and rooms are 1 to 128 bytes of text");
        return;
    }
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
        add_conns(ask, asked, out);
    }
    ask->reply.explanation = out;
}
