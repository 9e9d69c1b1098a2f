#include "router/user.h"

#include "common/mem.h"
#include "router/conn.h"
#include "router/core_internal.h"
#include "router/load.h"
#include "router/unsure.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(struct user) <= 160 && sizeof(struct conn) <= 136 &&
                   sizeof(struct channel) <= 88,
               "the memory of an idle connection is a promise");

struct user *user_find(const struct router_core *core, struct bytes name)
{
    uint32_t index = 0;
    return name_index_find(&core->users_by_name, name, &index) ? user_at(core, index) : NULL;
}

struct user *user_at(const struct router_core *core, uint32_t index)
{
    struct user *user = slotmap_at(&core->users, index);
    assert(user != NULL && "members and connections hold their user");
    return user;
}

struct user *user_of_inbox(struct channel *inbox)
{
    assert(inbox->kind == CHANNEL_INBOX);
    return (struct user *)((uint8_t *)inbox - offsetof(struct user, inbox));
}

static bool has_room(struct router_core *core)
{
    if (core->users.count < core->config.users_max) {
        return true;
    }
    struct idle_link *oldest = idle_oldest(&core->idle_users);
    if (oldest == NULL) {
        return false;
    }
    user_forget(core, oldest->owner);
    core->counters.evicted_channels++;
    return true;
}

struct user *user_ensure(struct router_core *core, struct bytes name)
{
    assert(name.len != 0 && name.len <= NAME_BYTES_MAX);
    struct user *user = user_find(core, name);
    if (user != NULL || !has_room(core)) {
        return user;
    }
    size_t len = offsetof(struct user, name) + name.len;
    user = mem_new(1, len < sizeof(*user) ? sizeof(*user) : len);
    memcpy(user->name, name.data, name.len);
    user->id = slotmap_add(&core->users, user);
    channel_init(core, &user->inbox, CHANNEL_INBOX, bytes_of(user->name, name.len));
    name_index_add(&core->users_by_name, slot_id_index(user->id));
    user->inbox.durable = core->config.inbox_durable;
    idle_touch(&core->idle_users, &user->idle, user, channel_keeps(&user->inbox), core->now_ms);
    return user;
}

struct channel *user_watch_channel(struct router_core *core, struct user *user)
{
    if (user->watch == NULL) {
        user->watch = mem_new(1, sizeof(*user->watch));
        channel_init(core, user->watch, CHANNEL_WATCH, user_name(user));
        user->watch->unsure = unsure_user_now(user);
    }
    return user->watch;
}

static void drop_watch_channel(struct router_core *core, struct user *user)
{
    if (user->watch != NULL) {
        channel_fini(core, user->watch);
        effects_bury(&core->effects, user->watch);
        user->watch = NULL;
    }
}

void user_settle(struct router_core *core, struct user *user)
{
    if (user->watch != NULL && user->watch->member_count == 0) {
        drop_watch_channel(core, user);
    }
    unsure_user(core, user);
    /* An announcing edge counts as a member of the inbox until its connections have come. */
    if (user_online(user) || user->watch != NULL || user->inbox.member_count != 0 ||
        load_holds(&user->inbox)) {
        idle_remove(&user->idle);
    } else {
        idle_touch(&core->idle_users, &user->idle, user, channel_keeps(&user->inbox), core->now_ms);
    }
}

struct user_rare *user_rare_made(struct user *user)
{
    if (user->rare == NULL) {
        user->rare = mem_new(1, sizeof(*user->rare));
    }
    return user->rare;
}

void user_set_info(struct user *user, struct bytes info)
{
    if (info.len == 0 || bytes_equal(info, user_info(user))) {
        return;
    }
    struct user_rare *rare = user_rare_made(user);
    mem_free(rare->info);
    rare->info = mem_copy(info);
    rare->info_len = (uint16_t)info.len;
}

struct policy_user *user_rates(const struct router_core *core, struct user *user, uint64_t at_ms)
{
    struct user_rare *rare = user_rare_made(user);
    if (!rare->has_rates) {
        rare->has_rates = true;
        policy_user_init(&rare->rates, at_ms < core->started_ms ? at_ms : core->started_ms);
    }
    return &rare->rates;
}

void user_forget(struct router_core *core, struct user *user)
{
    assert(!user_online(user) && "a connection holds it");
    idle_remove(&user->idle);
    drop_watch_channel(core, user);
    channel_fini(core, &user->inbox);
    if (user->rare != NULL) {
        mem_free(user->rare->info);
        mem_free(user->rare);
    }
    name_index_remove(&core->users_by_name, slot_id_index(user->id));
    (void)slotmap_remove(&core->users, user->id);
    effects_bury(&core->effects, user);
}
