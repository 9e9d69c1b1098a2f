/* A client of the simulation: acts at random, and checks what it hears. */
#include "router/json_scan.h"
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void client_init(struct sim_client *client, uint32_t number)
{
    *client = (struct sim_client){.number = number, .user = number % USERS};
}

void client_lost(struct world *world, struct sim_client *client)
{
    (void)world;
    uint64_t next_id = client->next_id;
    uint32_t number = client->number;
    client_init(client, number);
    client->next_id = next_id;
}

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

/* Rooms are called r0, r1, … */
static uint32_t room_of(struct json_value object, const char *name)
{
    struct json_value value;
    if (!field(object, name, &value) || value.raw.len != 4) {
        return ROOMS;
    }
    return (uint32_t)(value.raw.data[2] - '0');
}

/* ---- checking ---- */

static void check_log(struct world *world, const struct sim_client *client, uint32_t room,
                      uint64_t epoch, uint64_t offset, uint64_t payload)
{
    size_t at = 0;
    while (at < world->log_count &&
           (world->logs[at].epoch != epoch || world->logs[at].room != room)) {
        at++;
    }
    if (at == sizeof(world->logs) / sizeof(world->logs[0]) || offset >= LOG_MAX) {
        return; /* more than this history may hold */
    }
    if (at == world->log_count) {
        world->log_count++;
        world->logs[at].epoch = epoch;
        world->logs[at].room = room;
    }
    if (world->logs[at].payload[offset] == 0) {
        world->logs[at].payload[offset] = payload;
    }
    if (world->logs[at].payload[offset] != payload) {
        world_fail(world, "one offset, two messages", client);
    }
}

static void hear_message(struct world *world, struct sim_client *client, struct json_value push)
{
    uint32_t room = room_of(push, "roomId");
    struct sim_room_view *view = &client->rooms[room];
    uint64_t offset = number_of(push, "offset");
    if (!view->synced) {
        /* the reply to join is still to come only when membership outlived a router */
        return;
    }
    if (offset != view->last_offset + 1) {
        if (world->trace) {
            fprintf(stderr, "client %u room %u has %" PRIu64 " gets %" PRIu64 "\n", client->number,
                    room, view->last_offset, offset);
        }
        world_fail(world, "an offset that does not follow", client);
    }
    view->last_offset = offset;
    client->received++;
    world->messages++;
    check_log(world, client, room, view->epoch, offset, number_of(push, "payload"));
}

static void hear_epoch(struct sim_client *client, struct json_value push)
{
    struct sim_room_view *view = &client->rooms[room_of(push, "roomId")];
    view->epoch = epoch_of(push);
    view->last_offset = number_of(push, "offset");
    view->synced = true;
}

static void hear_ok(struct sim_client *client, const struct sim_pending *pending,
                    struct json_value reply)
{
    struct sim_room_view *view = &client->rooms[pending->room];
    if (pending->kind == COMMAND_JOIN) {
        if (!view->joined || view->epoch != epoch_of(reply)) {
            view->epoch = epoch_of(reply);
            view->last_offset = number_of(reply, "offset");
        }
        view->joined = true;
        view->synced = true;
    } else if (pending->kind == COMMAND_LEAVE) {
        view->joined = false;
        view->synced = false;
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
                hear_ok(client, &pending, reply);
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
    if (text_is(push, "type", "welcome")) {
        if (client->welcomed) {
            world_fail(world, "a second welcome", client);
        }
        client->welcomed = true;
    } else if (text_is(push, "type", "room_message")) {
        hear_message(world, client, push);
    } else if (text_is(push, "type", "epoch")) {
        hear_epoch(client, push);
    } else if (text_is(push, "type", "gap")) {
        client->rooms[room_of(push, "roomId")].last_offset = number_of(push, "to");
    } else if (text_is(push, "type", "ok")) {
        hear_reply(world, client, push, true);
    } else if (text_is(push, "type", "error")) {
        if (text_is(push, "code", "not_member")) {
            hear_reply(world, client, push, false);
        } else {
            world_fail(world, "an error that nobody provoked", client);
        }
    }
}

/* ---- acting ---- */

static void say(struct world *world, struct sim_client *client, enum command_kind kind,
                uint32_t room, const char *text)
{
    if (client->pending_count == PENDING_MAX) {
        return;
    }
    client->pending[client->pending_count++] =
        (struct sim_pending){.id = client->next_id, .kind = kind, .room = room};
    if (world->trace) {
        fprintf(stderr, "%8" PRIu64 " client %u > %s\n", world->now_ms, client->number, text);
    }
    if (uplink_message(world->edges[client->edge].uplink, client->slot, bytes_of_str(text),
                       false) != STATUS_OK) {
        world_fail(world, "the hold buffer is full", client);
    }
}

static void open_somewhere(struct world *world, struct sim_client *client)
{
    struct sim_edge *edge = &world->edges[rng_below(&world->rng, EDGES)];
    if (edge->uplink == NULL || world->now_ms < edge->paused_until ||
        (uplink_state(edge->uplink) == UPLINK_DOWN &&
         world->now_ms - uplink_state_since(edge->uplink) > 3000)) {
        return; /* refused with 503 */
    }
    uint32_t slot = 0;
    while (edge->slots[slot] != NULL) {
        slot++;
    }
    char token[16];
    snprintf(token, sizeof(token), "u%u", client->user);
    client->open = true;
    client->edge = edge->number;
    client->slot = slot;
    client->gen = ++edge->gens[slot];
    edge->slots[slot] = client;
    uplink_opened(edge->uplink, slot, client->gen,
                  &(struct uplink_open){.token = bytes_of_str(token),
                                        .token_source = 1,
                                        .address = BYTES_LIT("127.0.0.1"),
                                        .agent = BYTES_LIT("sim")});
}

static void talk(struct world *world, struct sim_client *client, uint32_t what)
{
    uint32_t room = rng_below(&world->rng, ROOMS);
    uint64_t id = ++client->next_id;
    char text[200];
    if (what < 25) {
        snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"r%u\",\"id\":%" PRIu64 "}",
                 room, id);
        say(world, client, COMMAND_JOIN, room, text);
    } else if (what < 32) {
        snprintf(text, sizeof(text), "{\"type\":\"leave\",\"room\":\"r%u\",\"id\":%" PRIu64 "}",
                 room, id);
        say(world, client, COMMAND_LEAVE, room, text);
    } else if (what < 85) {
        snprintf(text, sizeof(text),
                 "{\"type\":\"room_message\",\"room\":\"r%u\",\"payload\":%" PRIu64
                 ",\"id\":%" PRIu64 "}",
                 room, ++world->next_payload, id);
        say(world, client, COMMAND_ROOM_MESSAGE, room, text);
    } else {
        snprintf(text, sizeof(text),
                 "{\"type\":\"direct_message\",\"targetUserId\":\"user_u%u\",\"payload\":1,"
                 "\"id\":%" PRIu64 "}",
                 rng_below(&world->rng, USERS), id);
        say(world, client, COMMAND_DIRECT_MESSAGE, 0, text);
    }
}

void client_end(struct world *world, struct sim_client *client, bool clean)
{
    struct sim_edge *edge = &world->edges[client->edge];
    edge->slots[client->slot] = NULL;
    uplink_closed(edge->uplink, client->slot, clean ? 1000 : 0, clean,
                  clean ? BYTES_LIT("client") : BYTES_LIT("network_error"));
    client_lost(world, client);
}

void client_act(struct world *world, struct sim_client *client)
{
    if (!client->open) {
        open_somewhere(world, client);
        return;
    }
    if (world->now_ms < world->edges[client->edge].paused_until || !client->welcomed) {
        return;
    }
    uint32_t what = rng_below(&world->rng, 100);
    if (what < 94) {
        talk(world, client, what);
    } else if (what < 96) {
        client_end(world, client, rng_below(&world->rng, 2) == 0);
    }
}
