/* What clients do. See world.h. */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CLOSING_MS_MAX = 1500, STALL_MS_MAX = 3000, TEXT_MAX = 200 };

void client_init(struct sim_client *client, uint32_t number)
{
    *client = (struct sim_client){.number = number, .user = number % USERS};
}

static void keep_retry(struct sim_client *client, const struct sim_pending *pending)
{
    if (pending->kind == COMMAND_ROOM_MESSAGE && pending->keyed &&
        client->retry_count < RETRIES_MAX) {
        client->retries[client->retry_count++] =
            (struct sim_retry){.room = pending->room, .payload = pending->payload};
    }
}

/* What a client program remembers of a lost connection. */
static void remember(struct sim_client *client, const struct sim_client *old)
{
    client->next_id = old->next_id;
    client->retry_count = old->retry_count;
    memcpy(client->retries, old->retries, sizeof(client->retries));
    for (size_t i = 0; i < old->pending_count; i++) {
        keep_retry(client, &old->pending[i]);
    }
    for (uint32_t room = 0; room < ROOMS; room++) {
        const struct sim_room_view *view = &old->rooms[room];
        client->rooms[room].has_past = view->joined || view->has_past;
        client->rooms[room].past_epoch = view->joined ? view->epoch : view->past_epoch;
        client->rooms[room].past_offset = view->joined ? view->last_offset : view->past_offset;
    }
}

static void forget_connection(struct sim_client *client)
{
    struct sim_client old = *client;
    client_init(client, old.number);
    remember(client, &old);
}

void client_lost(struct world *world, struct sim_client *client)
{
    truth_lost(world, client);
    forget_connection(client);
}

void client_end(struct world *world, struct sim_client *client, bool clean, struct bytes reason)
{
    struct sim_edge *edge = &world->edges[client->edge];
    uint32_t slot = client->slot;
    if (world->trace) {
        fprintf(stderr, "%8" PRIu64 " client %u ends: %.*s\n", world->now_ms, client->number,
                (int)reason.len, (const char *)reason.data);
    }
    if (!clean) {
        truth_lost(world, client);
    }
    edge->slots[slot] = NULL;
    forget_connection(client);
    uplink_closed(edge->uplink, slot, clean ? 1000 : 0, clean, reason);
}

void client_closing(struct world *world, struct sim_client *client)
{
    client->ending_at = world->now_ms + 1 + rng_below(&world->rng, CLOSING_MS_MAX);
}

/* Reads again after a while; what waited is read at once. */
static void read_on(struct world *world, struct sim_client *client)
{
    struct sim_edge *edge = &world->edges[client->edge];
    if (client->open && client->behind && world->now_ms >= client->stalled_until &&
        world->now_ms >= edge->paused_until && client->ending_at == 0) {
        client->behind = false;
        uplink_caught_up(edge->uplink, client->slot);
    }
}

void client_step(struct world *world, struct sim_client *client)
{
    read_on(world, client);
    if (client->open && client->ending_at != 0 && world->now_ms >= client->ending_at &&
        world->now_ms >= world->edges[client->edge].paused_until) {
        client_end(world, client, rng_below(&world->rng, 2) == 0, BYTES_LIT("kicked"));
    }
}

/* ---- commands ---- */

static void say(struct world *world, struct sim_client *client, struct sim_pending pending,
                const char *text)
{
    struct uplink *uplink = world->edges[client->edge].uplink;
    if (client->pending_count == PENDING_MAX || uplink_congested(uplink)) {
        return; /* nobody reads this socket now */
    }
    if (world->trace) {
        fprintf(stderr, "%8" PRIu64 " client %u > %s\n", world->now_ms, client->number, text);
    }
    if (uplink_message(uplink, client->slot, bytes_of_str(text), false, world->now_ms) ==
        STATUS_OK) {
        pending.said_ms = world->now_ms;
        client->pending[client->pending_count++] = pending;
    } else if (world->hold_bytes >= 1 << 20) {
        world_fail(world, "the hold buffer is full", client);
    }
}

static bool client_may_speak(const struct world *world, const struct sim_client *client)
{
    return world->now_ms >= world->edges[client->edge].paused_until && client->welcomed &&
           client->ending_at == 0 && !client->doomed;
}

static void open_somewhere(struct world *world, struct sim_client *client)
{
    struct sim_edge *edge = &world->edges[rng_below(&world->rng, EDGES)];
    if (!edge_is_ready(edge)) {
        return;
    }
    uint32_t slot = 0;
    while (edge->slots[slot] != NULL) {
        slot++;
    }
    char token[64];
    snprintf(token, sizeof(token), "%su%u", verify_token_prefix(world), client->user);
    client->open = true;
    client->edge = edge->number;
    client->slot = slot;
    client->gen = ++edge->gens[slot];
    client->opened_ms = world->now_ms;
    truth_asked(world, client->user, ROOMS);
    truth_returned(world, client->user);
    edge->slots[slot] = client;
    if (world->trace) {
        fprintf(stderr, "%8" PRIu64 " client %u opens edge %u slot %u gen %u\n", world->now_ms,
                client->number, client->edge, slot, client->gen);
    }
    uplink_opened(edge->uplink, slot, client->gen,
                  &(struct uplink_open){.token = bytes_of_str(token),
                                        .token_source = 1,
                                        .address = BYTES_LIT("127.0.0.1"),
                                        .agent = BYTES_LIT("sim")});
}

static bool asks_already(const struct sim_client *client, uint32_t room)
{
    for (size_t i = 0; i < client->pending_count; i++) {
        if (client->pending[i].kind == COMMAND_JOIN && client->pending[i].room == room) {
            return true;
        }
    }
    return false;
}

static void join(struct world *world, struct sim_client *client, uint32_t room)
{
    const struct sim_room_view *view = &client->rooms[room];
    bool since = view->has_past && !view->joined && !asks_already(client, room);
    uint64_t id = ++client->next_id;
    char past[80] = "";
    char text[TEXT_MAX];
    if (since) {
        snprintf(past, sizeof(past),
                 ",\"since\":{\"epoch\":\"%016" PRIx64 "\",\"offset\":%" PRIu64 "}",
                 view->past_epoch, view->past_offset);
    }
    truth_asked(world, client->user, room);
    snprintf(text, sizeof(text),
             "{\"type\":\"join\",\"room\":\"r%u\",\"members\":true,\"id\":%" PRIu64 "%s}", room, id,
             past);
    say(world, client,
        (struct sim_pending){.id = id, .kind = COMMAND_JOIN, .room = room, .since = since}, text);
}

static void leave(struct world *world, struct sim_client *client, uint32_t room)
{
    uint64_t id = ++client->next_id;
    char text[TEXT_MAX];
    snprintf(text, sizeof(text), "{\"type\":\"leave\",\"room\":\"r%u\",\"id\":%" PRIu64 "}", room,
             id);
    say(world, client, (struct sim_pending){.id = id, .kind = COMMAND_LEAVE, .room = room}, text);
}

static void publish(struct world *world, struct sim_client *client, uint32_t room, uint64_t payload,
                    bool keyed, bool again)
{
    uint64_t id = ++client->next_id;
    char key[40] = "";
    char text[TEXT_MAX];
    if (keyed) {
        snprintf(key, sizeof(key), ",\"key\":\"k%" PRIu64 "\"", payload);
    }
    snprintf(text, sizeof(text),
             "{\"type\":\"room_message\",\"room\":\"r%u\",\"payload\":%" PRIu64 ",\"id\":%" PRIu64
             "%s}",
             room, payload, id, key);
    say(world, client,
        (struct sim_pending){.id = id,
                             .kind = COMMAND_ROOM_MESSAGE,
                             .room = room,
                             .payload = payload,
                             .keyed = keyed,
                             .again = again},
        text);
}

/* Nothing answers it, and nothing of it is kept: behind a message that waits for the disk, in one
 * frame. */
static void whisper(struct world *world, struct sim_client *client)
{
    struct uplink *uplink = world->edges[client->edge].uplink;
    char text[TEXT_MAX];
    if (world->disk == NULL || (world->faults & FAULTS_REGISTRY) != 0 || uplink_congested(uplink)) {
        return;
    }
    uint32_t number = world->whispers++ % WHISPERS_MAX;
    world->whispered[number] =
        (struct sim_whisper){.edge = client->edge, .from = world->edges[client->edge].uplink};
    snprintf(text, sizeof(text), "{\"type\":\"room_message\",\"room\":\"w:9\",\"payload\":%u}",
             (unsigned)number);
    const struct bytes said[] = {BYTES_LIT("{\"type\":\"join\",\"room\":\"w:9\"}"),
                                 bytes_of_str(text)};
    for (size_t i = 0; i < 2; i++) {
        if (uplink_message(uplink, client->slot, said[i], false, world->now_ms) != STATUS_OK) {
            return; /* the buffer is full */
        }
    }
}

static void direct(struct world *world, struct sim_client *client, uint32_t user)
{
    uint64_t id = ++client->next_id;
    uint64_t payload = ++world->next_payload;
    char text[TEXT_MAX];
    snprintf(text, sizeof(text),
             "{\"type\":\"direct_message\",\"targetUserId\":\"user_u%u\",\"payload\":%" PRIu64
             ",\"id\":%" PRIu64 "}",
             user, payload, id);
    say(world, client,
        (struct sim_pending){
            .id = id, .kind = COMMAND_DIRECT_MESSAGE, .room = user, .payload = payload},
        text);
}

static void watch(struct world *world, struct sim_client *client, uint32_t user, bool on)
{
    uint64_t id = ++client->next_id;
    char text[TEXT_MAX];
    snprintf(text, sizeof(text), "{\"type\":\"%s\",\"users\":[\"user_u%u\"],\"id\":%" PRIu64 "}",
             on ? "watch" : "unwatch", user, id);
    say(world, client,
        (struct sim_pending){.id = id, .kind = on ? COMMAND_WATCH : COMMAND_UNWATCH, .room = user},
        text);
}

void client_ask_history(struct world *world, struct sim_client *client, uint32_t room)
{
    char text[TEXT_MAX];
    if (!client_may_speak(world, client) || !client->rooms[room].joined) {
        return;
    }
    uint64_t id = ++client->next_id;
    snprintf(text, sizeof(text),
             "{\"type\":\"history\",\"room\":\"r%u\",\"limit\":1000,\"id\":%" PRIu64 "}", room, id);
    say(world, client, (struct sim_pending){.id = id, .kind = COMMAND_HISTORY_ROOM, .room = room},
        text);
}

static void talk(struct world *world, struct sim_client *client, uint32_t what)
{
    uint32_t room = rng_below(&world->rng, ROOMS);
    uint32_t user = rng_below(&world->rng, USERS);
    if (what < 25) {
        join(world, client, room);
    } else if (what < 32) {
        leave(world, client, room);
    } else if (what < 80) {
        publish(world, client, room, ++world->next_payload, what < 50, false);
        whisper(world, client);
    } else if (what < 88) {
        direct(world, client, user);
    } else {
        watch(world, client, user, what < 92);
    }
}

/* In the room again, the client repeats what may or may not have arrived. */
static void retry(struct world *world, struct sim_client *client)
{
    struct sim_retry *last = &client->retries[client->retry_count - 1];
    if (!client->rooms[last->room].joined) {
        join(world, client, last->room);
        return;
    }
    client->retry_count--;
    publish(world, client, last->room, last->payload, true, true);
}

void client_act(struct world *world, struct sim_client *client)
{
    if (!client->open) {
        if (world->now_ms >= world->away_until[client->number]) {
            open_somewhere(world, client);
        }
        return;
    }
    if (!client_may_speak(world, client)) {
        return;
    }
    if (client->retry_count != 0 && rng_below(&world->rng, 2) == 0) {
        retry(world, client);
        return;
    }
    uint32_t what = rng_below(&world->rng, 100);
    if (rng_below(&world->rng, 15) == 0) {
        client->stalled_until = world->now_ms + 1 + rng_below(&world->rng, STALL_MS_MAX);
    }
    if (what < 94) {
        talk(world, client, what);
    } else if (what < 96) {
        bool clean = rng_below(&world->rng, 2) == 0;
        client_end(world, client, clean, clean ? BYTES_LIT("client") : BYTES_LIT("network_error"));
    }
}
