#include "router/ctl/ctl_request.h"

#include "proto/admin.pb-c.h"
#include "proto/pb_bytes.h"

#include <stdlib.h>

enum { ADMIN_VERSION = 1, REQUEST_ID = 1 };

/* All that a request may point to, so that one function can fill it and another pack it. */
struct parts {
    Splitrail__Admin__Request request;
    Splitrail__Admin__Empty empty;
    Splitrail__Admin__One one;
    Splitrail__Admin__PresenceUsers users;
    Splitrail__Admin__PresenceRoom room;
    Splitrail__Admin__List list;
    Splitrail__Admin__Kick kick;
    Splitrail__Admin__Ban ban;
    Splitrail__Admin__Publish publish;
    Splitrail__Admin__Send send;
    Splitrail__Admin__History history;
    Splitrail__Admin__Limits limits;
    Splitrail__Admin__Explain explain;
    Splitrail__Admin__Trace trace;
};

#define ASK(name) SPLITRAIL__ADMIN__REQUEST__ASK_##name

/* protobuf-c wants char * for what it only reads, and "" for nothing. */
static char *text(const char *value)
{
    return (char *)(uintptr_t)(value == NULL ? protobuf_c_empty_string : value);
}

static void init(struct parts *parts)
{
    splitrail__admin__request__init(&parts->request);
    splitrail__admin__empty__init(&parts->empty);
    splitrail__admin__one__init(&parts->one);
    splitrail__admin__presence_users__init(&parts->users);
    splitrail__admin__presence_room__init(&parts->room);
    splitrail__admin__list__init(&parts->list);
    splitrail__admin__kick__init(&parts->kick);
    splitrail__admin__ban__init(&parts->ban);
    splitrail__admin__publish__init(&parts->publish);
    splitrail__admin__send__init(&parts->send);
    splitrail__admin__history__init(&parts->history);
    splitrail__admin__limits__init(&parts->limits);
    splitrail__admin__explain__init(&parts->explain);
    splitrail__admin__trace__init(&parts->trace);
    parts->request.version = ADMIN_VERSION;
    parts->request.id = REQUEST_ID;
}

static void ask_empty(struct parts *parts, Splitrail__Admin__Request__AskCase ask)
{
    parts->request.ask_case = ask;
    parts->request.info = &parts->empty; /* a union: one pointer for all kinds */
}

static void ask_one(struct parts *parts, Splitrail__Admin__Request__AskCase ask, const char *id)
{
    parts->one.id = text(id);
    parts->request.ask_case = ask;
    parts->request.conn = &parts->one;
}

static void ask_list(struct parts *parts, Splitrail__Admin__Request__AskCase ask,
                     const struct ctl_args *args)
{
    parts->list.prefix = text(args->prefix);
    parts->list.sort = text(args->sort);
    parts->list.limit = (uint32_t)args->limit;
    parts->list.user = text(args->user);
    parts->list.edge = text(args->edge);
    parts->list.ip = text(args->ip);
    parts->request.ask_case = ask;
    parts->request.users = &parts->list;
}

static void ask_presence(struct parts *parts, const struct ctl_args *args)
{
    if (args->command == CTL_PRESENCE_USER) {
        parts->users.users = args->operands;
        parts->users.n_users = args->operand_count;
        parts->request.ask_case = ASK(PRESENCE_USERS);
        parts->request.presence_users = &parts->users;
    } else {
        parts->room.room = args->operands[0];
        parts->room.limit = (uint32_t)args->limit;
        parts->request.ask_case = ASK(PRESENCE_ROOM);
        parts->request.presence_room = &parts->room;
    }
}

static void ask_kick(struct parts *parts, const struct ctl_args *args)
{
    parts->kick.user = args->command == CTL_KICK_USER ? args->operands[0] : text(NULL);
    parts->kick.conn = args->command == CTL_KICK_CONN ? args->operands[0] : text(NULL);
    parts->kick.room = text(args->room);
    parts->kick.reason = text(args->reason);
    parts->kick.ban_ms = (uint64_t)args->ban;
    parts->request.ask_case = ASK(KICK);
    parts->request.kick = &parts->kick;
}

static void ask_ban(struct parts *parts, const struct ctl_args *args)
{
    bool of_user = args->command == CTL_BAN_USER || args->command == CTL_UNBAN_USER;
    bool begins = args->command == CTL_BAN_USER || args->command == CTL_BAN_IP;
    *(of_user ? &parts->ban.user : &parts->ban.ip) = args->operands[0];
    parts->ban.for_ms = (uint64_t)args->ban_for;
    parts->ban.reason = text(args->reason);
    parts->request.ask_case = begins ? ASK(BAN) : ASK(UNBAN);
    parts->request.ban = &parts->ban;
}

static void ask_publish(struct parts *parts, const struct ctl_args *args)
{
    parts->publish.room = args->operands[0];
    parts->publish.payload = pb_binary(bytes_of_str(args->operands[1]));
    parts->publish.user = text(args->user);
    parts->publish.key = text(args->key);
    parts->request.ask_case = ASK(PUBLISH);
    parts->request.publish = &parts->publish;
}

static void ask_send(struct parts *parts, const struct ctl_args *args)
{
    parts->send.user = args->operands[0];
    parts->send.payload = pb_binary(bytes_of_str(args->operands[1]));
    parts->send.from = text(args->from);
    parts->send.key = text(args->key);
    parts->request.ask_case = ASK(SEND);
    parts->request.send = &parts->send;
}

static void ask_history(struct parts *parts, const struct ctl_args *args)
{
    parts->history.room = args->operands[0];
    parts->history.has_since = args->since >= 0;
    parts->history.since = args->since >= 0 ? (uint64_t)args->since : 0;
    parts->history.limit = (uint32_t)args->limit;
    parts->request.ask_case = ASK(HISTORY);
    parts->request.history = &parts->history;
}

static void ask_limits(struct parts *parts, const struct ctl_args *args)
{
    if (args->command == CTL_LIMITS_SET) {
        parts->limits.name = args->operands[0];
        parts->limits.value = args->operands[1];
    }
    parts->request.ask_case = ASK(LIMITS);
    parts->request.limits = &parts->limits;
}

static void ask_explain(struct parts *parts, const struct ctl_args *args)
{
    parts->explain.user = args->operands[0];
    parts->explain.room = args->operands[1];
    parts->request.ask_case = ASK(EXPLAIN);
    parts->request.explain = &parts->explain;
}

static void ask_trace(struct parts *parts, const struct ctl_args *args)
{
    parts->trace.room = args->operands[0];
    parts->trace.offset = strtoull(args->operands[1], NULL, 10);
    parts->request.ask_case = ASK(TRACE);
    parts->request.trace = &parts->trace;
}

/* False when it changes nothing that clients see. */
static bool fill_deed(struct parts *parts, const struct ctl_args *args)
{
    switch ((int)args->command) {
    case CTL_KICK_USER:
    case CTL_KICK_CONN:
        ask_kick(parts, args);
        return true;
    case CTL_BAN_USER:
    case CTL_BAN_IP:
    case CTL_UNBAN_USER:
    case CTL_UNBAN_IP:
        ask_ban(parts, args);
        return true;
    case CTL_PUBLISH:
        ask_publish(parts, args);
        return true;
    case CTL_SEND:
        ask_send(parts, args);
        return true;
    case CTL_DRAIN:
        ask_one(parts, ASK(DRAIN), args->operands[0]);
        return true;
    default:
        return false;
    }
}

static void fill(struct parts *parts, const struct ctl_args *args)
{
    if (fill_deed(parts, args)) {
        return;
    }
    switch ((int)args->command) {
    case CTL_PRESENCE_USER:
    case CTL_PRESENCE_ROOM:
        ask_presence(parts, args);
        break;
    case CTL_USERS:
        ask_list(parts, ASK(USERS), args);
        break;
    case CTL_ROOMS:
        ask_list(parts, ASK(ROOMS), args);
        break;
    case CTL_CONNS:
        ask_list(parts, ASK(CONNS), args);
        break;
    case CTL_CONN:
        ask_one(parts, ASK(CONN), args->operands[0]);
        break;
    case CTL_ROOM:
        ask_one(parts, ASK(ROOM), args->operands[0]);
        break;
    case CTL_EDGES:
    case CTL_EDGE:
        ask_empty(parts, ASK(EDGES));
        break;
    case CTL_HISTORY:
        ask_history(parts, args);
        break;
    case CTL_LIMITS_SET:
    case CTL_LIMITS_SHOW:
    case CTL_LIMITS:
        ask_limits(parts, args);
        break;
    case CTL_TRACE_MESSAGE:
        ask_trace(parts, args);
        break;
    case CTL_EXPLAIN:
        ask_explain(parts, args);
        break;
    case CTL_STATS:
        ask_empty(parts, ASK(STATS));
        break;
    case CTL_BANS:
        ask_list(parts, ASK(BANS), args);
        break;
    case CTL_RELOAD:
        ask_empty(parts, ASK(RELOAD));
        break;
    default: /* the others go on, or ask no router */
        ask_empty(parts, ASK(INFO));
        break;
    }
}

void ctl_request(const struct ctl_args *args, struct buf *out)
{
    struct parts parts;
    init(&parts);
    parts.request.by = text(args->by);
    fill(&parts, args);
    pb_append(&parts.request.base, out);
}
