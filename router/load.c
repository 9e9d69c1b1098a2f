#include "router/load.h"

#include "common/mem.h"
#include "router/announce.h"
#include "router/post.h"
#include "router/repair.h"
#include "router/session.h"

#include <assert.h>
#include <string.h>

enum { WORK_MAX = 512 }; /* of one step */

struct parked {
    struct parked *next;
    struct core_event event; /* its pointers lead into what follows */
    struct group_info group;
    slot_id conn;         /* CONN_OPEN, ANNOUNCE_CONN */
    uint64_t edge_serial; /* of event.conn or event.edge: another one may have its index now */
    size_t size;
    /* The command, if there is one (it is large, and announces of all clients may wait at once);
     * then the strings. */
    _Alignas(struct command) uint8_t room[];
};

static void begin(struct router_core *core, struct channel *channel)
{
    uint32_t count = (uint32_t)channel->policy->history_messages;
    uint64_t bytes = core->config.history_bytes;
    channel->loading = true;
    core->counters.loads++;
    core_settle(core, channel);
    struct core_effect *effect = effects_add(&core->effects, CORE_LOAD);
    effect->group = channel->id;
    effect->room = channel_name(channel);
    effect->inbox = channel->kind == CHANNEL_INBOX;
    effect->keep_count = count < LOAD_RECORDS_MIN ? LOAD_RECORDS_MIN : count;
    effect->bytes_max = bytes < LOAD_BYTES_MIN ? LOAD_BYTES_MIN : bytes;
    effect->ids = !channel->loaded;
    effect->offset = channel_rare(channel)->owed;
    channel_rare_made(channel)->asked = channel_rare(channel)->owed;
}

bool load_ready(struct router_core *core, struct channel *channel)
{
    if (!channel->durable) {
        return true;
    }
    bool served = channel_rare(channel)->parked_oldest == NULL || core->replaying == channel;
    if (channel->loaded && !channel->loading && served) {
        return true;
    }
    if (!channel->loading && !channel->postponed) { /* then it is here already */
        begin(core, channel);
    }
    return false;
}

void load_again(struct router_core *core, struct channel *channel)
{
    if (!channel->loading) {
        begin(core, channel);
    }
}

/* ---- parking ---- */

/* Everything in an event that is only lent. */
static size_t list_strings(struct core_event *event, struct command *command,
                           struct group_info *group, struct bytes **out)
{
    size_t count = 0;
    struct bytes *of_event[] = {&event->room,    &event->user, &event->target,
                                &event->payload, &event->key,  &event->text};
    struct bytes *of_command[] = {
        &command->id,      &command->room,         &command->user,
        &command->payload, &command->key,          &command->token,
        &command->detail,  &command->renewed.user, &command->renewed.rights};
    for (size_t i = 0; i < sizeof(of_event) / sizeof(of_event[0]); i++) {
        out[count++] = of_event[i];
    }
    for (size_t i = 0; i < sizeof(of_command) / sizeof(of_command[0]); i++) {
        out[count++] = of_command[i];
    }
    for (size_t i = 0; i < command->user_count; i++) {
        out[count++] = &command->users[i];
    }
    out[count++] = &group->name;
    return count;
}

static struct parked *parked_new(const struct core_event *event)
{
    static const struct command no_command;
    static const struct group_info no_group;
    struct bytes *strings[16 + COMMAND_USERS_MAX];
    struct core_event lent = *event;
    struct command command = event->command == NULL ? no_command : *event->command;
    struct group_info group = event->group == NULL ? no_group : *event->group;
    size_t count = list_strings(&lent, &command, &group, strings);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += strings[i]->len;
    }
    size_t command_size = event->command == NULL ? 0 : sizeof(command);
    struct parked *parked = mem_new(1, sizeof(*parked) + command_size + bytes);
    parked->size = sizeof(*parked) + command_size + bytes;
    uint8_t *at = parked->room + command_size;
    for (size_t i = 0; i < count; i++) {
        size_t len = strings[i]->len;
        if (len != 0) {
            memcpy(at, strings[i]->data, len);
            *strings[i] = bytes_of(at, len);
            at += len;
        }
    }
    parked->event = lent;
    parked->group = group;
    if (event->command != NULL) {
        parked->event.command = memcpy(parked->room, &command, sizeof(command));
    }
    parked->event.group = event->group == NULL ? NULL : &parked->group;
    parked->event.session = NULL;
    parked->event.locals = NULL;
    parked->event.policy = NULL;
    parked->event.log = NULL;
    return parked;
}

/* What must wait because nobody can be told that it cannot. Bounded by connections and groups. */
static bool must_wait(enum core_event_kind kind)
{
    return kind == CORE_CONN_CLOSED || kind == CORE_ANNOUNCE_GROUP || kind == CORE_ANNOUNCE_CONN ||
           kind == CORE_LAGGING;
}

/* Of an edge itself, not of a connection. */
static bool is_of_edge(const struct core_event *event)
{
    return event->kind == CORE_ANNOUNCE_GROUP || event->kind == CORE_REPAIR;
}

static void enqueue(const struct router_core *core, struct channel *channel, struct parked *parked)
{
    if (core->replaying == channel) { /* it was the first, and is again */
        parked->next = channel_rare(channel)->parked_oldest;
        channel_rare_made(channel)->parked_oldest = parked;
        channel_rare_made(channel)->parked_newest =
            parked->next == NULL ? parked : channel_rare(channel)->parked_newest;
        return;
    }
    if (channel_rare(channel)->parked_newest == NULL) {
        channel_rare_made(channel)->parked_oldest = parked;
    } else {
        channel_rare(channel)->parked_newest->next = parked;
    }
    channel_rare_made(channel)->parked_newest = parked;
}

bool load_park(struct router_core *core, struct channel *channel, const struct core_event *event)
{
    bool full = core->parked_count >= core->config.parked_max ||
                core->parked_bytes >= core->config.parked_bytes_max;
    if (full && !must_wait(event->kind) && core->replaying != channel) {
        core->counters.parked_refused++;
        return false;
    }
    bool of_edge = is_of_edge(event);
    uint32_t index = of_edge ? event->edge : event->conn.edge;
    const struct router_edge *edge = edges_get(&core->edges, index);
    struct parked *parked = parked_new(event);
    parked->event.cause = core->cause;
    parked->edge_serial = edge == NULL ? UINT64_MAX : edge->serial;
    if (edge != NULL && !of_edge) {
        parked->conn = router_edge_conn(edge, event->conn.slot);
    }
    core->parked_count++;
    core->parked_bytes += parked->size;
    core_hold_frame(core, parked->event.cause);
    enqueue(core, channel, parked);
    core_settle(core, channel);
    return true;
}

/* The one after `before`; NULL: the oldest. */
static struct parked *take(struct router_core *core, struct channel *channel, struct parked *before)
{
    struct parked **at =
        before == NULL ? &channel_rare_made(channel)->parked_oldest : &before->next;
    struct parked *parked = *at;
    *at = parked->next;
    if (parked->next == NULL) {
        channel_rare_made(channel)->parked_newest = before;
    }
    core->parked_count--;
    core->parked_bytes -= parked->size;
    return parked;
}

void load_drop(struct router_core *core, struct channel *channel)
{
    while (channel_rare(channel)->parked_oldest != NULL) {
        mem_free(take(core, channel, NULL));
    }
}

/* ---- the log is here ---- */

static bool edge_is_same(const struct router_core *core, const struct parked *parked)
{
    bool of_edge = is_of_edge(&parked->event);
    uint32_t index = of_edge ? parked->event.edge : parked->event.conn.edge;
    const struct router_edge *edge = edges_get(&core->edges, index);
    return edge != NULL && edge->serial == parked->edge_serial;
}

static void replay_of_edge(struct router_core *core, struct channel *channel,
                           const struct parked *parked)
{
    const struct core_event *event = &parked->event;
    if (!edge_is_same(core, parked)) {
        return; /* it died meanwhile: nobody waits for an answer */
    }
    if (event->kind == CORE_COMMAND) {
        session_run(core, event);
    } else if (event->kind == CORE_CONN_CLOSED) {
        session_conn_closed(core, event);
    } else if (event->kind == CORE_LAGGING) {
        session_lagging(core, event);
    } else if (event->kind == CORE_ANNOUNCE_GROUP) {
        announce_catch_up(core, event, channel);
    } else if (event->kind == CORE_REPAIR) {
        repair_answer(core, event, channel);
    } else { /* CONN_OPEN, ANNOUNCE_CONN */
        struct conn *conn = slotmap_get(&core->conns, parked->conn);
        if (conn != NULL && conn->attached && conn->waiting) {
            session_admit(core, conn, event->kind == CORE_CONN_OPEN);
        }
    }
}

static void replay(struct router_core *core, struct channel *channel, const struct parked *parked)
{
    core->cause = parked->event.cause;
    if (parked->event.kind == CORE_PUBLISH) {
        session_publish(core, &parked->event);
    } else if (parked->event.kind == CORE_SEND) {
        session_send(core, &parked->event);
    } else if (parked->event.kind == CORE_READ) {
        session_read(core, &parked->event);
    } else {
        replay_of_edge(core, channel, parked);
    }
    core_drain(core);
}

/* What an edge lacks is owed to it, and the others wait for that; what an operator says has no
 * edge. */
static bool is_held(const struct router_core *core, const struct parked *parked)
{
    enum core_event_kind kind = parked->event.kind;
    if (kind == CORE_PUBLISH || kind == CORE_SEND || is_of_edge(&parked->event)) {
        return false;
    }
    const struct router_edge *edge = edges_get(&core->edges, parked->event.conn.edge);
    return edge != NULL && edge->serial == parked->edge_serial && edge->held;
}

/* How much of a step's work it is: an answer may be a MiB, or a few bytes. */
static uint32_t work_of(const struct parked *parked)
{
    const struct core_event *event = &parked->event;
    bool recovers = event->kind == CORE_COMMAND && command_recovers(event->command);
    return recovers || event->kind == CORE_LAGGING || is_of_edge(event) ? WORK_MAX / 4 : 1;
}

/* Runs what may run, in order for each edge, until `*work` is used up. False when some is left that
 * may run. */
static bool replay_some(struct router_core *core, struct channel *channel, uint32_t *work)
{
    struct parked *before = NULL; /* the last one that waits on */
    struct parked *parked = channel_rare(channel)->parked_oldest;
    core->replaying = channel;
    while (parked != NULL && !channel->loading && *work != 0) {
        if (is_held(core, parked)) {
            before = parked;
        } else {
            uint32_t cost = work_of(parked);
            *work -= cost < *work ? cost : *work;
            take(core, channel, before);
            replay(core, channel, parked);
            core_free_frame(core, parked->event.cause);
            (void)effects_add(&core->effects, CORE_CUT); /* all of them may be a lot */
            effects_bury(&core->effects, parked);
        }
        parked = before == NULL ? channel_rare(channel)->parked_oldest : before->next;
    }
    core->replaying = NULL;
    core->cause = 0;
    return parked == NULL || channel->loading;
}

static void postpone(struct router_core *core, struct channel *channel)
{
    if (channel->postponed) {
        return;
    }
    if (core->postponed_count == core->postponed_capacity) {
        core->postponed_capacity =
            core->postponed_capacity == 0 ? 16 : core->postponed_capacity * 2;
        core->postponed =
            mem_resize(core->postponed, core->postponed_capacity, sizeof(*core->postponed));
    }
    channel->postponed = true;
    core->postponed[core->postponed_count++] = channel->id;
}

bool load_is_fresh(const struct router_core *core, const struct channel *channel)
{
    return core->replaying == channel &&
           (!core->replaying_late ||
            channel_ring_first(channel) <= channel_rare(channel)->read_first);
}

/* ---- it could not be read ---- */

static void refuse(struct router_core *core, const struct parked *parked)
{
    const struct core_event *event = &parked->event;
    if (event->kind == CORE_PUBLISH || event->kind == CORE_SEND || event->kind == CORE_READ) {
        struct core_effect *done = effects_add(&core->effects, CORE_ADMIN_DONE);
        done->admin = event->admin;
        done->error = CLIENT_ERROR_UNAVAILABLE;
        return;
    }
    if (!edge_is_same(core, parked)) {
        return;
    }
    struct conn *conn = slotmap_get(&core->conns, parked->conn);
    if (conn == NULL || !conn->attached) {
        return;
    }
    if (event->kind == CORE_CONN_OPEN) {
        session_turn_away(core, conn);
    } else if (event->kind == CORE_CONN_CLOSED) {
        session_conn_closed(core, event);
    } else if (event->kind == CORE_COMMAND) {
        session_unavailable(core, conn, event);
    }
}

void load_retry_later(struct router_core *core, const struct channel *channel)
{
    if (core->failed_count == core->failed_capacity) {
        core->failed_capacity = core->failed_capacity == 0 ? 16 : core->failed_capacity * 2;
        core->failed_loads =
            mem_resize(core->failed_loads, core->failed_capacity, sizeof(*core->failed_loads));
    }
    if (core->failed_count == 0) {
        core->failed_due_ms = core->now_ms + LOAD_RETRY_MS;
    }
    core->failed_loads[core->failed_count++] = channel->id;
}

/* Who asked is told; edges and announced connections that must be brought up to date wait on. */
static void refuse_all(struct router_core *core, struct channel *channel)
{
    struct channel_rare *rare = channel_rare_made(channel);
    struct parked *parked = rare->parked_oldest;
    rare->parked_oldest = NULL;
    rare->parked_newest = NULL;
    while (parked != NULL) {
        struct parked *next = parked->next;
        enum core_event_kind kind = parked->event.kind;
        parked->next = NULL;
        if (kind == CORE_ANNOUNCE_GROUP || kind == CORE_ANNOUNCE_CONN || kind == CORE_LAGGING) {
            enqueue(core, channel, parked);
        } else {
            core->parked_count--;
            core->parked_bytes -= parked->size;
            core->cause = parked->event.cause; /* it may have to wait again */
            refuse(core, parked);
            core_drain(core);
            core_free_frame(core, parked->event.cause);
            effects_bury(&core->effects, parked);
        }
        parked = next;
    }
    core->cause = 0;
    if (channel_rare(channel)->parked_oldest != NULL) {
        load_retry_later(core, channel);
    }
}

static void bound_memory(struct router_core *core, struct channel *channel);

/* Its log is here: what waited for that runs. False when more of it is to follow at once. */
static bool serve(struct router_core *core, struct channel *channel, uint32_t *work)
{
    bool all = replay_some(core, channel, work);
    if (channel_rare(channel)->parked_oldest != NULL && !channel->loading) {
        postpone(core, channel);
    }
    if (all && !channel->loading) {
        channel_settled(core, channel);
        bound_memory(core, channel);
    }
    return all;
}

void load_go_on(struct router_core *core, const struct core_event *event)
{
    uint32_t work = WORK_MAX;
    uint32_t count = core->postponed_count;
    uint32_t kept = 0;
    bool all = true;
    (void)event;
    core->replaying_late = true;
    for (uint32_t i = 0; i < count; i++) {
        struct channel *channel = channel_find(core, core->postponed[i]);
        if (channel == NULL) {
            continue;
        }
        all = (channel->loading || serve(core, channel, &work)) && all;
        channel->postponed = channel_rare(channel)->parked_oldest != NULL && !channel->loading;
        core->postponed[kept] = channel->id;
        kept += channel->postponed;
        post_finish(core, channel);
    }
    core->replaying_late = false;
    memmove(core->postponed + kept, core->postponed + count,
            (core->postponed_count - count) * sizeof(*core->postponed));
    core->postponed_count -= count - kept;
    if (!all) {
        (void)effects_add(&core->effects, CORE_MORE);
    }
}

/* What was read stays as long as there is memory for it, like what was said. */
static void bound_memory(struct router_core *core, struct channel *channel)
{
    bool loading = channel->loading;
    channel->loading = true; /* it shall not be taken for one that nobody uses */
    core_settle(core, channel);
    channel_bound_total(core, channel);
    channel->loading = loading;
}

static void settle_unread(struct router_core *core, struct channel *channel)
{
    if (channel_rare(channel)->parked_oldest == NULL) {
        channel_settled(core, channel);
        bound_memory(core, channel);
    }
}

void load_done(struct router_core *core, const struct core_event *event)
{
    struct channel *channel = channel_find(core, event->channel);
    if (channel == NULL || !channel->loading) {
        return;
    }
    channel->loading = false;
    uint32_t work = WORK_MAX;
    if (event->log == NULL) {
        core->counters.loads_failed++;
        refuse_all(core, channel);
        settle_unread(core, channel);
    } else {
        channel_take_log(core, channel, event->log);
        channel_rare_made(channel)->read_first = channel_ring_first(channel);
        if (!serve(core, channel, &work)) {
            (void)effects_add(&core->effects, CORE_MORE);
        }
    }
    post_finish(core, channel);
}

void load_tick(struct router_core *core)
{
    if (core->failed_count == 0 || core->now_ms < core->failed_due_ms) {
        return;
    }
    uint32_t count = core->failed_count;
    core->failed_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct channel *channel = channel_find(core, core->failed_loads[i]);
        if (channel != NULL && !channel->loading && channel_rare(channel)->parked_oldest != NULL) {
            begin(core, channel);
        }
        if (channel != NULL) {
            post_ask_again(core, channel);
        }
    }
}

uint64_t load_deadline(const struct router_core *core)
{
    return core->failed_count == 0 ? UINT64_MAX : core->failed_due_ms;
}
