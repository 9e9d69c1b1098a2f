/* A hundred thousand random events against a naive model of edges and people.
 *
 * The model keeps what real edges keep: which connections are open, which rooms each is in (as the
 * effects said), the newest offset per group. An observer on an edge that never dies is a member of
 * every room and watches every user. Checked:
 *  - after every step: whoever is attached in a room was seen to join it and not to leave; whoever
 *    is attached was seen online; joined and left, online and offline alternate; each edge gets
 * each numbered delivery of its groups exactly in order; deliveries go to all edges with members;
 *    effects name only open connections;
 *  - now and then: the member counts per edge are those of the model;
 *  - at quiet points: presence is exactly the set of open connections. */
#include "router/channel.h"
#include "router/core_internal.h"
#include "router/registry.h"
#include "tests/support/check_main.h"
#include "tests/support/core_driver.h"
#include "tests/support/rng.h"

#include <stdio.h>

enum {
    EDGES = 4,
    OBSERVER_EDGE = 3,
    SLOTS = 6,
    USERS = 7,
    OBSERVER = 6,
    ROOMS = 4,
    LOCAL_INBOX = ROOMS,
    LOCAL_WATCH = ROOMS + USERS,
    LOCALS = ROOMS + USERS + USERS,
    APPENDS_MAX = 64,
    LOADS_MAX = 64,
    EVENTS = 100000,
    QUIET_EVERY = 2000,
    RESTART_EVERY = 3100
};

struct model_conn {
    bool open;     /* for its client */
    bool attached; /* the router knows */
    uint32_t gen;
    uint32_t user;
    bool in[ROOMS];
    bool watches[USERS];
};

struct model_edge {
    bool up;
    bool announcing;
    uint64_t last[ROOMS];
    uint64_t epoch[ROOMS];
    struct model_conn conns[SLOTS];
};

struct model {
    struct core_config config;
    struct router_core *core;
    uint64_t now_ms;
    struct rng rng;
    struct model_edge edges[EDGES];
    bool observing;
    bool told_again; /* an edge came late with clients: watchers are told how it is */
    bool binding;    /* deliveries go to one edge only */
    bool seen_in[ROOMS][USERS];
    bool seen_online[USERS];
    uint64_t appends[APPENDS_MAX];
    size_t append_count;
    uint64_t loads[LOADS_MAX]; /* answered after the step */
    size_t load_count;
    bool more; /* the core wants CORE_GO_ON */
    uint64_t deliveries;
    uint64_t kinds[PUSH_KICKED + 1];
};

static const char *user_names[USERS] = {"u0", "u1", "u2", "u3", "u4", "u5", "u6"};
static const char *room_names[ROOMS] = {"r0", "r1", "r2", "r3"};

static uint32_t digit_of(struct bytes name)
{
    ck_assert_uint_eq(name.len, 2);
    return (uint32_t)(name.data[1] - '0');
}

static struct model_conn *conn_at(struct model *m, struct conn_ref ref)
{
    ck_assert_uint_lt(ref.edge, EDGES);
    ck_assert_uint_lt(ref.slot, SLOTS);
    struct model_conn *conn = &m->edges[ref.edge].conns[ref.slot];
    ck_assert_msg(conn->open && conn->gen == ref.gen, "an effect for a connection that is gone");
    return conn;
}

static uint32_t members_on(const struct model_edge *edge, uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < SLOTS; s++) {
        count += edge->conns[s].open && edge->conns[s].attached && edge->conns[s].in[room];
    }
    return count;
}

static bool lists(const struct core_effect *effect, uint32_t edge)
{
    for (size_t i = 0; i < effect->edge_count; i++) {
        if (effect->edges[i] == edge) {
            return true;
        }
    }
    return false;
}

static void see(struct model *m, bool *state, bool now)
{
    if (m->observing) {
        ck_assert_msg(*state != now, "told twice");
        *state = now;
    }
}

static void apply_room_delivery(struct model *m, const struct core_effect *effect, uint32_t room)
{
    for (uint32_t e = 0; e < EDGES; e++) {
        struct model_edge *edge = &m->edges[e];
        if (!lists(effect, e)) {
            bool lacks = !m->binding && edge->up && members_on(edge, room) != 0;
            ck_assert_msg(!lacks, "an edge with members is left out");
            continue;
        }
        ck_assert(edge->up);
        if (effect->offset != 0) {
            ck_assert_uint_eq(effect->offset - effect->span, edge->last[room] + 1);
            edge->last[room] = effect->offset;
        }
    }
    m->deliveries++;
}

static void apply_deliver(struct model *m, const struct core_effect *effect)
{
    const struct channel *channel = channel_find(m->core, effect->group);
    ck_assert(channel != NULL);
    const struct push *push = effect->push;
    if (channel->kind == CHANNEL_ROOM) {
        uint32_t room = digit_of(channel_name(channel));
        if (push->kind == PUSH_USER_JOINED || push->kind == PUSH_USER_LEFT) {
            if (digit_of(push->user) != OBSERVER) {
                see(m, &m->seen_in[room][digit_of(push->user)], push->kind == PUSH_USER_JOINED);
            }
        }
        apply_room_delivery(m, effect, room);
    } else if (channel->kind == CHANNEL_WATCH && lists(effect, OBSERVER_EDGE)) {
        bool *seen = &m->seen_online[digit_of(push->user)];
        if (!m->told_again || *seen != push->online) {
            see(m, seen, push->online);
        }
    }
}

static void apply_group_add(struct model *m, const struct core_effect *effect)
{
    struct model_conn *conn = conn_at(m, effect->conn);
    const struct channel *channel = channel_find(m->core, effect->group);
    ck_assert(channel != NULL);
    if (channel->kind != CHANNEL_ROOM) {
        return;
    }
    struct model_edge *edge = &m->edges[effect->conn.edge];
    uint32_t room = digit_of(channel_name(channel));
    ck_assert(!conn->in[room]);
    conn->in[room] = true;
    if (effect->group_info != NULL) {
        edge->last[room] = effect->offset;
        edge->epoch[room] = effect->group_info->epoch;
    }
    ck_assert_uint_eq(edge->last[room], effect->offset);
}

static void apply_group_remove(struct model *m, const struct core_effect *effect)
{
    struct model_conn *conn = conn_at(m, effect->conn);
    const struct channel *channel = channel_find(m->core, effect->group);
    if (channel != NULL && channel->kind == CHANNEL_ROOM) {
        ck_assert(conn->in[digit_of(channel_name(channel))]);
        conn->in[digit_of(channel_name(channel))] = false;
    }
}

static void apply_bind(struct model *m, const struct core_effect *effect)
{
    ck_assert(effect->group != 0);
    if (effect->group_info->kind == CHANNEL_ROOM) {
        uint32_t room = digit_of(effect->group_info->name);
        m->edges[effect->edge].last[room] = effect->offset;
        m->edges[effect->edge].epoch[room] = effect->group_info->epoch;
    }
}

static void apply(struct model *m, const struct core_effect *effect)
{
    switch (effect->kind) {
    case CORE_ACCEPT:
        (void)conn_at(m, effect->conn);
        break;
    case CORE_SEND_CONN:
        (void)conn_at(m, effect->conn);
        m->kinds[effect->push->kind]++;
        break;
    case CORE_DELIVER:
        m->kinds[effect->push->kind]++;
        apply_deliver(m, effect);
        break;
    case CORE_GROUP_ADD:
        apply_group_add(m, effect);
        break;
    case CORE_GROUP_REMOVE:
        apply_group_remove(m, effect);
        break;
    case CORE_GROUP_BIND:
        apply_bind(m, effect);
        break;
    case CORE_GROUP_ROSTER:
    case CORE_GROUP_UNSURE:
        break;
    case CORE_GROUP_POLICY:
    case CORE_GROUP_TOP:
    case CORE_CATCH_UP:
        ck_assert_msg(false, "every room here is whole");
        break;
    case CORE_CANARY_BACK:
    case CORE_DIVERGED:
        ck_assert_msg(false, "nobody sends canaries or corrupts anything here");
        break;
    case CORE_CLOSE:
        conn_at(m, effect->conn)->open = false;
        break;
    case CORE_APPEND:
        ck_assert_uint_lt(m->append_count, APPENDS_MAX);
        m->appends[m->append_count++] = effect->append_id;
        break;
    case CORE_LOAD:
        ck_assert_uint_lt(m->load_count, LOADS_MAX);
        m->loads[m->load_count++] = effect->group;
        break;
    case CORE_KEEP_BAN:
    case CORE_SPENT:
    case CORE_TAPPED:
    case CORE_BAN_NET:
    case CORE_UNBAN_NET:
    case CORE_CUT:
    case CORE_DONE:
        break;
    case CORE_MORE:
        m->more = true;
        break;
    case CORE_HELD:
    case CORE_FREED:
        ck_abort_msg("no event names a frame");
        break;
    case CORE_ADMIN_DONE:
        ck_assert_uint_eq(effect->admin, 1);
        break;
    }
}

static void check_step(const struct model *m)
{
    for (uint32_t i = 0; m->observing && i < EDGES * SLOTS; i++) {
        const struct model_conn *conn = &m->edges[i / SLOTS].conns[i % SLOTS];
        if (!conn->open || !conn->attached || conn->user == OBSERVER) {
            continue;
        }
        ck_assert(m->seen_online[conn->user]);
        for (uint32_t room = 0; room < ROOMS; room++) {
            ck_assert(!conn->in[room] || m->seen_in[room][conn->user]);
        }
    }
}

static void step(struct model *m, struct core_event *event)
{
    event->wall_ms = CORE_DRIVER_WALL_MS + m->now_ms;
    struct core_effects effects = router_core_step(m->core, event, m->now_ms);
    for (size_t i = 0; i < effects.count; i++) {
        apply(m, &effects.items[i]);
    }
    check_step(m);
    while (m->load_count != 0) {
        static const struct core_log nothing;
        step(m, &(struct core_event){
                    .kind = CORE_LOADED, .channel = m->loads[--m->load_count], .log = &nothing});
    }
    while (m->more) {
        m->more = false;
        step(m, &(struct core_event){.kind = CORE_GO_ON});
    }
}

static void pass_time(struct model *m, uint64_t ms)
{
    uint64_t until = m->now_ms + ms;
    for (uint64_t due = router_core_deadline(m->core); due <= until;
         due = router_core_deadline(m->core)) {
        m->now_ms = due > m->now_ms ? due : m->now_ms;
        step(m, &(struct core_event){.kind = CORE_TICK});
    }
    m->now_ms = until;
}

static struct conn_ref ref_of(const struct model *m, uint32_t e, uint32_t s)
{
    return (struct conn_ref){e, s, m->edges[e].conns[s].gen};
}

static void open_conn(struct model *m, uint32_t e, uint32_t s, uint32_t user)
{
    struct model_conn *conn = &m->edges[e].conns[s];
    *conn = (struct model_conn){.open = true, .attached = true, .gen = conn->gen + 1, .user = user};
    struct session_info session = {.user = bytes_of_str(user_names[user])};
    step(m, &(struct core_event){
                .kind = CORE_CONN_OPEN, .conn = ref_of(m, e, s), .session = &session});
}

static void close_conn(struct model *m, uint32_t e, uint32_t s)
{
    struct conn_ref ref = ref_of(m, e, s);
    m->edges[e].conns[s].open = false;
    uint32_t how = rng_below(&m->rng, 3);
    step(m, &(struct core_event){
                .kind = CORE_CONN_CLOSED, .conn = ref, .clean = how == 0, .drained = how == 1});
}

static void command(struct model *m, uint32_t e, uint32_t s, struct command *asked)
{
    asked->id = rng_below(&m->rng, 2) == 0 ? BYTES_EMPTY : BYTES_LIT("1");
    step(m, &(struct core_event){
                .kind = CORE_COMMAND, .conn = ref_of(m, e, s), .wire_bytes = 10, .command = asked});
}

static void join_room(struct model *m, uint32_t e, uint32_t s, uint32_t room)
{
    struct command asked = {.kind = COMMAND_JOIN, .room = bytes_of_str(room_names[room])};
    asked.want_members = rng_below(&m->rng, 4) == 0;
    asked.since.present = rng_below(&m->rng, 2) == 0;
    asked.since.epoch = m->edges[OBSERVER_EDGE].epoch[room];
    asked.since.offset = rng_below(&m->rng, (uint32_t)m->edges[OBSERVER_EDGE].last[room] + 2);
    command(m, e, s, &asked);
}

static void say(struct model *m, uint32_t e, uint32_t s, uint32_t room)
{
    static const char *const keys[] = {"a", "b", "", "", "", "", "", ""};
    struct command asked = {.kind = COMMAND_ROOM_MESSAGE,
                            .room = bytes_of_str(room_names[room]),
                            .payload = BYTES_LIT("\"some text that fills the rings\""),
                            .key = bytes_of_str(keys[rng_below(&m->rng, 8)]),
                            .no_echo = rng_below(&m->rng, 2) == 0};
    if (m->append_count < APPENDS_MAX - 1) {
        command(m, e, s, &asked);
    }
}

static void direct(struct model *m, uint32_t e, uint32_t s)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "x%u", rng_below(&m->rng, 50));
    bool known = rng_below(&m->rng, 2) == 0;
    struct command asked = {.kind = COMMAND_DIRECT_MESSAGE, .payload = BYTES_LIT("1")};
    asked.user = bytes_of_str(known ? user_names[rng_below(&m->rng, USERS)] : name);
    command(m, e, s, &asked);
}

static void ask_about_user(struct model *m, uint32_t e, uint32_t s)
{
    static const enum command_kind kinds[] = {COMMAND_WATCH, COMMAND_UNWATCH,
                                              COMMAND_PRESENCE_USERS};
    struct command asked = {.kind = kinds[rng_below(&m->rng, 3)], .user_count = 1};
    uint32_t user = rng_below(&m->rng, USERS);
    asked.users[0] = bytes_of_str(user_names[user]);
    command(m, e, s, &asked);
    if (asked.kind != COMMAND_PRESENCE_USERS) {
        m->edges[e].conns[s].watches[user] = asked.kind == COMMAND_WATCH;
    }
}

static void kick(struct model *m)
{
    uint32_t user = rng_below(&m->rng, OBSERVER);
    struct core_event event = {
        .kind = CORE_KICK, .admin = 1, .target = bytes_of_str(user_names[user])};
    if (rng_below(&m->rng, 2) == 0) {
        event.room = bytes_of_str(room_names[rng_below(&m->rng, ROOMS)]);
    }
    step(m, &event);
}

static void finish_append(struct model *m)
{
    if (m->append_count == 0) {
        return;
    }
    uint32_t at = rng_below(&m->rng, (uint32_t)m->append_count);
    uint32_t dice = rng_below(&m->rng, 10);
    struct core_event event = {.kind = CORE_APPENDED, .append_id = m->appends[at]};
    event.append_result = dice == 0 ? APPEND_FAILED : dice == 1 ? APPEND_UNKNOWN : APPEND_OK;
    m->appends[at] = m->appends[--m->append_count];
    step(m, &event);
}

static void edge_down(struct model *m, uint32_t e)
{
    struct model_edge *edge = &m->edges[e];
    bool died = rng_below(&m->rng, 2) == 0; /* else only its link did */
    for (uint32_t s = 0; s < SLOTS; s++) {
        edge->conns[s].attached = false;
        edge->conns[s].open = edge->conns[s].open && !died;
    }
    edge->up = false;
    edge->announcing = false;
    step(m, &(struct core_event){.kind = CORE_EDGE_DOWN, .edge = e});
}

static void announce_group(struct model *m, uint32_t e, uint32_t local, enum channel_kind kind,
                           const char *name)
{
    struct model_edge *edge = &m->edges[e];
    struct group_info info = {.kind = kind, .name = bytes_of_str(name), .epoch = 1};
    struct core_event event = {.kind = CORE_ANNOUNCE_GROUP, .edge = e, .local = local};
    event.group = &info;
    if (kind == CHANNEL_ROOM) {
        info.epoch = edge->epoch[local];
        event.last_offset = edge->last[local];
    }
    m->binding = true;
    step(m, &event);
    m->binding = false;
}

static void announce_groups(struct model *m, uint32_t e)
{
    bool wanted[LOCALS] = {false};
    for (uint32_t s = 0; s < SLOTS; s++) {
        const struct model_conn *conn = &m->edges[e].conns[s];
        for (uint32_t i = 0; conn->open && i < ROOMS; i++) {
            wanted[i] = wanted[i] || conn->in[i];
        }
        for (uint32_t i = 0; conn->open && i < USERS; i++) {
            wanted[LOCAL_INBOX + i] = wanted[LOCAL_INBOX + i] || conn->user == i;
            wanted[LOCAL_WATCH + i] = wanted[LOCAL_WATCH + i] || conn->watches[i];
        }
    }
    for (uint32_t i = 0; i < LOCALS; i++) {
        if (wanted[i] && i < LOCAL_INBOX) {
            announce_group(m, e, i, CHANNEL_ROOM, room_names[i]);
        } else if (wanted[i] && i < LOCAL_WATCH) {
            announce_group(m, e, i, CHANNEL_INBOX, user_names[i - LOCAL_INBOX]);
        } else if (wanted[i]) {
            announce_group(m, e, i, CHANNEL_WATCH, user_names[i - LOCAL_WATCH]);
        }
    }
}

static void announce_conn(struct model *m, uint32_t e, uint32_t s)
{
    struct model_conn *conn = &m->edges[e].conns[s];
    uint32_t locals[LOCALS];
    size_t count = 0;
    for (uint32_t i = 0; i < ROOMS; i++) {
        if (conn->in[i]) {
            locals[count++] = i;
        }
    }
    for (uint32_t i = 0; i < USERS; i++) {
        if (conn->watches[i]) {
            locals[count++] = LOCAL_WATCH + i;
        }
    }
    locals[count++] = LOCAL_INBOX + conn->user;
    struct session_info session = {.user = bytes_of_str(user_names[conn->user])};
    conn->attached = true;
    step(m, &(struct core_event){.kind = CORE_ANNOUNCE_CONN,
                                 .conn = ref_of(m, e, s),
                                 .session = &session,
                                 .locals = locals,
                                 .local_count = count});
}

static void announce_end(struct model *m, uint32_t e)
{
    m->edges[e].announcing = false;
    m->told_again = true;
    step(m, &(struct core_event){.kind = CORE_ANNOUNCE_END, .edge = e});
}

static void edge_up(struct model *m, uint32_t e)
{
    m->edges[e].up = true;
    m->edges[e].announcing = true;
    step(m, &(struct core_event){.kind = CORE_EDGE_UP, .edge = e, .edge_id = BYTES_LIT("edge")});
    announce_groups(m, e);
    for (uint32_t s = 0; s < SLOTS; s++) {
        if (m->edges[e].conns[s].open) {
            announce_conn(m, e, s);
        }
    }
    if (rng_below(&m->rng, 3) != 0) {
        announce_end(m, e);
    }
}

/* What the clients think after a router has been replaced: what is. */
static void observe_again(struct model *m)
{
    memset(m->seen_in, 0, sizeof(m->seen_in));
    memset(m->seen_online, 0, sizeof(m->seen_online));
    for (uint32_t i = 0; i < EDGES * SLOTS; i++) {
        const struct model_conn *conn = &m->edges[i / SLOTS].conns[i % SLOTS];
        if (conn->open) {
            m->seen_online[conn->user] = true;
            for (uint32_t room = 0; room < ROOMS; room++) {
                m->seen_in[room][conn->user] = m->seen_in[room][conn->user] || conn->in[room];
            }
        }
    }
    m->observing = true;
}

/* People leave before the last edge has announced: some are still there by that edge. */
static void lose_some(struct model *m)
{
    for (int i = 0; i < 40; i++) {
        uint32_t e = rng_below(&m->rng, OBSERVER_EDGE);
        uint32_t s = rng_below(&m->rng, SLOTS);
        struct command leave = {.kind = COMMAND_LEAVE, .room = bytes_of_str(room_names[i % ROOMS])};
        if (!m->edges[e].up || !m->edges[e].conns[s].open) {
            continue;
        }
        if (rng_below(&m->rng, 3) == 0) {
            close_conn(m, e, s);
        } else {
            command(m, e, s, &leave);
        }
    }
}

static void restart(struct model *m)
{
    router_core_free(&m->core);
    m->config.rebuild_ms = 1000;
    m->config.seed++;
    m->config.epoch_secret[0]++; /* another disk, too: no log, new epochs */
    m->core = router_core_new(&m->config, m->now_ms);
    m->append_count = 0;
    m->observing = false;
    for (uint32_t e = 0; e < EDGES; e++) {
        for (uint32_t s = 0; s < SLOTS; s++) {
            m->edges[e].conns[s].attached = false;
        }
        m->edges[e].up = false;
    }
    uint32_t late = rng_below(&m->rng, OBSERVER_EDGE);
    for (uint32_t e = 0; e < EDGES; e++) {
        if (e != late) {
            edge_up(m, e);
        }
    }
    observe_again(m);
    lose_some(m);
    edge_up(m, late);
}

static void check_counts(const struct model *m)
{
    for (uint32_t room = 0; room < ROOMS; room++) {
        const struct channel *channel =
            strmap_get(&m->core->rooms_by_name, bytes_of_str(room_names[room]));
        ck_assert(channel != NULL);
        uint32_t count[EDGES] = {0};
        for (uint32_t i = 0; i < channel->edge_count; i++) {
            ck_assert_uint_gt(channel_edges(channel)[i].count, 0);
            count[channel_edges(channel)[i].edge] = channel_edges(channel)[i].count;
        }
        for (uint32_t e = 0; e < EDGES; e++) {
            uint32_t own = m->edges[e].announcing ? 1 : 0; /* the announcing edge itself */
            uint32_t want = members_on(&m->edges[e], room);
            ck_assert_msg(count[e] == want || count[e] == want + own, "count of edge %u", e);
        }
    }
}

static uint32_t conns_of(const struct model *m, uint32_t user, int room)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < EDGES * SLOTS; i++) {
        const struct model_conn *conn = &m->edges[i / SLOTS].conns[i % SLOTS];
        count += conn->open && conn->user == user && (room < 0 || conn->in[room]);
    }
    return count;
}

static void check_presence(const struct model *m)
{
    uint32_t online = 1; /* the observer */
    for (uint32_t user = 0; user < OBSERVER; user++) {
        struct registry_user found = {.online = false};
        (void)registry_user_find(m->core, bytes_of_str(user_names[user]), &found);
        ck_assert_uint_eq(found.connections, conns_of(m, user, -1));
        ck_assert_uint_eq(found.detached, 0);
        ck_assert(m->seen_online[user] == found.online);
        online += found.online;
        for (int room = 0; room < ROOMS; room++) {
            ck_assert(m->seen_in[room][user] == (conns_of(m, user, room) != 0));
        }
    }
    struct registry_totals totals;
    registry_totals(m->core, &totals);
    ck_assert(totals.synced);
    ck_assert_uint_eq(totals.users_online, online);
    ck_assert_uint_eq(totals.detached, 0);
    for (int room = 0; room < ROOMS; room++) {
        uint64_t cursor = 0;
        uint32_t members = 0;
        struct push_member member;
        struct bytes name = bytes_of_str(room_names[room]);
        while (registry_member_next(m->core, name, &cursor, &member)) {
            ck_assert_uint_eq(member.connections, conns_of(m, digit_of(member.user), room));
            members++;
        }
        struct registry_room found;
        ck_assert(registry_room_find(m->core, name, &found));
        ck_assert_uint_eq(found.members, members);
    }
}

static void become_quiet(struct model *m)
{
    for (uint32_t e = 0; e < EDGES; e++) {
        if (!m->edges[e].up) {
            edge_up(m, e);
        }
        if (m->edges[e].announcing) {
            announce_end(m, e);
        }
    }
    while (m->append_count != 0) {
        finish_append(m);
    }
    pass_time(m, 20000);
    check_counts(m);
    check_presence(m);
}

static void act_on_edge(struct model *m, uint32_t e)
{
    if (!m->edges[e].up) {
        if (rng_below(&m->rng, 4) == 0) {
            edge_up(m, e);
        }
    } else if (m->edges[e].announcing) {
        announce_end(m, e);
    } else if (rng_below(&m->rng, 20) == 0) {
        edge_down(m, e);
    } else if (rng_below(&m->rng, 20) == 0) {
        step(m, &(struct core_event){.kind = CORE_EDGE_DRAINING, .edge = e, .delay_ms = 3000});
    }
}

static void act_on_conn(struct model *m, uint32_t e, uint32_t s)
{
    uint32_t room = rng_below(&m->rng, ROOMS);
    struct command leave = {.kind = COMMAND_LEAVE, .room = bytes_of_str(room_names[room])};
    struct command history = {.kind = COMMAND_HISTORY_ROOM, .room = leave.room, .limit = 3};
    if (!m->edges[e].conns[s].open) {
        open_conn(m, e, s, rng_below(&m->rng, OBSERVER));
        return;
    }
    switch (rng_below(&m->rng, 12)) {
    case 0:
        close_conn(m, e, s);
        break;
    case 1:
    case 2:
    case 3:
        join_room(m, e, s, room);
        break;
    case 4:
        command(m, e, s, &leave);
        break;
    case 5:
        direct(m, e, s);
        break;
    case 6:
        ask_about_user(m, e, s);
        break;
    case 7:
        command(m, e, s, &history);
        break;
    default:
        say(m, e, s, room);
        break;
    }
}

static void act(struct model *m)
{
    uint32_t e = rng_below(&m->rng, OBSERVER_EDGE);
    uint32_t dice = rng_below(&m->rng, 100);
    if (dice < 3) {
        act_on_edge(m, e);
    } else if (dice < 4) {
        kick(m);
    } else if (dice < 20) {
        finish_append(m);
    } else if (dice < 40) {
        pass_time(m, rng_below(&m->rng, 300));
    } else if (m->edges[e].up) {
        act_on_conn(m, e, rng_below(&m->rng, SLOTS));
    }
}

static void start(struct model *m, uint64_t seed, enum room_class class)
{
    *m = (struct model){.config = core_driver_config(), .now_ms = 1000, .rng = {seed}};
    m->config.seed = seed;
    m->config.policy.fallback.class = class;
    m->config.history_count = 5;
    m->config.policy.fallback.history_messages = 5;
    m->config.history_total_bytes = 2000;
    m->config.users_max = 20;
    m->config.key_window = 5;
    m->core = router_core_new(&m->config, m->now_ms);
    edge_up(m, OBSERVER_EDGE);
    open_conn(m, OBSERVER_EDGE, 0, OBSERVER);
    for (uint32_t room = 0; room < ROOMS; room++) {
        struct command join = {.kind = COMMAND_JOIN, .room = bytes_of_str(room_names[room])};
        command(m, OBSERVER_EDGE, 0, &join);
    }
    struct command watch = {.kind = COMMAND_WATCH, .user_count = OBSERVER};
    for (uint32_t user = 0; user < OBSERVER; user++) {
        watch.users[user] = bytes_of_str(user_names[user]);
        m->edges[OBSERVER_EDGE].conns[0].watches[user] = true;
    }
    command(m, OBSERVER_EDGE, 0, &watch);
    m->observing = true;
}

static const enum room_class classes[] = {ROOM_MEMORY, ROOM_DURABLE};

START_TEST(presence_and_delivery_agree_with_a_naive_model_over_random_histories)
{
    struct model m;
    start(&m, 20 + (uint64_t)_i, classes[_i]);
    for (int i = 1; i <= EVENTS / 2; i++) {
        act(&m);
        if (i % 100 == 0) {
            check_counts(&m);
        }
        if (i % QUIET_EVERY == 0) {
            become_quiet(&m);
        }
        if (i % RESTART_EVERY == 0) {
            restart(&m);
        }
    }
    become_quiet(&m);
    static const enum push_kind met[] = {PUSH_USER_JOINED, PUSH_USER_LEFT,    PUSH_PRESENCE,
                                         PUSH_KICKED,      PUSH_ROOM_MESSAGE, PUSH_DIRECT_MESSAGE,
                                         PUSH_EPOCH,       PUSH_GAP};
    for (size_t i = 0; i < sizeof(met) / sizeof(met[0]); i++) {
        ck_assert_msg(m.kinds[met[i]] != 0, "the histories never met push kind %d", (int)met[i]);
    }
    ck_assert_uint_gt(m.deliveries, EVENTS / 20);
    router_core_free(&m.core);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("core_model");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 100);
    tcase_add_loop_test(tcase, presence_and_delivery_agree_with_a_naive_model_over_random_histories,
                        0, (int)(sizeof(classes) / sizeof(classes[0])));
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
