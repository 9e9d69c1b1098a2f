/* What must hold at every step for queues, and at the end for everything. Looks into uplink and
 * plane: what clients cannot see (a queue above its credit, a session that is never forgotten) is
 * wrong all the same. See world.h. */
#include "edge/uplink_down.h"
#include "router/plane_internal.h"
#include "router/registry.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    HOLD_SLACK_BYTES = 9000, /* openings, closings and digests are never refused */
    TOLD_MS_MAX = 1000       /* on the way to an edge */
};

/* A frame above the whole credit travels alone. */
static void check_link(const struct world *world, const struct link *link)
{
    if (link->sent_bytes > link->window && link->sent_count > 1) {
        world_fail(world, "more is on the way than the credit allows", NULL);
    }
}

/* Without a router no canary comes back, and that is said. Who stood still hears the last ones then
 * only. */
static void check_canaries(const struct world *world)
{
    uint64_t way_ms =
        TOLD_MS_MAX + ((world->faults & FAULTS_NETWORK) != 0 ? (uint64_t)NET_SLOW_MS_MAX : 0);
    for (uint32_t i = 0; world->plane == NULL && i < EDGES; i++) {
        const struct uplink *uplink = world->edges[i].uplink;
        uint64_t died_ms = world->router_died_ms > world->edges[i].paused_until
                               ? world->router_died_ms
                               : world->edges[i].paused_until;
        bool away = world->now_ms > died_ms + CANARY_TIMEOUT_MS + way_ms;
        if (away && uplink != NULL && uplink->canary.supported &&
            !uplink_canary_overdue(uplink, world->now_ms, CANARY_TIMEOUT_MS)) {
            world_fail(world, "an edge believes in a dead router", NULL);
        }
    }
}

void check_bounds(const struct world *world)
{
    for (uint32_t i = 0; i < EDGES; i++) {
        const struct uplink *uplink = world->edges[i].uplink;
        if (uplink == NULL) {
            continue;
        }
        struct uplink_stats stats;
        uplink_stats(uplink, &stats);
        check_link(world, &uplink->link);
        if (stats.held_back_bytes > world->repair_bytes) {
            world_fail(world, "more is held back than may be", NULL);
        }
        if (stats.held_bytes > world->hold_bytes + HOLD_SLACK_BYTES) {
            world_fail(world, "an edge holds more than it may", NULL);
        }
        bool doubts = !world->skips && (stats.offset_holes != 0 || stats.repeated != 0);
        bool unknown = stats.unknown_groups != 0 && !world->corruption.lost_place[i];
        if (stats.bad_frames != 0 || unknown || doubts) {
            fprintf(stderr,
                    "edge %u: %" PRIu64 " bad, %" PRIu64 " unknown, %" PRIu64 " holes, %" PRIu64
                    " repeated\n",
                    i, stats.bad_frames, stats.unknown_groups, stats.offset_holes, stats.repeated);
            world_fail(world, "an edge doubts its router", NULL);
        }
    }
    check_canaries(world);
    for (uint32_t i = 0; world->plane != NULL && i < world->plane->edge_capacity; i++) {
        if (world->plane->edges[i] != NULL) {
            check_link(world, &world->plane->edges[i]->link);
        }
    }
}

static uint32_t live_connections(const struct world *world, uint32_t user, uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        if (client->open && client->user == user && (room == ROOMS || client->rooms[room].joined)) {
            count++;
        }
    }
    return count;
}

static uint32_t shown_connections(const struct world *world, uint32_t user, uint32_t room)
{
    char name[16];
    char room_name[16];
    snprintf(name, sizeof(name), "user_u%u", user);
    snprintf(room_name, sizeof(room_name), "r%u", room);
    const struct router_core *core = router_plane_core(world->plane);
    if (room == ROOMS) {
        struct registry_user found;
        bool known = registry_user_find(core, bytes_of_str(name), &found);
        return known && found.online ? found.connections : 0;
    }
    uint64_t cursor = 0;
    struct push_member member;
    while (registry_member_next(core, bytes_of_str(room_name), &cursor, &member)) {
        if (bytes_equal(member.user, bytes_of_str(name))) {
            return member.connections;
        }
    }
    return 0;
}

static void check_presence(const struct world *world)
{
    for (uint32_t user = 0; user < USERS; user++) {
        for (uint32_t room = 0; room <= ROOMS; room++) {
            uint32_t live = live_connections(world, user, room);
            uint32_t shown = shown_connections(world, user, room);
            if (live != shown) {
                fprintf(stderr, "user %u room %u: %u live, %u shown\n", user, room, live, shown);
                world_fail(world, "presence differs from the live connections", NULL);
            }
        }
    }
}

static bool agrees(enum sim_known known, uint32_t connections)
{
    return known == KNOWN_NOT || (known == KNOWN_PRESENT) == (connections != 0);
}

/* What the client was told last about others. Not of those half kicked: the next router has them
 * from an edge that did not hear of it. */
static void check_told(const struct world *world, const struct sim_client *client)
{
    for (uint32_t user = 0; user < USERS; user++) {
        const struct sim_watch *watch = &client->watches[user];
        if (!world->half_kicked[user] && watch->watching &&
            !agrees(watch->known, live_connections(world, user, ROOMS))) {
            fprintf(stderr, "watched user %u\n", user);
            world_fail(world, "a watcher was told wrong", client);
        }
        for (uint32_t room = 0; room < ROOMS; room++) {
            const struct sim_room_view *view = &client->rooms[room];
            if (!world->half_kicked[user] && view->joined &&
                !agrees(view->users[user], live_connections(world, user, room))) {
                fprintf(stderr, "room %u user %u\n", room, user);
                world_fail(world, "a member was told wrong of another", client);
            }
        }
    }
}

static void check_rooms(const struct world *world, const struct sim_client *client)
{
    for (uint32_t room = 0; room < ROOMS; room++) {
        const struct sim_room_view *view = &client->rooms[room];
        struct registry_room found;
        char name[16];
        snprintf(name, sizeof(name), "r%u", room);
        if (!view->joined) {
            continue;
        }
        if (!registry_room_find(router_plane_core(world->plane), bytes_of_str(name), &found)) {
            world_fail(world, "a member's room is gone", client);
        }
        if (found.epoch != view->epoch || found.offset != view->last_offset) {
            fprintf(stderr, "room %u has %" PRIu64 ", client %" PRIu64 "\n", room, found.offset,
                    view->last_offset);
            world_fail(world, "a member lacks messages", client);
        }
    }
}

/* Who was in the same life of a room that ended has heard of the same messages of it. */
static void check_former(const struct world *world, const struct sim_client *client)
{
    for (uint32_t i = 0; i < CLIENTS * ROOMS; i++) {
        const struct sim_room_view *view = &client->rooms[i % ROOMS];
        const struct sim_client *other = &world->clients[i / ROOMS];
        const struct sim_room_view *others = &other->rooms[i % ROOMS];
        bool same = other->open && view->joined && others->joined && view->former_epoch != 0 &&
                    view->former_epoch == others->former_epoch && view->epoch == others->epoch;
        if (same && view->former_offset != others->former_offset) {
            fprintf(stderr, "room %u: heard up to %" PRIu64 ", client %u up to %" PRIu64 "\n",
                    i % ROOMS, view->former_offset, other->number, others->former_offset);
            world_fail(world, "silence about messages of a former life", client);
        }
    }
}

static void check_inbox(const struct world *world, const struct sim_client *client)
{
    char name[16];
    struct registry_user user;
    snprintf(name, sizeof(name), "user_u%u", client->user);
    if (!registry_user_find(router_plane_core(world->plane), bytes_of_str(name), &user)) {
        world_fail(world, "a connected user is not known", client);
    }
    bool same = world->disk != NULL || client->inbox_life == world->router_incarnation;
    uint64_t has = same ? client->inbox_offset : 0;
    if (user.inbox_offset != has) {
        fprintf(stderr, "inbox has %" PRIu64 ", client %" PRIu64 "\n", user.inbox_offset, has);
        world_fail(world, "a client lacks direct messages", client);
    }
}

/* Something else than a canary or a digest is unfinished: those never end. */
static bool has_news(const struct uplink *uplink)
{
    const struct link_queue *queue = &uplink->link.queue;
    bool news = false;
    for (size_t i = 0; i < uplink->up.count; i++) {
        news = news || (uplink->up.op[i] != OP_CANARY && uplink->up.op[i] != OP_DIGEST);
    }
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < queue->count; i++) {
        const struct link_entry *entry = &queue->entries[(queue->first + i) % queue->capacity];
        struct plane_batch batch = {0};
        news = news || !plane_body_read(&arena, bytes_of(entry->body, entry->len), &batch);
        for (size_t j = 0; j < batch.count; j++) {
            news = news || (batch.op[j] != OP_CANARY && batch.op[j] != OP_DIGEST);
        }
    }
    arena_fini(&arena);
    return news;
}

/* Where nothing but deliveries is lost, what lacks is got; a gap is for when that fails. */
static void check_repairs(const struct world *world)
{
    uint64_t holes = 0;
    uint64_t given_up = 0;
    for (uint32_t i = 0; i < EDGES; i++) {
        struct uplink_stats stats;
        uplink_stats(world->edges[i].uplink, &stats);
        holes += stats.offset_holes;
        given_up += stats.repairs_given_up;
    }
    bool easy = world->faults == FAULTS_NONE && world->repair_bytes > 1000;
    if (easy && given_up > holes / 5 + 1) {
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " given up\n", given_up, holes);
        world_fail(world, "what lacks is not got again", NULL);
    }
}

static void check_edge(const struct world *world, const struct sim_edge *edge)
{
    if (edge->uplink == NULL) {
        world_fail(world, "an edge did not come back", NULL);
    }
    if (uplink_state(edge->uplink) != UPLINK_UP || has_news(edge->uplink)) {
        fprintf(stderr, "edge %u: state %d, %" PRIu64 " bytes\n", edge->number,
                (int)uplink_state(edge->uplink), link_unfinished_bytes(&edge->uplink->link));
        world_fail(world, "an edge has something left to say", NULL);
    }
    if (edge->uplink->closed_first != NULL) {
        world_fail(world, "an edge does not forget", NULL);
    }
    if (edge->uplink->groups.holes.count != 0) {
        world_fail(world, "a hole stays open", NULL);
    }
    if (edge->uplink->groups.lags.table.count != 0) {
        world_fail(world, "somebody lags who reads", NULL);
    }
    if (uplink_canary_overdue(edge->uplink, world->now_ms, 2 * (uint64_t)CANARY_MS)) {
        world_fail(world, "a canary did not come back", NULL);
    }
    bans_check(world, edge);
    const struct plane_tickets *tickets = &world->plane->tickets;
    bool late = world->now_ms < tickets->drawn_ms + TOLD_MS_MAX;
    if (edge->ticket_key != tickets->current[0] &&
        !(late && edge->ticket_key == tickets->previous[0])) {
        world_fail(world, "an edge has other ticket keys than the router", NULL);
    }
}

void check_end(const struct world *world)
{
    for (uint32_t i = 0; i < EDGES; i++) {
        check_edge(world, &world->edges[i]);
    }
    check_presence(world);
    check_repairs(world);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        if (!client->open) {
            continue;
        }
        if (client->pending_count != 0 || !client->welcomed) {
            world_fail(world, "a command without a reply", client);
        }
        check_rooms(world, client);
        check_former(world, client);
        check_inbox(world, client);
        check_told(world, client);
    }
    if (world->disk != NULL) {
        disk_check_all(world);
    }
    for (uint32_t i = 0; i < world->plane->edge_capacity; i++) {
        const struct plane_edge *edge = world->plane->edges[i];
        if (edge != NULL && world->now_ms > edge->truth.due_ms + TOLD_MS_MAX) {
            world_fail(world, "an edge is asked no more what it holds", NULL);
        }
    }
    if (router_plane_canary_overdue(world->plane, world->now_ms)) {
        world_fail(world, "the router hears no canary", NULL);
    }
    if (world->corruption.due_ms != 0) {
        world_fail(world, "something is still wrong", NULL);
    }
    if (world->compared == 0) {
        world_fail(world, "no digest was compared", NULL);
    }
    if (world->messages == 0) {
        world_fail(world, "nothing was delivered at all", NULL);
    }
}

void check_farewell(const struct world *world, const struct sim_farewell *farewell)
{
    enum sim_known away = world->forgetful ? KNOWN_NOT : KNOWN_ABSENT;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        const struct sim_client *client = &world->clients[i];
        const struct sim_watch *watch = &client->watches[farewell->user];
        if (client->open && watch->watching && farewell->online &&
            (watch->known != away || watch->life != world->router_incarnation)) {
            world_fail(world, "a watcher was not told", client);
        }
        for (uint32_t room = 0; room < ROOMS; room++) {
            if (client->rooms[room].joined && farewell->rooms[room] &&
                client->rooms[room].users[farewell->user] != away) {
                world_fail(world, "a member was not told", client);
            }
        }
    }
}
