#include "tests/support/core_driver.h"

#include "router/channel.h"
#include "router/core_internal.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct core_config core_driver_config(void)
{
    return (struct core_config){
        .seed = 42,
        .start_wall_ms = CORE_DRIVER_WALL_MS,
        .grace_ms = 5000,
        .message_bytes = 65536,
        .heartbeat_interval_ms = 30000,
        .heartbeat_timeout_ms = 10000,
        .rooms_per_connection_max = 100,
        .watches_per_connection_max = 100,
        .policy.fallback = {.class = ROOM_MEMORY, .history_messages = 100},
        .rooms_max = 1000,
        .users_max = 1000,
        .members_max = 1000,
        .history_count = 100,
        .history_bytes = 1 << 20,
        .history_total_bytes = 1 << 24,
        .idle_channel_ms = 3600 * 1000,
        .key_window = 100,
        .key_window_ms = 60000,
    };
}

void core_driver_start(struct core_driver *driver, const struct core_config *config,
                       uint32_t edge_count)
{
    *driver = (struct core_driver){.config = *config, .now_ms = 1000, .next_id = 1};
    buf_init(&driver->log, 0);
    driver->core = router_core_new(config, driver->now_ms);
    for (uint32_t i = 0; i < edge_count; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "e%u", i);
        core_driver_edge_up(driver, i, id);
        core_driver_announce_end(driver, i);
    }
    core_driver_forget(driver);
}

void core_driver_stop(struct core_driver *driver)
{
    router_core_free(&driver->core);
    buf_fini(&driver->log);
}

__attribute__((format(printf, 2, 3))) static void out(struct core_driver *driver,
                                                      const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_append_str(&driver->log, text);
}

static void out_bytes(struct core_driver *driver, const char *before, struct bytes bytes)
{
    buf_append_str(&driver->log, before);
    buf_append(&driver->log, bytes);
}

static void out_group(struct core_driver *driver, uint64_t group)
{
    static const char *const kinds[] = {"?:", "room:", "inbox:", "watch:"};
    const struct channel *channel = channel_find(driver->core, group);
    if (channel == NULL) {
        out(driver, " gone");
        return;
    }
    out(driver, " %s", kinds[channel->kind]);
    buf_append(&driver->log, channel_name(channel));
}

static void out_message(struct core_driver *driver, const struct push_message *message)
{
    out_bytes(driver, " ", message->user);
    out_bytes(driver, " ", message->payload);
    out(driver, " @%u", (unsigned)message->offset);
}

static void out_lists(struct core_driver *driver, const struct push *push)
{
    if (push->members != NULL) {
        out(driver, " members");
        for (size_t i = 0; i < push->member_count; i++) {
            out_bytes(driver, " ", push->members[i].user);
            out(driver, "*%u", push->members[i].connections);
        }
        out(driver, " total %u%s", push->total, push->synced ? "" : " unsynced");
    }
    for (size_t i = 0; i < push->user_count; i++) {
        const struct push_user *user = &push->users[i];
        out_bytes(driver, " ", user->user);
        out(driver, " %s*%u %s %u", user->online ? "online" : "offline", user->connections,
            user->online ? "since" : "seen", (unsigned)user->since_ms);
    }
    for (size_t i = 0; i < push->message_count; i++) {
        out_message(driver, &push->messages[i]);
    }
}

static void out_ok(struct core_driver *driver, const struct push *push)
{
    static const char *const names[] = {"join",     "leave", "said",    "sent",    "presence",
                                        "presence", "watch", "unwatch", "history", "inbox_history",
                                        "refresh",  "ping",  "bad"};
    out_bytes(driver, " ok ", push->id);
    out(driver, " %s", names[push->command]);
    if (push->room.len != 0) {
        out_bytes(driver, " ", push->room);
    }
    if (push->command == COMMAND_JOIN || push->command == COMMAND_HISTORY_ROOM ||
        push->command == COMMAND_HISTORY_INBOX) {
        out(driver, " @%u first %u%s", (unsigned)push->offset, (unsigned)push->first_offset,
            push->recovered ? " recovered" : "");
    } else if (push->command == COMMAND_ROOM_MESSAGE) {
        out(driver, " @%u", (unsigned)push->offset);
    } else if (push->command == COMMAND_DIRECT_MESSAGE) {
        out(driver, " delivered %u", push->delivered);
    }
    out(driver, "%s", push->duplicate ? " duplicate" : "");
    out_lists(driver, push);
}

static void out_error(struct core_driver *driver, const struct push *push)
{
    out_bytes(driver, " error ", push->id);
    out(driver, " %s", client_error_code(push->error));
    if (push->text.len != 0) {
        out_bytes(driver, " ", push->text);
    }
    if (push->retry_after_ms != 0) {
        out(driver, " retry %u", (unsigned)push->retry_after_ms);
    }
}

static void out_member_push(struct core_driver *driver, const struct push *push)
{
    if (push->kind == PUSH_USER_JOINED) {
        out_bytes(driver, " joined ", push->user);
        out_bytes(driver, " by ", push->server_id);
    } else if (push->kind == PUSH_USER_LEFT) {
        out_bytes(driver, " left ", push->user);
        out_bytes(driver, " ", push->text);
    } else {
        out_bytes(driver, " presence ", push->user);
        out(driver, "%s", push->online ? " online" : " offline");
    }
}

static void out_push(struct core_driver *driver, const struct push *push)
{
    switch (push->kind) {
    case PUSH_WELCOME:
        out_bytes(driver, " welcome ", push->welcome->user);
        out(driver, " inbox @%u", (unsigned)push->welcome->inbox_offset);
        break;
    case PUSH_ROUTING_TOKEN:
        out_bytes(driver, " routing ", push->token);
        break;
    case PUSH_OK:
        out_ok(driver, push);
        break;
    case PUSH_PONG:
        out_bytes(driver, " pong ", push->id);
        break;
    case PUSH_ERROR:
        out_error(driver, push);
        break;
    case PUSH_ROOM_MESSAGE:
        out(driver, " message");
        out_message(driver, &push->message);
        break;
    case PUSH_DIRECT_MESSAGE:
        out(driver, " direct");
        out_message(driver, &push->message);
        break;
    case PUSH_USER_JOINED:
    case PUSH_USER_LEFT:
    case PUSH_PRESENCE:
        out_member_push(driver, push);
        break;
    case PUSH_GAP:
        out(driver, " gap %u-%u%s", (unsigned)push->from, (unsigned)push->to,
            push->epoch != 0 ? " of a former life" : "");
        break;
    case PUSH_EPOCH:
        out_bytes(driver, " epoch ", push->room);
        break;
    case PUSH_KICKED:
        out_bytes(driver, " kicked ", push->room);
        out_bytes(driver, " ", push->text);
        break;
    }
}

static void out_deliver(struct core_driver *driver, const struct core_effect *effect)
{
    out(driver, "deliver");
    out_group(driver, effect->group);
    out(driver, " to");
    for (size_t i = 0; i < effect->edge_count; i++) {
        out(driver, " %u", effect->edges[i]);
    }
    out_push(driver, effect->push);
    if (effect->offset != 0) {
        out(driver, " #%u", (unsigned)effect->offset);
    }
    if (effect->always) {
        out(driver, " always");
    }
    if (effect->span != 0) {
        out(driver, " and %u before", (unsigned)effect->span);
    }
    if (effect->has_except) {
        out(driver, " except %u/%u", effect->conn.edge, effect->conn.slot);
    }
}

static void out_conn(struct core_driver *driver, const char *verb, const struct core_effect *effect)
{
    out(driver, "%s %u/%u", verb, effect->conn.edge, effect->conn.slot);
}

static void out_group_change(struct core_driver *driver, const struct core_effect *effect)
{
    if (effect->kind == CORE_GROUP_BIND) {
        out(driver, "bind %u.%u", effect->edge, effect->local);
    } else {
        out_conn(driver, effect->kind == CORE_GROUP_ADD ? "add" : "remove", effect);
    }
    out_group(driver, effect->group);
    if (effect->kind != CORE_GROUP_REMOVE) {
        out(driver, "%s @%u", effect->group_info != NULL ? " info" : "", (unsigned)effect->offset);
    }
}

static void out_append(struct core_driver *driver, const struct core_effect *effect)
{
    ck_assert_uint_lt(driver->append_count,
                      sizeof(driver->append_ids) / sizeof(driver->append_ids[0]));
    driver->append_ids[driver->append_count++] = effect->append_id;
    out_bytes(driver, effect->inbox ? "append inbox " : "append ", effect->room);
    out_message(driver, effect->message);
}

static void out_done(struct core_driver *driver, const struct core_effect *effect)
{
    out(driver, "done %u %s @%u count %u%s%s", (unsigned)effect->admin,
        effect->found ? "found" : "not_found", (unsigned)effect->offset, effect->count,
        effect->duplicate ? " duplicate" : "", effect->error != CLIENT_ERROR_NONE ? " error" : "");
}

static void out_tapped(struct core_driver *driver, const struct core_tapped *tapped)
{
    static const char *const kinds[] = {"message", "joined",    "left", "online",
                                        "offline", "connected", "lost", "closed"};
    out(driver, "tapped %s", kinds[tapped->kind]);
    if (tapped->room.len != 0) {
        out_bytes(driver, " in ", tapped->room);
    }
    if (tapped->user.len != 0) {
        out_bytes(driver, " of ", tapped->user);
    }
    if (tapped->reason.len != 0) {
        out_bytes(driver, " ", tapped->reason);
    }
    if (tapped->message != NULL) {
        out(driver, " @%u to %u on %u", (unsigned)tapped->message->offset, tapped->members,
            tapped->edges);
    }
}

static void out_net(struct core_driver *driver, const struct core_effect *effect)
{
    char text[ADDRESS_NET_TEXT_MAX];
    size_t len = address_net_text(&effect->net, text);
    out_bytes(driver, effect->kind == CORE_BAN_NET ? "ban " : "unban ",
              bytes_of((const uint8_t *)text, len));
    if (effect->kind == CORE_BAN_NET) {
        out(driver, " for %u", (unsigned)effect->for_ms);
    }
}

static void out_effect(struct core_driver *driver, const struct core_effect *effect)
{
    switch (effect->kind) {
    case CORE_ACCEPT:
        out_conn(driver, "accept", effect);
        out_bytes(driver, " ", effect->session->user);
        break;
    case CORE_SEND_CONN:
        out_conn(driver, "send", effect);
        out_push(driver, effect->push);
        break;
    case CORE_DELIVER:
        out_deliver(driver, effect);
        break;
    case CORE_GROUP_ADD:
    case CORE_GROUP_REMOVE:
    case CORE_GROUP_BIND:
        out_group_change(driver, effect);
        break;
    case CORE_GROUP_POLICY:
        out(driver, "policy");
        out_group(driver, effect->group);
        out(driver, " to");
        for (size_t i = 0; i < effect->edge_count; i++) {
            out(driver, " %u", effect->edges[i]);
        }
        out(driver, effect->droppable ? " gap" : " whole");
        break;
    case CORE_GROUP_ROSTER:
        if (!driver->tells_rosters) {
            return;
        }
        out(driver, effect->roster_changes ? "roster changes" : "roster");
        out_group(driver, effect->group);
        out(driver, " to");
        for (size_t i = 0; i < effect->edge_count; i++) {
            out(driver, " %u", effect->edges[i]);
        }
        break;
    case CORE_GROUP_UNSURE:
        if (!driver->tells_unsure) {
            return;
        }
        out(driver, effect->unsure ? "unsure" : "sure");
        out_group(driver, effect->group);
        break;
    case CORE_GROUP_TOP:
        out(driver, "top");
        out_group(driver, effect->group);
        out(driver, " to %u @%u", effect->edges[0], (unsigned)effect->offset);
        break;
    case CORE_CATCH_UP:
        out_conn(driver, "catch up", effect);
        out(driver, " token %u", (unsigned)effect->token);
        if (effect->push != NULL) {
            out_push(driver, effect->push);
        }
        out(driver, effect->last ? " last" : "");
        break;
    case CORE_CANARY_BACK:
        out(driver, "canary %u back to %u", (unsigned)effect->token, effect->edge);
        break;
    case CORE_DIVERGED:
        out_conn(driver, "diverged", effect);
        out(driver, " ");
        buf_append(&driver->log, effect->text);
        break;
    case CORE_CLOSE:
        out_conn(driver, "close", effect);
        out(driver, " %u ", effect->code);
        buf_append(&driver->log, effect->text);
        break;
    case CORE_APPEND:
        out_append(driver, effect);
        break;
    case CORE_LOAD:
        driver->loads[driver->load_count++ % CORE_DRIVER_LOADS] = effect->group;
        if (!driver->loads_by_hand) {
            return;
        }
        out_bytes(driver, effect->inbox ? "load inbox " : "load ", effect->room);
        break;
    case CORE_SPENT:
        out_conn(driver, "spent", effect);
        out(driver, " %u %u", (unsigned)effect->messages_ms, (unsigned)effect->bytes_ms);
        break;
    case CORE_TAPPED:
        out_tapped(driver, effect->tapped);
        break;
    case CORE_KEEP_BAN:
        out(driver, "keep ");
        out_bytes(driver, effect->text.len == 0 ? "nothing of " : "", effect->key);
        break;
    case CORE_BAN_NET:
    case CORE_UNBAN_NET:
        out_net(driver, effect);
        break;
    case CORE_CUT:
    case CORE_DONE:
        return;
    case CORE_MORE:
        driver->more = true;
        return;
    case CORE_HELD:
    case CORE_FREED:
        out(driver, "%s %u", effect->kind == CORE_HELD ? "held" : "freed", (unsigned)effect->cause);
        break;
    case CORE_ADMIN_DONE:
        out_done(driver, effect);
        break;
    }
    out(driver, "\n");
}

void core_driver_step(struct core_driver *driver, struct core_event *event)
{
    event->wall_ms = CORE_DRIVER_WALL_MS + driver->now_ms;
    driver->effects = router_core_step(driver->core, event, driver->now_ms);
    uint32_t loads = driver->load_count;
    for (size_t i = 0; i < driver->effects.count; i++) {
        out_effect(driver, &driver->effects.items[i]);
    }
    if (!driver->loads_by_hand && driver->load_count != loads) {
        core_driver_loaded(driver, NULL);
    }
    while (driver->more) {
        driver->more = false;
        core_driver_step(driver, &(struct core_event){.kind = CORE_GO_ON});
    }
}

static const char *log_text(struct core_driver *driver)
{
    buf_append_byte(&driver->log, 0);
    driver->log.len--;
    return (const char *)driver->log.data;
}

void core_driver_expect(struct core_driver *driver, const char *lines)
{
    ck_assert_str_eq(log_text(driver), lines);
    core_driver_forget(driver);
}

void core_driver_expect_line(struct core_driver *driver, const char *part)
{
    const char *log = log_text(driver);
    ck_assert_msg(strstr(log, part) != NULL, "no \"%s\" in:\n%s", part, log);
}

void core_driver_expect_none(struct core_driver *driver, const char *part)
{
    const char *log = log_text(driver);
    ck_assert_msg(strstr(log, part) == NULL, "\"%s\" is in:\n%s", part, log);
}

void core_driver_forget(struct core_driver *driver)
{
    buf_clear(&driver->log);
}

void core_driver_wait(struct core_driver *driver, uint64_t ms)
{
    uint64_t until = driver->now_ms + ms;
    uint64_t due = router_core_deadline(driver->core);
    while (due <= until) {
        driver->now_ms = due > driver->now_ms ? due : driver->now_ms;
        core_driver_step(driver, &(struct core_event){.kind = CORE_TICK});
        due = router_core_deadline(driver->core);
    }
    driver->now_ms = until;
}

const struct core_effect *core_driver_last(const struct core_driver *driver,
                                           enum core_effect_kind kind)
{
    for (size_t i = driver->effects.count; i > 0; i--) {
        if (driver->effects.items[i - 1].kind == kind) {
            return &driver->effects.items[i - 1];
        }
    }
    ck_abort_msg("no effect of kind %d", (int)kind);
    return NULL;
}

void core_driver_edge_up(struct core_driver *driver, uint32_t edge, const char *id)
{
    core_driver_step(driver,
                     &(struct core_event){.kind = CORE_EDGE_UP,
                                          .edge = edge,
                                          .edge_id = bytes_of_str(id),
                                          .edge_incarnation = CORE_DRIVER_INCARNATION + edge});
}

void core_driver_edge_down(struct core_driver *driver, uint32_t edge)
{
    core_driver_step(driver, &(struct core_event){.kind = CORE_EDGE_DOWN, .edge = edge});
}

void core_driver_announce_group(struct core_driver *driver, uint32_t edge, uint32_t local,
                                enum channel_kind kind, const char *name, uint64_t epoch,
                                uint64_t last_offset)
{
    struct group_info info = {.kind = kind, .name = bytes_of_str(name), .epoch = epoch};
    core_driver_step(driver, &(struct core_event){.kind = CORE_ANNOUNCE_GROUP,
                                                  .edge = edge,
                                                  .local = local,
                                                  .group = &info,
                                                  .last_offset = last_offset});
}

static struct session_info session_of(const struct core_driver *driver, const char *user)
{
    return (struct session_info){
        .user = bytes_of_str(user),
        .address = BYTES_LIT("192.0.2.1"),
        .agent = BYTES_LIT("test"),
        .rights = driver->rights,
        .connected_at_ms = CORE_DRIVER_WALL_MS + driver->now_ms,
    };
}

void core_driver_announce_conn(struct core_driver *driver, uint32_t edge, uint32_t slot,
                               const char *user, const uint32_t *locals, size_t local_count)
{
    struct session_info session = session_of(driver, user);
    core_driver_step(driver, &(struct core_event){.kind = CORE_ANNOUNCE_CONN,
                                                  .edge = edge,
                                                  .conn = {edge, slot, 1},
                                                  .session = &session,
                                                  .locals = locals,
                                                  .local_count = local_count});
}

void core_driver_announce_end(struct core_driver *driver, uint32_t edge)
{
    core_driver_step(
        driver,
        &(struct core_event){.kind = CORE_ANNOUNCE_END, .edge = edge, .others = driver->others});
}

void core_driver_open_gen(struct core_driver *driver, uint32_t edge, uint32_t slot, uint32_t gen,
                          const char *user)
{
    struct session_info session = session_of(driver, user);
    core_driver_step(driver, &(struct core_event){.kind = CORE_CONN_OPEN,
                                                  .conn = {edge, slot, gen},
                                                  .session = &session});
}

void core_driver_open(struct core_driver *driver, uint32_t edge, uint32_t slot, const char *user)
{
    core_driver_open_gen(driver, edge, slot, 1, user);
}

void core_driver_close(struct core_driver *driver, uint32_t edge, uint32_t slot, bool clean)
{
    core_driver_step(
        driver,
        &(struct core_event){.kind = CORE_CONN_CLOSED, .conn = {edge, slot, 1}, .clean = clean});
}

void core_driver_command(struct core_driver *driver, uint32_t edge, uint32_t slot,
                         struct command *command)
{
    char id[24];
    if (driver->next_id != 0) {
        (void)snprintf(id, sizeof(id), "%u", (unsigned)driver->next_id++);
        command->id = bytes_of_str(id);
    }
    core_driver_step(driver, &(struct core_event){.kind = CORE_COMMAND,
                                                  .conn = {edge, slot, 1},
                                                  .wire_bytes = 100,
                                                  .command = command});
}

void core_driver_join(struct core_driver *driver, uint32_t edge, uint32_t slot, const char *room)
{
    struct command command = {.kind = COMMAND_JOIN, .room = bytes_of_str(room)};
    core_driver_command(driver, edge, slot, &command);
}

void core_driver_leave(struct core_driver *driver, uint32_t edge, uint32_t slot, const char *room)
{
    struct command command = {.kind = COMMAND_LEAVE, .room = bytes_of_str(room)};
    core_driver_command(driver, edge, slot, &command);
}

void core_driver_say(struct core_driver *driver, uint32_t edge, uint32_t slot, const char *room,
                     const char *payload)
{
    struct command command = {
        .kind = COMMAND_ROOM_MESSAGE, .room = bytes_of_str(room), .payload = bytes_of_str(payload)};
    core_driver_command(driver, edge, slot, &command);
}

void core_driver_direct(struct core_driver *driver, uint32_t edge, uint32_t slot,
                        const char *target, const char *payload)
{
    struct command command = {.kind = COMMAND_DIRECT_MESSAGE,
                              .user = bytes_of_str(target),
                              .payload = bytes_of_str(payload)};
    core_driver_command(driver, edge, slot, &command);
}

void core_driver_users(struct core_driver *driver, uint32_t edge, uint32_t slot,
                       enum command_kind kind, const char *user)
{
    struct command command = {.kind = kind, .users = {bytes_of_str(user)}, .user_count = 1};
    core_driver_command(driver, edge, slot, &command);
}

void core_driver_appended(struct core_driver *driver, size_t index, enum append_result result)
{
    ck_assert_uint_lt(index, driver->append_count);
    core_driver_step(driver, &(struct core_event){.kind = CORE_APPENDED,
                                                  .append_id = driver->append_ids[index],
                                                  .append_result = result});
}

void core_driver_kick_user(struct core_driver *driver, const char *user, const char *room)
{
    core_driver_step(driver, &(struct core_event){.kind = CORE_KICK,
                                                  .admin = 77,
                                                  .target = bytes_of_str(user),
                                                  .room = bytes_of_str(room),
                                                  .text = BYTES_LIT("bye")});
}

uint64_t core_driver_epoch(const struct core_driver *driver, const char *room)
{
    struct registry_room found;
    ck_assert(registry_room_find(driver->core, bytes_of_str(room), &found));
    return found.epoch;
}

void core_driver_loaded(struct core_driver *driver, const struct core_log *log)
{
    static const struct core_log nothing;
    core_driver_step(
        driver,
        &(struct core_event){.kind = CORE_LOADED,
                             .channel = driver->loads[(driver->load_count - 1) % CORE_DRIVER_LOADS],
                             .log = log == NULL ? &nothing : log});
}

void core_driver_load_failed(struct core_driver *driver)
{
    core_driver_step(driver,
                     &(struct core_event){
                         .kind = CORE_LOADED,
                         .channel = driver->loads[(driver->load_count - 1) % CORE_DRIVER_LOADS]});
}
