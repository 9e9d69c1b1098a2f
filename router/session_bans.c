/* Bans: what they do to who is here and who comes. The set itself is bans.h; who holds sockets is
 * told of ranges, so that a banned address costs nothing but an accept there. */
#include "router/bans.h"
#include "router/core_internal.h"
#include "router/registry.h"
#include "router/session.h"

enum { CLOSE_KICKED = 4003, ENDS_PER_STEP_MAX = 1000 };

static struct bytes text_of(const struct ban *ban)
{
    return ban->reason.len != 0 ? ban->reason : BYTES_LIT("Removed by an operator");
}

static const struct ban *ban_on(const struct router_core *core, struct bytes user,
                                const struct address *address)
{
    const struct ban *ban = bans_of_user(&core->bans, user, core->now_ms);
    return ban != NULL || address == NULL ? ban
                                          : bans_of_address(&core->bans, address, core->now_ms);
}

static void count_refused(struct router_core *core, const struct ban *ban)
{
    if (ban->kind == BAN_USER) {
        core->counters.refused_user_banned++;
    } else {
        core->counters.refused_address_banned++;
    }
}

bool session_refuses_banned(struct router_core *core, const struct core_event *event)
{
    struct address address;
    bool known = address_parse(event->session->address, &address);
    const struct ban *ban = ban_on(core, event->session->user, known ? &address : NULL);
    if (ban == NULL) {
        return false;
    }
    count_refused(core, ban);
    effects_close(&core->effects, event->conn, CLOSE_KICKED, text_of(ban));
    return true;
}

bool session_puts_out_banned(struct router_core *core, struct conn *conn)
{
    const struct ban *ban =
        ban_on(core, user_name(conn->user), conn->has_address ? &conn->address : NULL);
    if (ban == NULL) {
        return false;
    }
    count_refused(core, ban);
    core_drain(core); /* into its rooms first: these are to hear of its end */
    (void)session_throw_out(core, conn, text_of(ban));
    return true;
}

/* Every one that any ban concerns, so that two of them cannot miss one between. */
static uint32_t throw_out_all(struct router_core *core, const struct ban *ban)
{
    uint32_t count = 0;
    if (ban->kind == BAN_USER) {
        const struct user *user = user_find(core, ban->user);
        for (struct conn *conn = user == NULL ? NULL : user->oldest; conn != NULL;) {
            struct conn *newer = conn->newer;
            count += session_throw_out(core, conn, text_of(ban));
            conn = newer;
        }
        return count;
    }
    for (uint32_t i = 0; i < core->conns.used; i++) {
        struct conn *conn = slotmap_at(&core->conns, i);
        if (conn != NULL && conn->has_address && address_in(&conn->address, &ban->net, 1)) {
            count += session_throw_out(core, conn, text_of(ban));
            (void)effects_add(&core->effects, CORE_CUT); /* may be very many */
        }
    }
    return count;
}

/* Into the store, or out of it. */
static void keep(struct router_core *core, const struct ban *ban, bool stays)
{
    struct buf text;
    buf_init(&text, 0);
    bans_write_key(ban, &text);
    struct bytes key = effects_copy(&core->effects, buf_bytes(&text));
    struct bytes value = BYTES_EMPTY;
    if (stays) {
        buf_clear(&text);
        bans_write_value(ban, &text);
        value = effects_copy(&core->effects, buf_bytes(&text));
    }
    buf_fini(&text);
    struct core_effect *effect = effects_add(&core->effects, CORE_KEEP_BAN);
    effect->key = key;
    effect->text = value;
}

static void tell_edges(struct router_core *core, const struct ban *ban, bool stays)
{
    if (ban->kind == BAN_ADDRESS) {
        struct core_effect *effect =
            effects_add(&core->effects, stays ? CORE_BAN_NET : CORE_UNBAN_NET);
        effect->net = ban->net;
        effect->for_ms = registry_ban_left_ms(ban, core->now_ms);
    }
}

static struct core_effect *done(struct router_core *core, const struct core_event *event)
{
    struct core_effect *effect = effects_add(&core->effects, CORE_ADMIN_DONE);
    effect->admin = event->admin;
    return effect;
}

static bool is_full(const struct router_core *core, const struct ban *ban)
{
    return core->bans.items.count >= core->config.bans_max && bans_find(&core->bans, ban) == NULL;
}

void session_ban(struct router_core *core, const struct core_event *event)
{
    struct ban made = *event->ban;
    if (made.kind == BAN_USER && !client_name_valid(made.user)) {
        done(core, event)->error = CLIENT_ERROR_INVALID_NAME;
        return;
    }
    if (is_full(core, &made)) {
        done(core, event)->error = CLIENT_ERROR_UNAVAILABLE;
        return;
    }
    made.created_ms = core->wall_ms;
    made.until_ms = event->delay_ms == 0 ? 0 : core->wall_ms + event->delay_ms;
    made.due_ms = event->delay_ms == 0 ? UINT64_MAX : core->now_ms + event->delay_ms;
    const struct ban *ban = bans_put(&core->bans, &made);
    keep(core, ban, true);
    tell_edges(core, ban, true); /* before the closing: nobody is to come back between */
    uint32_t count = throw_out_all(core, ban);
    core_drain(core);
    struct core_effect *effect = done(core, event);
    effect->found = true;
    effect->count = count;
}

static bool end_ban(struct router_core *core, const struct ban *which)
{
    const struct ban *ban = bans_find(&core->bans, which);
    if (ban == NULL) {
        return false;
    }
    keep(core, ban, false);
    tell_edges(core, ban, false);
    return bans_remove(&core->bans, ban);
}

void session_unban(struct router_core *core, const struct core_event *event)
{
    bool found = end_ban(core, event->ban);
    struct core_effect *effect = done(core, event);
    effect->found = found;
    effect->count = found;
}

void session_end_bans(struct router_core *core)
{
    const struct ban *ban = NULL;
    for (int i = 0; i < ENDS_PER_STEP_MAX && (ban = bans_ended(&core->bans, core->now_ms)) != NULL;
         i++) {
        (void)end_ban(core, ban);
    }
}

bool router_core_load_ban(struct router_core *core, struct bytes key, struct bytes value)
{
    struct ban ban;
    if (!bans_read(key, value, &ban)) {
        return false;
    }
    if (ban.until_ms != 0) {
        uint64_t left = ban.until_ms > core->wall_ms ? ban.until_ms - core->wall_ms : 0;
        ban.due_ms = core->now_ms + left; /* one that has ended goes with the first tick */
    }
    (void)bans_put(&core->bans, &ban);
    return true;
}
