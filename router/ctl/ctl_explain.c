#include "router/ctl/ctl_explain.h"

#include "router/ctl/ctl_explain_edge.h"
#include "router/ctl/ctl_json_parts.h"
#include "router/ctl/ctl_table.h"
#include "router/ctl/ctl_text.h"

#include <string.h>

/* A queue of this much at an edge is seconds of delay rather than milliseconds. */
enum { QUEUE_NOTABLE = 1024 * 1024 };

struct row {
    bool holds;
    struct ctl_finding finding;
};

static size_t pick(const struct row *rows, size_t count,
                   struct ctl_finding findings[CTL_FINDINGS_MAX])
{
    size_t found = 0;
    for (size_t i = 0; i < count && found < CTL_FINDINGS_MAX; i++) {
        if (rows[i].holds) {
            findings[found++] = rows[i].finding;
        }
    }
    return found;
}

size_t ctl_explain_user(const Splitrail__Admin__Explanation *facts,
                        struct ctl_finding findings[CTL_FINDINGS_MAX])
{
    bool offline = facts->user->connections == 0 && facts->user->detached == 0;
    const struct row rows[] = {
        {facts->ban != NULL, {"user_banned", "the user is banned", true}},
        {!facts->known, {"user_unknown", "the router has never seen this user", true}},
        {facts->known && offline, {"user_offline", "the user is offline", true}},
        {!offline && !facts->is_member,
         {"not_member", "no connection of the user has joined the room", true}},
        {!facts->room_known, {"room_unknown", "nobody has the room in memory", false}},
        {strcmp(facts->room->class_, "ephemeral") == 0,
         {"room_ephemeral", "the room keeps nothing: who is away misses its messages", false}},
        {facts->slow_gap,
         {"slow_gap", "who reads slowly is left out here, and told by gap", false}},
    };
    return pick(rows, sizeof(rows) / sizeof(rows[0]), findings);
}

size_t ctl_explain_conn(const Splitrail__Admin__Explanation *facts,
                        const Splitrail__Admin__ExplainedConn *conn,
                        struct ctl_finding findings[CTL_FINDINGS_MAX])
{
    const Splitrail__Admin__Edge *edge = conn->edge;
    const char *state = edge == NULL ? "" : edge->state;
    bool silent = edge == NULL || strcmp(state, "suspect") == 0 || strcmp(state, "down") == 0;
    bool queued = edge != NULL && edge->queued_bytes + edge->unacked_bytes >= QUEUE_NOTABLE;
    const Splitrail__Admin__EdgeView *view = conn->view;
    bool seen = view != NULL && view->open;
    (void)facts;
    const struct row rows[] = {
        {!conn->conn->attached,
         {"detached", "the connection is lost: it gets what it missed when it comes back", true}},
        {conn->address_ban != NULL, {"address_banned", "its address is banned", true}},
        {conn->told_to_go, {"told_to_go", "it was told to close", true}},
        {conn->waiting,
         {"waiting", "it is not let in yet: the user's inbox is being read from disk", true}},
        {!conn->joined, {"not_joined", "it has not joined the room", true}},
        {!conn->joined && !conn->may_join,
         {"may_not_join", "and may not: its token or the namespace's policy forbids it", true}},
        {conn->conn->attached && silent,
         {"edge_silent", "its edge does not answer the router", true}},
        {conn->conn->attached && conn->unseen[0] != 0,
         {"edge_untold", "what its edge itself knows of it could not be learned", false}},
        {view != NULL && !view->open,
         {"edge_lacks", "its edge has no such open connection any more", true}},
        {seen && conn->joined && !view->in_group,
         {"edge_not_joined", "its edge does not have it among the members of the room", true}},
        {seen && view->lags,
         {"left_out", "it reads too slowly: it is left out here until it has read what waits",
          true}},
        {seen && view->group_waits,
         {"edge_repairs", "its edge lacks a message of the room and waits for it", true}},
        {seen && view->closing_ms != 0,
         {"closing", "its edge is about to close it: the client is to move", false}},
        {seen && view->over_soft_ms != 0,
         {"over_soft", "more than --soft-output waits for it: it reads too slowly", false}},
        {seen && view->over_soft_ms == 0 && view->queued_bytes != 0,
         {"waits", "something waits for it: its network or its reading is slow", false}},
        {seen && view->ping_ms != 0,
         {"ping_unanswered", "it has not answered the last ping yet", false}},
        {seen && view->n_paused != 0, {"not_read", "its edge does not read from it now", false}},
        {conn->edge_held || queued,
         {"edge_slow", "its edge is slow to take what the router sends", false}},
        {strcmp(state, "draining") == 0,
         {"edge_draining", "its edge drains: the client is told to move", false}},
        {edge != NULL && !edge->synced,
         {"edge_announces", "its edge still announces what it has", false}},
        {conn->retry_ms != 0,
         {"rate_limited", "it has used up its rate: what it sends is refused for now", false}},
        {conn->joined && !conn->may_history,
         {"no_recovery", "it may not ask for history: what it misses it cannot get", false}},
    };
    return pick(rows, sizeof(rows) / sizeof(rows[0]), findings);
}

static bool stops(const struct ctl_finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (findings[i].stops) {
            return true;
        }
    }
    return false;
}

static void size_cell(struct ctl_table *table, uint64_t bytes)
{
    struct buf text;
    buf_init(&text, 0);
    ctl_text_size(bytes, &text);
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

static void print_conns(const Splitrail__Admin__Explanation *facts, struct buf *out)
{
    static const char *const headers[] = {"CONNECTION",  "STATE",    "JOINED",   "MAY",     "EDGE",
                                          ">EDGE QUEUE", ">UNACKED", ">TOLD TO", "VERDICT", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    struct ctl_finding findings[CTL_FINDINGS_MAX];
    for (size_t i = 0; i < facts->n_conns; i++) {
        const Splitrail__Admin__ExplainedConn *conn = facts->conns[i];
        bool gets = !stops(findings, ctl_explain_conn(facts, conn, findings));
        ctl_table_str(table, conn->conn->id);
        ctl_table_str(table, conn->conn->attached ? "attached" : "detached");
        ctl_table_str(table, conn->joined ? "yes" : "no");
        ctl_table_str(table, conn->may_join && conn->may_publish ? "join, publish"
                             : conn->may_join                    ? "join"
                             : conn->may_publish                 ? "publish"
                                                                 : "nothing");
        ctl_table_str(table, conn->edge == NULL ? "gone" : conn->edge->state);
        size_cell(table, conn->edge == NULL ? 0 : conn->edge->queued_bytes);
        size_cell(table, conn->edge == NULL ? 0 : conn->edge->unacked_bytes);
        ctl_table_u64(table, conn->told_offset);
        ctl_table_str(table, gets ? "gets them" : "does not");
    }
    ctl_table_print(table, out);
    ctl_table_free(&table);
}

static void print_findings(const char *who, const struct ctl_finding *findings, size_t count,
                           struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_str(out, findings[i].stops ? "  NO   " : "  note ");
        ctl_text_clean(bytes_of_str(who), out);
        buf_append_str(out, ": ");
        buf_append_str(out, findings[i].text);
        buf_append_byte(out, '\n');
    }
}

static void print_head(const Splitrail__Admin__Explanation *facts, bool gets, struct buf *out)
{
    ctl_text_clean(bytes_of_str(facts->user->name), out);
    buf_append_str(out, gets ? " gets the messages of " : " does not get the messages of ");
    ctl_text_clean(bytes_of_str(facts->room->name), out);
    buf_append_str(out, " (");
    ctl_text_clean(bytes_of_str(facts->room->class_), out);
    buf_append_str(out, ", newest offset ");
    buf_append_u64(out, facts->room->offset);
    buf_append_str(out, ", ");
    buf_append_u64(out, facts->room->members);
    buf_append_str(out, " members)\n");
}

static bool any_gets(const Splitrail__Admin__Explanation *facts)
{
    struct ctl_finding findings[CTL_FINDINGS_MAX];
    bool gets = false;
    for (size_t i = 0; i < facts->n_conns; i++) {
        gets = gets || !stops(findings, ctl_explain_conn(facts, facts->conns[i], findings));
    }
    return gets && !stops(findings, ctl_explain_user(facts, findings));
}

void ctl_explain_print(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    const Splitrail__Admin__Explanation *facts = reply->explanation;
    struct ctl_finding findings[CTL_FINDINGS_MAX];
    if (facts == NULL || facts->user == NULL || facts->room == NULL) {
        return;
    }
    print_head(facts, any_gets(facts), out);
    print_findings(facts->user->name, findings, ctl_explain_user(facts, findings), out);
    for (size_t i = 0; i < facts->n_conns; i++) {
        print_findings(facts->conns[i]->conn->id, findings,
                       ctl_explain_conn(facts, facts->conns[i], findings), out);
    }
    if (facts->n_conns > 0) {
        buf_append_byte(out, '\n');
        print_conns(facts, out);
        ctl_explain_views(facts, out);
    }
}

static json_t *findings_json(const struct ctl_finding *findings, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        ctl_json_set(object, "code", ctl_json_text(findings[i].code));
        ctl_json_set(object, "text", ctl_json_text(findings[i].text));
        ctl_json_set(object, "stops", json_boolean(findings[i].stops));
        ctl_json_add(array, object);
    }
    return array;
}

static json_t *conn_json(const Splitrail__Admin__Explanation *facts,
                         const Splitrail__Admin__ExplainedConn *conn)
{
    struct ctl_finding findings[CTL_FINDINGS_MAX];
    size_t count = ctl_explain_conn(facts, conn, findings);
    json_t *object = json_object();
    ctl_json_set(object, "connectionId", ctl_json_text(conn->conn->id));
    ctl_json_set(object, "gets", json_boolean(!stops(findings, count)));
    ctl_json_set(object, "attached", json_boolean(conn->conn->attached));
    ctl_json_set(object, "joined", json_boolean(conn->joined));
    ctl_json_set(object, "mayJoin", json_boolean(conn->may_join));
    ctl_json_set(object, "mayPublish", json_boolean(conn->may_publish));
    ctl_json_set(object, "mayHistory", json_boolean(conn->may_history));
    ctl_json_set(object, "toldOffset", ctl_json_number(conn->told_offset));
    ctl_json_set(object, "retryMs", ctl_json_number(conn->retry_ms));
    ctl_json_set(object, "expiresAt",
                 conn->expires_at_ms == 0 ? json_null() : ctl_json_number(conn->expires_at_ms));
    if (conn->edge != NULL) {
        ctl_json_set(object, "edge", ctl_json_text(conn->edge->id));
        ctl_json_set(object, "edgeState", ctl_json_text(conn->edge->state));
        ctl_json_set(object, "edgeQueuedBytes", ctl_json_number(conn->edge->queued_bytes));
        ctl_json_set(object, "edgeUnackedBytes", ctl_json_number(conn->edge->unacked_bytes));
    }
    ctl_explain_view_json(conn, object);
    ctl_json_set(object, "findings", findings_json(findings, count));
    return object;
}

void ctl_explain_json(const Splitrail__Admin__Reply *reply, json_t *root)
{
    const Splitrail__Admin__Explanation *facts = reply->explanation;
    struct ctl_finding findings[CTL_FINDINGS_MAX];
    if (facts == NULL || facts->user == NULL || facts->room == NULL) {
        return;
    }
    json_t *conns = json_array();
    for (size_t i = 0; i < facts->n_conns; i++) {
        ctl_json_add(conns, conn_json(facts, facts->conns[i]));
    }
    ctl_json_set(root, "userId", ctl_json_text(facts->user->name));
    ctl_json_set(root, "roomId", ctl_json_text(facts->room->name));
    ctl_json_set(root, "gets", json_boolean(any_gets(facts)));
    ctl_json_set(root, "class", ctl_json_text(facts->room->class_));
    ctl_json_set(root, "offset", ctl_json_number(facts->room->offset));
    ctl_json_set(root, "findings", findings_json(findings, ctl_explain_user(facts, findings)));
    ctl_json_set(root, "connections", conns);
}
