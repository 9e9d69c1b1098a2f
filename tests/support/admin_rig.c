#include "tests/support/admin_rig.h"

#include "common/mem.h"
#include "proto/plane_wire.h"
#include "router/engine/engine.h"

#include <assert.h>
#include <stdlib.h>

static enum status on_transmit(void *owner, struct bytes peer, struct bytes header,
                               struct bytes body)
{
    (void)owner;
    (void)peer;
    (void)header;
    (void)body;
    return STATUS_OK;
}

static void on_edge(void *owner, enum plane_edge_event event, struct bytes edge_id,
                    const char *text)
{
    (void)owner;
    (void)edge_id;
    (void)text;
    assert(event == PLANE_EDGE_UP && "the rig's frames are right");
}

static void on_auth_failed(void *owner, struct bytes edge_id, struct bytes address, const char *why)
{
    (void)owner;
    (void)edge_id;
    (void)address;
    (void)why;
    abort(); /* the rig's tokens are right */
}

static void on_admin_done(void *owner, const struct core_effect *done)
{
    struct admin_rig *rig = owner;
    admin_done(rig->admin, done, ADMIN_RIG_WALL_MS);
}

static enum status on_reply(void *owner, struct bytes peer, struct bytes body)
{
    struct admin_rig *rig = owner;
    buf_clear(&rig->peer);
    buf_clear(&rig->reply);
    buf_append(&rig->peer, peer);
    buf_append(&rig->reply, body);
    rig->reply_count++;
    return rig->deaf ? STATUS_UNREACHABLE : STATUS_OK;
}

static void on_tapped(void *owner, const struct core_tapped *tapped, uint64_t trace)
{
    struct admin_rig *rig = owner;
    const struct admin_stamp now = {.mono_us = rig->now_ms * 1000,
                                    .wall_us = (uint64_t)ADMIN_RIG_WALL_MS * 1000};
    admin_tapped(rig->admin, tapped, trace, &now);
}

static void on_hop(void *owner, uint64_t trace, struct bytes edge_id, const struct plane_hop *hop)
{
    struct admin_rig *rig = owner;
    admin_hop(rig->admin, trace, edge_id, hop);
}

static void on_conn_state(void *owner, uint64_t question, struct conn_ref conn,
                          const struct plane_conn_state *state)
{
    struct admin_rig *rig = owner;
    admin_conn_state(rig->admin, question, conn, state, rig->now_ms, ADMIN_RIG_WALL_MS);
}

static struct router_plane *make_plane(struct admin_rig *rig)
{
    static const struct plane_callbacks callbacks = {.transmit = on_transmit,
                                                     .on_edge = on_edge,
                                                     .on_auth_failed = on_auth_failed,
                                                     .on_admin_done = on_admin_done,
                                                     .on_tapped = on_tapped,
                                                     .on_hop = on_hop,
                                                     .on_conn_state = on_conn_state};
    const struct plane_config config = {
        .router_id = BYTES_LIT("r1"),
        .core = {.seed = 1,
                 .bans_max = 100,
                 .start_wall_ms = ADMIN_RIG_WALL_MS,
                 .grace_ms = 5000,
                 .message_bytes = 65536,
                 .rooms_per_connection_max = 100,
                 .watches_per_connection_max = 100,
                 .policy.fallback = {.class = ROOM_MEMORY, .history_messages = 10},
                 .rooms_max = 1000,
                 .users_max = 1000,
                 .members_max = 1000,
                 .history_count = 10,
                 .history_bytes = 65536,
                 .history_total_bytes = 1024 * 1024,
                 .idle_channel_ms = 3600000,
                 .key_window = 100,
                 .key_window_ms = 600000},
        .auth = {.mode = AUTH_INSECURE},
        .credit_bytes = 1024 * 1024,
        .queue_bytes_max = 64 * 1024 * 1024,
        .heartbeat_ms = 500,
        .suspect_ms = 1500,
        .dead_ms = 3000,
        .edges_max = 10,
    };
    struct engine *engine = engine_memory_new(7);
    return router_plane_new(&config, &engine, &callbacks, rig, rig->now_ms);
}

static void receive(struct admin_rig *rig, struct bytes frame)
{
    router_plane_receive(rig->plane, BYTES_LIT("e1"), frame, rig->now_ms, ADMIN_RIG_WALL_MS);
}

static void say_hello(struct admin_rig *rig)
{
    const struct plane_greeting hello = {.version = PLANE_VERSION,
                                         .id = BYTES_LIT("e1"),
                                         .edge_incarnation = 42,
                                         .features = rig->features,
                                         .credit = 1024 * 1024};
    struct buf frame;
    buf_init(&frame, 0);
    plane_hello_write(&hello, &frame);
    receive(rig, buf_bytes(&frame));
    buf_fini(&frame);
}

static void add_open(struct plane_builder *builder, uint32_t slot, const char *token)
{
    const struct plane_open open = {.token = bytes_of_str(token),
                                    .address = BYTES_LIT("127.0.0.1"),
                                    .agent = BYTES_LIT("test"),
                                    .connected_at_ms = ADMIN_RIG_WALL_MS - 1000 + slot};
    struct buf bytes;
    buf_init(&bytes, 0);
    plane_open_write(&open, &bytes);
    const struct plane_op op = {
        .kind = OP_OPEN, .slot = slot, .gen = 1, .bytes = buf_bytes(&bytes)};
    plane_builder_add(builder, &op);
    buf_fini(&bytes);
}

static void add_text(struct plane_builder *builder, uint32_t slot, uint64_t number,
                     const char *text)
{
    const struct plane_op op = {
        .kind = OP_TEXT, .slot = slot, .gen = 1, .a = number, .bytes = bytes_of_str(text)};
    plane_builder_add(builder, &op);
}

/* Ends the builder. */
static void say(struct admin_rig *rig, struct plane_builder *builder)
{
    uint8_t header[PLANE_HEADER_MAX];
    size_t header_len = plane_header_write(header, ++rig->seq, 0);
    size_t body_len = 0;
    uint8_t *body = plane_builder_take(builder, &body_len);
    struct buf frame;
    buf_init(&frame, 0);
    buf_append(&frame, bytes_of(header, header_len));
    buf_append(&frame, bytes_of(body, body_len));
    receive(rig, buf_bytes(&frame));
    buf_fini(&frame);
    mem_free(body);
    plane_builder_fini(builder);
}

void admin_rig_say(struct admin_rig *rig, const struct plane_op *op)
{
    struct plane_builder builder;
    plane_builder_init(&builder, NULL);
    plane_builder_add(&builder, op);
    say(rig, &builder);
}

static void open_clients(struct admin_rig *rig)
{
    struct plane_builder builder;
    plane_builder_init(&builder, NULL);
    plane_builder_add(&builder, &(struct plane_op){.kind = OP_ANNOUNCE_END});
    add_open(&builder, 0, "alice");
    add_open(&builder, 1, "alice");
    add_open(&builder, 2, "bob");
    add_text(&builder, 0, 1, "{\"type\":\"join\",\"room\":\"tea\"}");
    add_text(&builder, 0, 2, "{\"type\":\"join\",\"room\":\"milk\"}");
    add_text(&builder, 1, 1, "{\"type\":\"join\",\"room\":\"tea\"}");
    add_text(&builder, 2, 1, "{\"type\":\"join\",\"room\":\"tea\"}");
    say(rig, &builder);
}

void admin_rig_init(struct admin_rig *rig)
{
    admin_rig_init_with(rig, 0);
}

void admin_rig_init_with(struct admin_rig *rig, uint32_t features)
{
    *rig = (struct admin_rig){.now_ms = 1000, .features = features};
    buf_init(&rig->reply, 0);
    buf_init(&rig->peer, 0);
    rig->plane = make_plane(rig);
    const struct admin_config config = {BYTES_LIT("r1"), 65536, 500, NULL};
    rig->admin = admin_new(&config, rig->plane, on_reply, rig);
    say_hello(rig);
    open_clients(rig);
    router_plane_flush(rig->plane, rig->now_ms);
}

void admin_rig_fini(struct admin_rig *rig)
{
    admin_free(&rig->admin);
    router_plane_free(&rig->plane);
    buf_fini(&rig->reply);
    buf_fini(&rig->peer);
}

void admin_rig_ask(struct admin_rig *rig, struct bytes request)
{
    admin_handle(rig->admin, BYTES_LIT("tool"), request, rig->now_ms, ADMIN_RIG_WALL_MS);
    router_plane_flush(rig->plane, rig->now_ms);
}
