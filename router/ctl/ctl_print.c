/* Answers for people: tables, then one line that says how fresh they are. */
#include "router/ctl/ctl_events.h"
#include "router/ctl/ctl_explain.h"
#include "router/ctl/ctl_limits.h"
#include "router/ctl/ctl_log.h"
#include "router/ctl/ctl_reload.h"
#include "router/ctl/ctl_reply.h"
#include "router/ctl/ctl_table.h"
#include "router/ctl/ctl_text.h"

static void line(struct buf *out, const char *label, const char *value)
{
    buf_append_str(out, label);
    ctl_text_clean(bytes_of_str(value), out);
    buf_append_byte(out, '\n');
}

static void finish_table(struct ctl_table *table, struct buf *out)
{
    ctl_table_print(table, out);
    ctl_table_free(&table);
}

static void time_cell(struct ctl_table *table, uint64_t at_ms, uint64_t now_ms)
{
    struct buf text;
    buf_init(&text, 0);
    ctl_text_time(at_ms, now_ms, &text);
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

static void age_cell(struct ctl_table *table, uint64_t age_ms)
{
    struct buf text;
    buf_init(&text, 0);
    ctl_text_age(age_ms, &text);
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

static void size_cell(struct ctl_table *table, uint64_t bytes)
{
    struct buf text;
    buf_init(&text, 0);
    ctl_text_size(bytes, &text);
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

static void hex_cell(struct ctl_table *table, uint64_t value)
{
    struct buf text;
    buf_init(&text, 0);
    buf_append_hex(&text, value, 16);
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

static void rooms_cell(struct ctl_table *table, char *const *rooms, size_t count)
{
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < count; i++) {
        buf_append_str(&text, i == 0 ? "" : " ");
        buf_append_str(&text, rooms[i]);
    }
    ctl_table_cell(table, buf_bytes(&text));
    buf_fini(&text);
}

static void print_users(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {
        "USER", "STATE", "SINCE OR LAST SEEN", ">CONNS", ">DETACHED", ">WATCHERS", ">INBOX", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reply->n_users; i++) {
        const Splitrail__Admin__User *user = reply->users[i];
        ctl_table_str(table, user->name);
        ctl_table_str(table, user->online ? "online" : "offline");
        time_cell(table, user->since_ms, reply->as_of_ms);
        ctl_table_u64(table, user->connections);
        ctl_table_u64(table, user->detached);
        ctl_table_u64(table, user->watchers);
        ctl_table_u64(table, user->inbox_offset);
    }
    finish_table(table, out);
}

static void conn_cells(struct ctl_table *table, const Splitrail__Admin__Conn *conn, uint64_t now_ms)
{
    ctl_table_str(table, conn->user);
    ctl_table_str(table, conn->id);
    ctl_table_str(table, conn->edge);
    ctl_table_str(table, conn->attached ? "attached" : "detached");
    ctl_table_str(table, conn->address);
    time_cell(table, conn->connected_at_ms, now_ms);
    time_cell(table, conn->last_activity_ms, now_ms);
}

static void print_presence_conns(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {"USER",      "CONNECTION",    "EDGE",  "STATE", "ADDRESS",
                                          "CONNECTED", "LAST ACTIVITY", "ROOMS", "AGENT", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    size_t count = 0;
    for (size_t i = 0; i < reply->n_users; i++) {
        for (size_t k = 0; k < reply->users[i]->n_conns; k++) {
            const Splitrail__Admin__Conn *conn = reply->users[i]->conns[k];
            conn_cells(table, conn, reply->as_of_ms);
            rooms_cell(table, conn->rooms, conn->n_rooms);
            ctl_table_str(table, conn->agent);
            count++;
        }
    }
    if (count > 0) {
        buf_append_byte(out, '\n');
        ctl_table_print(table, out);
    }
    ctl_table_free(&table);
}

static void print_members(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {"MEMBER", ">CONNS", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reply->n_members; i++) {
        ctl_table_str(table, reply->members[i]->user);
        ctl_table_u64(table, reply->members[i]->connections);
    }
    finish_table(table, out);
}

static void print_rooms(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {"ROOM",    "CLASS",  ">MEMBERS", ">CONNS", "EPOCH",
                                          ">OFFSET", ">FIRST", ">HISTORY", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reply->n_rooms; i++) {
        const Splitrail__Admin__Room *room = reply->rooms[i];
        ctl_table_str(table, room->name);
        ctl_table_str(table, room->class_);
        ctl_table_u64(table, room->members);
        ctl_table_u64(table, room->connections);
        ctl_table_str(table, room->epoch);
        ctl_table_u64(table, room->offset);
        ctl_table_u64(table, room->first_offset);
        size_cell(table, room->history_bytes);
    }
    finish_table(table, out);
}

static void print_conns(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {"USER",    "CONNECTION", "EDGE",          "STATE",
                                          "ADDRESS", "CONNECTED",  "LAST ACTIVITY", ">ROOMS",
                                          "AGENT",   NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reply->n_conns; i++) {
        const Splitrail__Admin__Conn *conn = reply->conns[i];
        conn_cells(table, conn, reply->as_of_ms);
        ctl_table_u64(table, conn->room_count);
        ctl_table_str(table, conn->agent);
    }
    finish_table(table, out);
}

static void print_conn_rooms(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {"ROOM", NULL};
    if (reply->n_conns == 0 || reply->conns[0]->n_rooms == 0) {
        return;
    }
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reply->conns[0]->n_rooms; i++) {
        ctl_table_str(table, reply->conns[0]->rooms[i]);
    }
    buf_append_byte(out, '\n');
    finish_table(table, out);
}

static void print_edges(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {"EDGE",      "STATE",       "SYNCED",  ">CONNS",
                                          ">DETACHED", ">LINK",       ">SILENT", ">UNACKED",
                                          ">QUEUED",   "INCARNATION", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reply->n_edges; i++) {
        const Splitrail__Admin__Edge *edge = reply->edges[i];
        ctl_table_str(table, edge->id);
        ctl_table_str(table, edge->state);
        ctl_table_str(table, edge->synced ? "yes" : "no");
        ctl_table_u64(table, edge->connections);
        ctl_table_u64(table, edge->detached);
        age_cell(table, edge->link_age_ms);
        age_cell(table, edge->silent_ms);
        size_cell(table, edge->unacked_bytes);
        size_cell(table, edge->queued_bytes);
        hex_cell(table, edge->incarnation);
    }
    finish_table(table, out);
}

static void print_stats(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {"FIGURE", ">VALUE", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reply->n_figures; i++) {
        ctl_table_str(table, reply->figures[i]->name);
        ctl_table_u64(table, (uint64_t)reply->figures[i]->value);
    }
    finish_table(table, out);
}

static void print_bans(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {"USER", "ADDRESS", "SINCE", "LEFT", "BY", "REASON", NULL};
    struct ctl_table *table = ctl_table_new(headers);
    for (size_t i = 0; i < reply->n_bans; i++) {
        const Splitrail__Admin__BanInfo *ban = reply->bans[i];
        ctl_table_str(table, ban->user);
        ctl_table_str(table, ban->ip);
        time_cell(table, ban->created_ms, reply->as_of_ms);
        if (ban->until_ms == 0) {
            ctl_table_str(table, "until unban");
        } else {
            age_cell(table, ban->left_ms);
        }
        ctl_table_str(table, ban->by);
        ctl_table_str(table, ban->reason);
    }
    finish_table(table, out);
}

static void print_done(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                       struct buf *out)
{
    if (reply->done == NULL) {
        return;
    }
    if (args->command == CTL_UNBAN_USER || args->command == CTL_UNBAN_IP) {
        buf_append_str(out, "the ban has ended");
    } else if (args->command == CTL_PUBLISH) {
        buf_append_str(out, "published as offset ");
        buf_append_u64(out, reply->done->offset);
    } else {
        buf_append_str(out, args->command == CTL_SEND ? "delivered to "
                            : args->command == CTL_BAN_USER || args->command == CTL_BAN_IP
                                ? "banned, closed "
                                : "kicked ");
        buf_append_u64(out, reply->done->count);
        buf_append_str(out, reply->done->count == 1 ? " connection" : " connections");
    }
    buf_append_str(out, reply->done->duplicate ? " (had been done before: same key)\n" : "\n");
}

static void print_uptime(const Splitrail__Admin__Info *info, struct buf *out)
{
    buf_append_str(out, "up for   ");
    ctl_text_age(info->uptime_ms, out);
    buf_append_byte(out, '\n');
}

static void print_health(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    const Splitrail__Admin__Info *info = reply->info;
    if (info == NULL) {
        return;
    }
    line(out, "router   ", info->router_id);
    line(out, "ready    ", info->ready ? "yes" : "no");
    for (size_t i = 0; i < info->n_reasons; i++) {
        line(out, "reason   ", info->reasons[i]);
    }
    print_uptime(info, out);
}

static void print_version(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    line(out, "splitrailctl     ", SPLITRAIL_VERSION);
    if (reply->info != NULL) {
        line(out, "splitrail-router ", reply->info->version);
    }
}

static void print_freshness(const Splitrail__Admin__Reply *reply, size_t shown, struct buf *out)
{
    buf_append_str(out, "\n");
    if (reply->total > shown) {
        buf_append_u64(out, shown);
        buf_append_str(out, " of ");
        buf_append_u64(out, reply->total);
        buf_append_str(out, " shown, ");
    }
    buf_append_str(out, "as of ");
    ctl_text_time(reply->as_of_ms, 0, out);
    buf_append_str(out, reply->synced
                            ? ", synced\n"
                            : ", not synced: edges still announce, people may be missing\n");
}

static void print_one(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                      struct buf *out)
{
    switch ((int)args->command) {
    case CTL_PRESENCE_USER:
        print_users(reply, out);
        print_presence_conns(reply, out);
        print_freshness(reply, reply->n_users, out);
        break;
    case CTL_PRESENCE_ROOM:
        print_members(reply, out);
        print_freshness(reply, reply->n_members, out);
        break;
    case CTL_CONN:
        print_conns(reply, out);
        print_conn_rooms(reply, out);
        print_freshness(reply, reply->n_conns, out);
        break;
    case CTL_ROOM:
        print_rooms(reply, out);
        buf_append_byte(out, '\n');
        print_members(reply, out);
        print_freshness(reply, reply->n_members, out);
        break;
    default:
        break;
    }
}

void ctl_print(const struct ctl_args *args, const Splitrail__Admin__Reply *reply, struct buf *out)
{
    switch ((int)args->command) {
    case CTL_PRESENCE_USER:
    case CTL_PRESENCE_ROOM:
    case CTL_CONN:
    case CTL_ROOM:
        print_one(args, reply, out);
        break;
    case CTL_USERS:
        print_users(reply, out);
        print_freshness(reply, reply->n_users, out);
        break;
    case CTL_ROOMS:
        print_rooms(reply, out);
        print_freshness(reply, reply->n_rooms, out);
        break;
    case CTL_CONNS:
        print_conns(reply, out);
        print_freshness(reply, reply->n_conns, out);
        break;
    case CTL_EDGES:
    case CTL_EDGE:
        print_edges(reply, out);
        print_freshness(reply, reply->n_edges, out);
        break;
    case CTL_STATS:
        print_stats(reply, out);
        break;
    case CTL_BANS:
        print_bans(reply, out);
        print_freshness(reply, reply->n_bans, out);
        break;
    case CTL_HISTORY:
        ctl_log_print(reply, out);
        break;
    case CTL_LIMITS_SET:
    case CTL_LIMITS_SHOW:
    case CTL_LIMITS:
        ctl_limits_print(reply, out);
        break;
    case CTL_TRACE_MESSAGE:
        ctl_event(args, reply->n_events == 0 ? NULL : reply->events[0], out);
        break;
    case CTL_EXPLAIN:
        ctl_explain_print(reply, out);
        print_freshness(reply, 0, out);
        break;
    case CTL_DRAIN:
        line(out, "told to drain and to end: ", args->operands[0]);
        break;
    case CTL_KICK_USER:
    case CTL_KICK_CONN:
    case CTL_BAN_USER:
    case CTL_BAN_IP:
    case CTL_UNBAN_USER:
    case CTL_UNBAN_IP:
    case CTL_PUBLISH:
    case CTL_SEND:
        print_done(args, reply, out);
        break;
    case CTL_RELOAD:
        ctl_reload_print(reply, out);
        break;
    case CTL_VERSION:
        print_version(reply, out);
        break;
    default: /* the others go on, or ask no router */
        print_health(reply, out);
        break;
    }
}

void ctl_failure(const struct ctl_args *args, const Splitrail__Admin__Reply *reply,
                 enum ctl_exit code, struct buf *out)
{
    buf_append_str(out, "splitrailctl: ");
    ctl_text_clean(bytes_of_str(reply->text), out);
    if (args->operand_count > 0 && code == CTL_EXIT_NOT_FOUND) {
        buf_append_str(out, ": ");
        ctl_text_clean(bytes_of_str(args->operands[0]), out);
    }
    buf_append_byte(out, '\n');
}
