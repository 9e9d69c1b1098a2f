/* What clients hear, and whether it may be so. See world.h. */
#include "router/json_scan.h"
#include "tests/judge/judge_view.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- reading ---- */

static bool field(struct json_value object, const char *name, struct json_value *ret_value)
{
    size_t cursor = 0;
    struct bytes key;
    while (json_next(object, &cursor, &key, ret_value)) {
        if (json_string_equals(key, bytes_of_str(name))) {
            return true;
        }
    }
    return false;
}

static uint64_t number_of(struct json_value object, const char *name)
{
    struct json_value value;
    uint64_t number = 0;
    if (field(object, name, &value)) {
        (void)json_read_integer(value, UINT64_MAX, &number);
    }
    return number;
}

static bool text_is(struct json_value object, const char *name, const char *text)
{
    struct json_value value;
    return field(object, name, &value) && value.kind == JSON_KIND_STRING &&
           json_string_equals(value.raw, bytes_of_str(text));
}

static bool is_true(struct json_value object, const char *name)
{
    struct json_value value;
    return field(object, name, &value) && bytes_equal(value.raw, BYTES_LIT("true"));
}

static uint64_t epoch_of(struct json_value object)
{
    struct json_value value;
    uint64_t epoch = 0;
    if (field(object, "epoch", &value)) {
        for (size_t i = 1; i + 1 < value.raw.len; i++) {
            uint8_t c = value.raw.data[i];
            epoch = epoch * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
    }
    return epoch;
}

/* "r3" and "user_u3" are known by their digit. */
static uint32_t digit_of(struct json_value object, const char *name)
{
    struct json_value value;
    return field(object, name, &value) ? last_digit(bytes_slice(value.raw, 1, value.raw.len - 2))
                                       : 0;
}

static uint64_t life_of(const struct world *world, const struct sim_client *client)
{
    return edge_router_life(&world->edges[client->edge]);
}

/* ---- messages ---- */

enum { WHISPER_ROOM = 9 };

static void hear_message(struct world *world, struct sim_client *client, struct json_value push)
{
    uint32_t room = digit_of(push, "roomId");
    struct sim_room_view *view = &client->rooms[room];
    uint64_t offset = number_of(push, "offset");
    if (!view->joined) {
        world_fail(world, "a message of a room that it is not in", client);
    }
    if (edge_lags(world, client, room)) {
        world_fail(world, "a message between those left out", client);
    }
    uint64_t last_offset = view->last_offset;
    enum judge_rule rule = judge_view_message(&view->last_offset, offset);
    if (rule != JUDGE_HOLDS) {
        fprintf(stderr, "room %u: has %" PRIu64 ", gets %" PRIu64 "\n", room, last_offset, offset);
        world_fail(world, judge_rule_text(rule), client);
    }
    world->messages++;
    book_seen(
        world, client,
        &(struct judge_place){
            .log = room, .life = life_of(world, client), .epoch = view->epoch, .offset = offset},
        number_of(push, "payload"));
}

/* On the edge of who said it: what it was told to be done and what it delivered came together. */
static void hear_whisper(struct world *world, const struct sim_client *client,
                         struct json_value push)
{
    struct sim_whisper *whisper = &world->whispered[number_of(push, "payload") % WHISPERS_MAX];
    uint32_t bit = 1U << client->slot;
    if (!text_is(push, "type", "room_message") || whisper->edge != client->edge ||
        whisper->from != world->edges[client->edge].uplink) {
        return;
    }
    if ((whisper->heard & bit) != 0 && whisper->gens[client->slot] == client->gen) {
        world_fail(world, "a message that nothing answers came twice", client);
    }
    whisper->heard |= bit;
    whisper->gens[client->slot] = client->gen;
}

static void forget_users(struct sim_room_view *view)
{
    for (uint32_t user = 0; user < USERS; user++) {
        view->users[user] = KNOWN_NOT;
    }
}

/* Deliveries were left out, this is the first thing that the client hears of the room again. It may
 * have been told of some of them by answers meanwhile; who came and went it must ask. */
static void hear_left_out(struct world *world, const struct sim_client *client,
                          struct sim_room_view *view, struct json_value push)
{
    uint64_t from = number_of(push, "from");
    uint64_t to = number_of(push, "to");
    bool only_unnumbered = from == 0 && to == 0;
    if (!only_unnumbered && (from != view->last_offset + 1 || to < from)) {
        fprintf(stderr, "has %" PRIu64 ", gap %" PRIu64 " to %" PRIu64 "\n", view->last_offset,
                from, to);
        world_fail(world, "a gap that is not what was left out", client);
    }
    view->last_offset = only_unnumbered ? view->last_offset : to;
    forget_users(view);
    world->left_out_gaps++;
}

/* A new router does not know who was there: the client must ask. */
static void hear_unsure(const struct world *world, const struct sim_client *client,
                        struct sim_room_view *view)
{
    if ((world->faults & FAULTS_ROUTER) == 0) {
        world_fail(world, "unsure of members without a new router", client);
    }
    forget_users(view);
}

/* Of a life of the room that ended with a router: before its end is told, or after it. */
static void hear_former_gap(const struct world *world, const struct sim_client *client,
                            struct sim_room_view *view, struct json_value push)
{
    uint64_t epoch = epoch_of(push);
    uint64_t *had = epoch == view->epoch          ? &view->last_offset
                    : epoch == view->former_epoch ? &view->former_offset
                                                  : NULL;
    if (world->disk != NULL) {
        world_fail(world, "a former life of a durable room", client);
    }
    if (had == NULL) {
        return; /* was not in it */
    }
    /* Who came while others lacked something may have a part of it. */
    uint64_t from = number_of(push, "from");
    if (world->skips ? from > *had + 1 : from != *had + 1) {
        world_fail(world, "a gap of a former life that does not follow", client);
    }
    *had = number_of(push, "to") > *had ? number_of(push, "to") : *had;
}

static void hear_gap(struct world *world, struct sim_client *client, struct json_value push)
{
    if (epoch_of(push) != 0) {
        if (!is_true(push, "inbox")) {
            hear_former_gap(world, client, &client->rooms[digit_of(push, "roomId")], push);
        }
        return;
    }
    if (is_true(push, "inbox")) {
        uint64_t life = life_of(world, client);
        bool fresh = client->inbox_life != life && world->disk == NULL;
        if (number_of(push, "from") != (fresh ? 1 : client->inbox_offset + 1)) {
            world_fail(world, "a gap of the inbox that does not follow", client);
        }
        client->inbox_life = life;
        client->inbox_epoch = fresh ? life << 8 | client->number : client->inbox_epoch;
        client->inbox_offset = number_of(push, "to");
        return;
    }
    uint32_t room = digit_of(push, "roomId");
    struct sim_room_view *view = &client->rooms[room];
    if (edge_lags(world, client, room)) {
        hear_left_out(world, client, view, push);
        return;
    }
    if (number_of(push, "from") == 0 && number_of(push, "to") == 0) {
        hear_unsure(world, client, view);
        return;
    }
    enum judge_rule rule =
        judge_view_gap(&view->last_offset, number_of(push, "from"), number_of(push, "to"));
    if (rule != JUDGE_HOLDS) {
        world_fail(world, judge_rule_text(rule), client);
    }
}

static void hear_epoch(struct world *world, struct sim_client *client, struct json_value push)
{
    struct sim_room_view *view = &client->rooms[digit_of(push, "roomId")];
    if (world->disk != NULL) {
        world_fail(world, "the epoch of a durable room changed", client);
    }
    if (!view->joined || view->epoch == epoch_of(push)) {
        world_fail(world, "a new epoch that is none", client);
    }
    view->former_epoch = view->epoch;
    view->former_offset = view->last_offset;
    view->epoch = epoch_of(push);
    view->last_offset = number_of(push, "offset");
    forget_users(view);
}

/* The inbox starts anew with each router, without a word: its numbers tell. */
static void hear_direct(struct world *world, struct sim_client *client, struct json_value push)
{
    uint64_t life = life_of(world, client);
    uint64_t offset = number_of(push, "offset");
    bool fresh = client->inbox_life != life && world->disk == NULL;
    uint64_t due = fresh ? 1 : client->inbox_offset + 1;
    if (offset != due && !(fresh && world->history_count < 1000)) {
        fprintf(stderr, "inbox: due %" PRIu64 ", gets %" PRIu64 "\n", due, offset);
        world_fail(world, "an inbox offset that does not follow", client);
    }
    client->inbox_life = life;
    if (fresh) { /* not told: a book of its own */
        client->inbox_epoch = life << 8 | client->number;
    }
    client->inbox_offset = offset;
    world->messages++;
    book_seen(world, client,
              &(struct judge_place){.log = ROOMS + client->user,
                                    .life = life,
                                    .epoch = client->inbox_epoch,
                                    .offset = offset},
              number_of(push, "payload"));
}

static void hear_welcome(struct world *world, struct sim_client *client, struct json_value push)
{
    struct json_value inbox;
    if (client->welcomed || !field(push, "inbox", &inbox)) {
        world_fail(world, "a second welcome", client);
    }
    client->welcomed = true;
    client->inbox_life = life_of(world, client);
    client->inbox_epoch = epoch_of(inbox);
    client->inbox_offset = number_of(inbox, "offset");
}

/* ---- presence ---- */

static void hear_member(struct world *world, struct sim_client *client, struct json_value push,
                        bool joined)
{
    uint32_t room = digit_of(push, "roomId");
    uint32_t user = digit_of(push, "userId");
    struct sim_room_view *view = &client->rooms[room];
    enum sim_known known = joined ? KNOWN_PRESENT : KNOWN_ABSENT;
    enum sim_known away = world->forgetful ? KNOWN_NOT : KNOWN_ABSENT;
    if (!view->joined) {
        world_fail(world, "presence of a room that it is not in", client);
    }
    uint32_t former = 1U << user;
    if (view->users[user] == known && (view->said_by_former & former) == 0) {
        fprintf(stderr, "room %u user %u\n", room, user);
        world_fail(world, joined ? "joined twice" : "left twice", client);
    }
    if (!(joined ? truth_may_come : truth_may_leave)(world, user, room)) {
        fprintf(stderr, "room %u user %u\n", room, user);
        world_fail(world, joined ? "joined, but was there" : "left, but was there", client);
    }
    view->users[user] = joined ? KNOWN_PRESENT : away;
    view->said_by_former &= ~former;
}

static void hear_presence(struct world *world, struct sim_client *client, struct json_value push)
{
    uint32_t user = digit_of(push, "userId");
    struct sim_watch *watch = &client->watches[user];
    uint64_t life = life_of(world, client);
    enum sim_known known = is_true(push, "online") ? KNOWN_PRESENT : KNOWN_ABSENT;
    /* Watchers may be told again how it is when a new router has heard everybody, and the word may
     * be slow: it speaks of when it was said. */
    bool again = (world->faults & FAULTS_ROUTER) != 0;
    if (watch->life == life && watch->known == known && !again) {
        fprintf(stderr, "user %u\n", user);
        world_fail(world, "a presence that changes nothing", client);
    }
    bool there = (world->faults & FAULTS_ROUTER) != 0 && known == KNOWN_PRESENT &&
                 truth_was_shown(world, user, ROOMS, number_of(push, "timestamp"));
    if (!there &&
        !(known == KNOWN_PRESENT ? truth_may_come : truth_may_leave)(world, user, ROOMS)) {
        fprintf(stderr, "user %u\n", user);
        world_fail(world, "a presence that flaps", client);
    }
    bool forgets = world->forgetful && known == KNOWN_ABSENT;
    watch->known = forgets ? KNOWN_NOT : known;
    watch->life = life;
}

/* From the question to the answer. */
static bool knows_everybody(const struct world *world, const struct sim_pending *pending)
{
    return world->settled_ms != 0 && pending->said_ms > world->settled_ms;
}

/* Who has been there all the time is in the list, and who has been away for long is not. */
static void check_members(const struct world *world, const struct sim_client *client,
                          const struct sim_room_view *view, const struct sim_pending *pending)
{
    for (uint32_t user = 0; user < USERS; user++) {
        bool listed = view->users[user] == KNOWN_PRESENT;
        if (listed && user != client->user && truth_is_long_gone(world, user, pending->room)) {
            fprintf(stderr, "room %u user %u\n", pending->room, user);
            world_fail(world, "listed long after leaving", client);
        }
        if (!listed && truth_is_shown_since(world, user, pending->room, pending->said_ms)) {
            fprintf(stderr, "room %u user %u\n", pending->room, user);
            world_fail(world, "there, and not listed", client);
        }
    }
}

/* The list of members in the answer to a join. That somebody is not in it is worth nothing while
 * the router does not know everybody. */
static void hear_members(const struct world *world, const struct sim_client *client,
                         struct sim_room_view *view, const struct sim_pending *pending,
                         struct json_value reply)
{
    struct json_value members;
    struct json_value member;
    struct bytes key;
    size_t cursor = 0;
    bool settled = knows_everybody(world, pending);
    for (uint32_t user = 0; user < USERS; user++) {
        view->users[user] = settled && !world->forgetful ? KNOWN_ABSENT : KNOWN_NOT;
    }
    if (field(reply, "members", &members)) {
        while (json_next(members, &cursor, &key, &member)) {
            view->users[digit_of(member, "userId")] = KNOWN_PRESENT;
        }
    }
    check_members(world, client, view, pending);
    view->users[client->user] = KNOWN_PRESENT;
}

/* ---- replies ---- */

static void check_recovery(const struct world *world, const struct sim_client *client,
                           const struct sim_room_view *view, struct json_value reply)
{
    uint64_t offset = number_of(reply, "offset");
    /* How much of a log one load gives is the disk's choice: what the answer says is kept counts.
     * Where appends fail numbers are lost, too, and a load that failed answers nothing. */
    bool all_kept = world->disk == NULL
                        ? offset - view->past_offset <= world->history_count
                        : (world->faults & FAULTS_DISK) == 0 &&
                              view->past_offset + 1 >= number_of(reply, "firstOffset");
    const struct judge_recovery recovery = {.recovered = is_true(reply, "recovered"),
                                            .same_epoch = epoch_of(reply) == view->past_epoch,
                                            .all_kept = all_kept,
                                            .past_offset = view->past_offset,
                                            .offset = offset,
                                            .first_offset = number_of(reply, "firstOffset")};
    enum judge_rule rule = judge_view_recovery(&recovery);
    if (rule != JUDGE_HOLDS) {
        world_fail(world, judge_rule_text(rule), client);
    }
}

static void hear_join(struct world *world, struct sim_client *client,
                      const struct sim_pending *pending, struct json_value reply)
{
    struct sim_room_view *view = &client->rooms[pending->room];
    bool lags = view->joined && edge_lags(world, client, pending->room);
    bool overtakes = view->joined && edge_holds_back(world, client, pending->room);
    if (view->joined && view->epoch != epoch_of(reply) && !lags) {
        world_fail(world, "an epoch that changed without a word", client);
    }
    if (!view->joined) {
        view->epoch = epoch_of(reply);
        view->last_offset = number_of(reply, "offset");
        if (pending->since) {
            check_recovery(world, client, view, reply);
            uint64_t first = number_of(reply, "firstOffset");
            uint64_t past = view->epoch == view->past_epoch ? view->past_offset : view->last_offset;
            view->last_offset = past + 1 < first ? first - 1 : past;
        }
    }
    view->joined = true;
    view->has_past = false;
    hear_members(world, client, view, pending, reply);
    if (overtakes) { /* who comes and goes by what is held back is older than the list */
        forget_users(view);
    }
}

static void hear_watch(struct world *world, struct sim_client *client,
                       const struct sim_pending *pending, struct json_value reply)
{
    struct sim_watch *watch = &client->watches[pending->room];
    struct json_value users;
    struct json_value user;
    struct bytes key;
    size_t cursor = 0;
    watch->watching = pending->kind == COMMAND_WATCH;
    watch->known = KNOWN_NOT;
    if (!watch->watching || !is_true(reply, "synced") || !knows_everybody(world, pending)) {
        return;
    }
    if (field(reply, "users", &users) && json_next(users, &cursor, &key, &user)) {
        enum sim_known away = world->forgetful ? KNOWN_NOT : KNOWN_ABSENT;
        watch->known = is_true(user, "online") ? KNOWN_PRESENT : away;
        watch->life = life_of(world, client);
    }
}

static void hear_published(struct world *world, const struct sim_client *client,
                           const struct sim_pending *pending, struct json_value reply)
{
    const struct sim_room_view *view = &client->rooms[pending->room];
    uint64_t life = life_of(world, client);
    /* Who lags may not know yet in which epoch that is. */
    if (view->joined && !edge_lags(world, client, pending->room)) {
        book_seen(world, client,
                  &(struct judge_place){.log = pending->room,
                                        .life = life,
                                        .epoch = view->epoch,
                                        .offset = number_of(reply, "offset")},
                  pending->payload);
    }
    if (!pending->again && is_true(reply, "duplicate")) {
        world_fail(world, "said once, and called a duplicate", client);
    }
    if (!pending->keyed) {
        book_accepted(world, client, life, pending->payload);
    }
}

static void hear_ok(struct world *world, struct sim_client *client,
                    const struct sim_pending *pending, struct json_value reply)
{
    if (pending->kind == COMMAND_JOIN) {
        hear_join(world, client, pending, reply);
    } else if (pending->kind == COMMAND_LEAVE) {
        client->rooms[pending->room] = (struct sim_room_view){0};
    } else if (pending->kind == COMMAND_ROOM_MESSAGE) {
        hear_published(world, client, pending, reply);
    } else if (pending->kind == COMMAND_WATCH || pending->kind == COMMAND_UNWATCH) {
        hear_watch(world, client, pending, reply);
    } else if (pending->kind == COMMAND_HISTORY_ROOM) {
        world->histories++;
    } else if (number_of(reply, "delivered") > CLIENTS) {
        world_fail(world, "delivered to more connections than there are", client);
    } else {
        if (world->disk != NULL) {
            disk_check_has(world, client, ROOMS + pending->room, pending->payload);
        }
        book_accepted(world, client, life_of(world, client), pending->payload);
    }
}

static void hear_reply(struct world *world, struct sim_client *client, struct json_value reply,
                       bool ok)
{
    uint64_t id = number_of(reply, "id");
    for (size_t i = 0; i < client->pending_count; i++) {
        if (client->pending[i].id == id) {
            struct sim_pending pending = client->pending[i];
            client->pending[i] = client->pending[--client->pending_count];
            if (ok) {
                hear_ok(world, client, &pending, reply);
            }
            return;
        }
    }
    world_fail(world, "a reply that nobody waits for", client);
}

void client_hear(struct world *world, struct sim_client *client, struct bytes text)
{
    struct json_value push;
    if (world->trace) {
        fprintf(stderr, "%8" PRIu64 " client %u < %.*s\n", world->now_ms, client->number,
                (int)text.len, (const char *)text.data);
    }
    if (!json_scan(text, &push) || push.kind != JSON_KIND_OBJECT) {
        world_fail(world, "not JSON", client);
    }
    if (world->disk != NULL && client->life != life_of(world, client)) {
        /* No epoch push says so, but the last router's words may be said again by the next. */
        for (uint32_t room = 0; room < ROOMS; room++) {
            client->rooms[room].said_by_former = (1U << USERS) - 1;
        }
        client->life = life_of(world, client);
    }
    if (digit_of(push, "roomId") == WHISPER_ROOM) {
        hear_whisper(world, client, push);
    } else if (text_is(push, "type", "welcome")) {
        hear_welcome(world, client, push);
    } else if (text_is(push, "type", "room_message")) {
        hear_message(world, client, push);
    } else if (text_is(push, "type", "direct_message")) {
        hear_direct(world, client, push);
    } else if (text_is(push, "type", "user_joined")) {
        hear_member(world, client, push, true);
    } else if (text_is(push, "type", "user_left")) {
        hear_member(world, client, push, false);
    } else if (text_is(push, "type", "presence")) {
        hear_presence(world, client, push);
    } else if (text_is(push, "type", "epoch")) {
        hear_epoch(world, client, push);
    } else if (text_is(push, "type", "gap")) {
        hear_gap(world, client, push);
    } else if (text_is(push, "type", "ok")) {
        hear_reply(world, client, push, true);
    } else if (text_is(push, "type", "error")) {
        bool disk = (world->faults & FAULTS_DISK) != 0 && text_is(push, "code", "unavailable");
        if (!text_is(push, "code", "not_member") && !disk) {
            world_fail(world, "an error that nobody provoked", client);
        }
        hear_reply(world, client, push, false);
    }
}
