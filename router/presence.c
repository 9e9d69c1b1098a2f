#include "router/presence.h"

#include "router/core_internal.h"
#include "router/roster.h"

void presence_tell(struct router_core *core, struct user *user, bool online)
{
    taps_presence(core, user, online);
    if (user->watch == NULL) {
        return;
    }
    struct push *push = effects_push(&core->effects, PUSH_PRESENCE);
    push->user = user_name(user);
    push->online = online;
    push->timestamp_ms = core->wall_ms;
    channel_deliver(core, user->watch, push, 0, NULL);
    roster_known(core, user->watch, ALL_EDGES);
}

static struct push_user describe(struct router_core *core, struct bytes name)
{
    const struct user *user = user_find(core, name);
    if (user == NULL) {
        return (struct push_user){.user = effects_copy(&core->effects, name)};
    }
    bool online = user_online(user);
    return (struct push_user){
        .user = user_name(user),
        .online = online,
        .connections = user->attached,
        .since_ms = online ? user->since_ms : user->last_seen_ms,
    };
}

struct push *presence_answer(struct router_core *core, const struct command *command)
{
    struct push *ok = effects_push(&core->effects, PUSH_OK);
    ok->command = command->kind;
    struct push_user *users =
        effects_alloc(&core->effects, command->user_count + 1, sizeof(*users));
    for (size_t i = 0; i < command->user_count; i++) {
        users[i] = describe(core, command->users[i]);
    }
    ok->users = users;
    ok->user_count = command->user_count;
    ok->as_of_ms = core->wall_ms;
    ok->synced = core_synced(core);
    return ok;
}

/* How many watches the command adds; a name given twice may count twice. */
static uint32_t count_new(const struct router_core *core, const struct conn *conn,
                          const struct command *command)
{
    uint32_t count = 0;
    for (size_t i = 0; i < command->user_count; i++) {
        const struct user *user = user_find(core, command->users[i]);
        count += user == NULL || !conn_watches(conn, user->id);
    }
    return count;
}

enum client_error presence_watch(struct router_core *core, struct conn *conn,
                                 const struct command *command, struct bytes *ret_text)
{
    uint32_t added = count_new(core, conn, command);
    if (added != 0 &&
        conn_rare(conn)->watches.count + added > core->config.watches_per_connection_max) {
        *ret_text = BYTES_LIT("too many watched users on this connection");
        return CLIENT_ERROR_FORBIDDEN;
    }
    for (size_t i = 0; i < command->user_count; i++) {
        struct user *user = user_ensure(core, command->users[i]);
        if (user == NULL) {
            return CLIENT_ERROR_UNAVAILABLE;
        }
        if (!conn_watches(conn, user->id)) {
            bool first = conn_add_watch(core, conn, user);
            channel_emit_add(core, user->watch, conn->ref, first);
            if (first) {
                roster_known(core, user->watch, conn->ref.edge);
            }
        }
    }
    return CLIENT_ERROR_NONE;
}

void presence_unwatch(struct router_core *core, struct conn *conn, const struct command *command)
{
    for (size_t i = 0; i < command->user_count; i++) {
        struct user *user = user_find(core, command->users[i]);
        if (user != NULL) {
            (void)conn_remove_watch(core, conn, user);
        }
    }
}
