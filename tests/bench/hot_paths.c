/* The hot paths, each a few thousand times with the same input, for a tool that counts instructions
 * (guard.py, callgrind): a client's frame decoded, said to the router, acted upon, said to the
 * edges, handed to the members. Two real uplinks and a real plane, and nothing between them but
 * memory; no clock, no socket, no chance, so that the counts are the same on every run.
 *
 * What is counted are the functions count_*, which are called from nowhere else. Their operations
 * are printed as one line each: NAME OPERATIONS. */
#include "common/mem.h"
#include "edge/uplink.h"
#include "edge/ws_frame.h"
#include "edge/ws_session.h"
#include "proto/plane_wire.h"
#include "router/plane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EDGES = 2,
    CLIENTS = 500, /* of each edge, all in one room */
    BATCH = 16,    /* messages of one turn */
    WARM = 20,     /* turns before anything is counted */
    TURNS = 50,
    FRAMES_MAX = 64,
    PAYLOAD = 100,
    MESSAGE_MAX = 512
};

#define COUNTED __attribute__((noinline, used))

/* What one side has said and the other has not heard yet. */
struct mail {
    struct buf bytes;
    size_t lens[FRAMES_MAX];
    size_t count;
};

struct edge {
    struct rig *rig;
    struct uplink *uplink;
    struct mail down;
    uint32_t number;
    uint64_t random;
    uint64_t delivered; /* messages, one for each member */
    struct buf framed;
};

struct rig {
    struct router_plane *plane;
    struct edge edges[EDGES];
    struct mail up[EDGES];
    uint64_t now_ms;
};

static void die(const char *what)
{
    fprintf(stderr, "hot_paths: %s\n", what);
    exit(1);
}

static void mail_add(struct mail *mail, struct bytes header, struct bytes body)
{
    if (mail->count == FRAMES_MAX) {
        die("too many frames in one turn");
    }
    buf_append(&mail->bytes, header);
    buf_append(&mail->bytes, body);
    mail->lens[mail->count++] = header.len + body.len;
}

static void mail_clear(struct mail *mail)
{
    buf_clear(&mail->bytes);
    mail->count = 0;
}

/* --- the edge's callbacks --------------------------------------------------------------------- */

static enum status edge_transmit(void *owner, struct bytes header, struct bytes body)
{
    const struct edge *edge = owner;
    mail_add(&edge->rig->up[edge->number], header, body);
    return STATUS_OK;
}

static void edge_send(void *owner, uint32_t slot, struct bytes payload, bool binary)
{
    struct edge *edge = owner;
    (void)slot;
    (void)payload;
    (void)binary;
    edge->delivered++;
}

/* Framed once into one buffer, as the shell does; what follows there is a write for each. */
static void edge_deliver(void *owner, const struct uplink_delivery *delivery)
{
    struct edge *edge = owner;
    uint8_t header[WS_FRAME_HEADER_MAX];
    buf_clear(&edge->framed);
    for (size_t i = 0; i < delivery->payload_count; i++) {
        size_t len = ws_frame_header(header, WS_OP_TEXT, delivery->payloads[i].len);
        buf_append(&edge->framed, bytes_of(header, len));
        buf_append(&edge->framed, delivery->payloads[i]);
    }
    for (size_t i = 0; i < delivery->slot_count; i++) {
        edge->delivered += delivery->slots[i] == delivery->except ? 0 : delivery->payload_count;
    }
}

static bool edge_is_slow(void *owner, uint32_t slot)
{
    (void)owner;
    (void)slot;
    return false;
}

static void edge_close(void *owner, uint32_t slot, uint16_t code, struct bytes text)
{
    (void)owner;
    (void)slot;
    (void)code;
    (void)text;
    die("a client was closed");
}

static void edge_reconnect(void *owner)
{
    (void)owner;
    die("an edge gave its link up");
}

static void edge_state(void *owner, enum uplink_state state)
{
    (void)owner;
    (void)state;
}

static void edge_fenced(void *owner)
{
    edge_reconnect(owner);
}

static void edge_refused(void *owner, struct bytes text)
{
    (void)text;
    edge_reconnect(owner);
}

static void edge_ticket_keys(void *owner, const struct plane_ticket_keys *keys)
{
    (void)owner;
    (void)keys;
}

static void edge_admission(void *owner, uint64_t rate, uint64_t cluster_rate)
{
    (void)owner;
    (void)rate;
    (void)cluster_rate;
}

static uint64_t edge_random(void *owner)
{
    struct edge *edge = owner;
    return edge->random += UINT64_C(0x9e3779b97f4a7c15);
}

static const struct uplink_callbacks edge_callbacks = {.transmit = edge_transmit,
                                                       .reconnect = edge_reconnect,
                                                       .send = edge_send,
                                                       .deliver = edge_deliver,
                                                       .is_slow = edge_is_slow,
                                                       .close = edge_close,
                                                       .on_state = edge_state,
                                                       .fenced = edge_fenced,
                                                       .refused = edge_refused,
                                                       .on_ticket_keys = edge_ticket_keys,
                                                       .on_admission = edge_admission,
                                                       .random = edge_random};

/* --- the router's callbacks ------------------------------------------------------------------- */

static enum status router_transmit(void *owner, struct bytes peer, struct bytes header,
                                   struct bytes body)
{
    struct rig *rig = owner;
    mail_add(&rig->edges[peer.data[0] - '0'].down, header, body);
    return STATUS_OK;
}

static void router_on_edge(void *owner, enum plane_edge_event event, struct bytes edge_id,
                           const char *text)
{
    (void)owner;
    (void)edge_id;
    if (event != PLANE_EDGE_UP) {
        die(text);
    }
}

static void router_on_auth_failed(void *owner, struct bytes edge_id, struct bytes address,
                                  const char *why)
{
    (void)owner;
    (void)edge_id;
    (void)address;
    die(why);
}

static void router_on_admin_done(void *owner, const struct core_effect *done)
{
    (void)owner;
    (void)done;
}

static const struct plane_callbacks router_callbacks = {.transmit = router_transmit,
                                                        .on_edge = router_on_edge,
                                                        .on_auth_failed = router_on_auth_failed,
                                                        .on_admin_done = router_on_admin_done};

/* --- turns ------------------------------------------------------------------------------------ */

static void router_hears(struct rig *rig, uint32_t number)
{
    struct mail *mail = &rig->up[number];
    const uint8_t peer = (uint8_t)('0' + number);
    size_t at = 0;
    for (size_t i = 0; i < mail->count; i++) {
        router_plane_receive(rig->plane, bytes_of(&peer, 1),
                             bytes_slice(buf_bytes(&mail->bytes), at, at + mail->lens[i]),
                             rig->now_ms, rig->now_ms);
        at += mail->lens[i];
    }
    mail_clear(mail);
}

static void edge_hears(struct edge *edge)
{
    size_t at = 0;
    for (size_t i = 0; i < edge->down.count; i++) {
        uplink_receive(edge->uplink,
                       bytes_slice(buf_bytes(&edge->down.bytes), at, at + edge->down.lens[i]),
                       edge->rig->now_ms);
        at += edge->down.lens[i];
    }
    mail_clear(&edge->down);
}

/* Until nobody has anything to say; time passes for acknowledgements. */
static void settle(struct rig *rig)
{
    enum { ROUNDS = 8 };
    for (int round = 0; round < ROUNDS; round++) {
        rig->now_ms++;
        for (uint32_t i = 0; i < EDGES; i++) {
            if (uplink_deadline(rig->edges[i].uplink) <= rig->now_ms) {
                uplink_tick(rig->edges[i].uplink, rig->now_ms);
            }
            uplink_flush(rig->edges[i].uplink, rig->now_ms);
            router_hears(rig, i);
        }
        if (router_plane_deadline(rig->plane) <= rig->now_ms) {
            router_plane_tick(rig->plane, rig->now_ms, rig->now_ms);
        }
        router_plane_flush(rig->plane, rig->now_ms);
        for (uint32_t i = 0; i < EDGES; i++) {
            edge_hears(&rig->edges[i]);
        }
    }
}

static void say(struct edge *edge, uint32_t slot, const char *text)
{
    if (uplink_message(edge->uplink, slot, bytes_of_str(text), false, edge->rig->now_ms) !=
        STATUS_OK) {
        die("a message was refused");
    }
}

static void say_to_room(struct edge *edge, char text[MESSAGE_MAX])
{
    for (uint32_t i = 0; i < BATCH; i++) {
        say(edge, i, text);
    }
}

static void room_text(char text[MESSAGE_MAX])
{
    char payload[PAYLOAD + 1];
    memset(payload, 'x', PAYLOAD);
    payload[PAYLOAD] = 0;
    snprintf(text, MESSAGE_MAX, "{\"type\":\"room_message\",\"room\":\"r0\",\"payload\":\"%s\"}",
             payload);
}

static void direct_text(char text[MESSAGE_MAX])
{
    char payload[PAYLOAD + 1];
    memset(payload, 'x', PAYLOAD);
    payload[PAYLOAD] = 0;
    snprintf(text, MESSAGE_MAX,
             "{\"type\":\"direct_message\",\"targetUserId\":\"user_1.7\",\"payload\":\"%s\"}",
             payload);
}

/* --- what is counted -------------------------------------------------------------------------- */

COUNTED static void count_decode(struct ws_session *session, uint8_t *data, size_t len)
{
    const struct ws_limits limits = {.message_bytes_max = 1 << 20};
    while (ws_session_receive(session, &limits, &data, &len).kind == WS_EVENT_MESSAGE) {
    }
}

COUNTED static void count_up(struct edge *edge, char text[MESSAGE_MAX])
{
    say_to_room(edge, text);
    uplink_flush(edge->uplink, edge->rig->now_ms);
}

COUNTED static void count_step(struct rig *rig)
{
    router_hears(rig, 0);
    router_plane_flush(rig->plane, rig->now_ms);
}

COUNTED static void count_step_direct(struct rig *rig)
{
    router_hears(rig, 0);
    router_plane_flush(rig->plane, rig->now_ms);
}

COUNTED static void count_fan_out(struct edge *edge)
{
    edge_hears(edge);
}

COUNTED static void count_encode(struct plane_builder *builder, const struct plane_op *op)
{
    size_t len = 0;
    for (uint32_t i = 0; i < BATCH; i++) {
        plane_builder_add(builder, op);
    }
    mem_free(plane_builder_take(builder, &len));
}

COUNTED static void count_join(struct rig *rig)
{
    router_hears(rig, 0);
    router_plane_flush(rig->plane, rig->now_ms);
}

/* --- the runs --------------------------------------------------------------------------------- */

static void open_client(struct edge *edge, uint32_t slot, uint32_t gen)
{
    char token[32];
    snprintf(token, sizeof(token), "%u.%u", edge->number, slot);
    const struct uplink_open open = {.token = bytes_of_str(token),
                                     .address = BYTES_LIT("127.0.0.1"),
                                     .agent = BYTES_LIT("hot_paths"),
                                     .connected_at_ms = edge->rig->now_ms};
    uplink_opened(edge->uplink, slot, gen, &open);
    say(edge, slot, "{\"type\":\"join\",\"room\":\"r0\",\"id\":1}");
}

static void start(struct rig *rig)
{
    const struct plane_config config = {.router_id = BYTES_LIT("router"),
                                        .core = {.seed = 1,
                                                 .grace_ms = 5000,
                                                 .message_bytes = 1 << 20,
                                                 .bans_max = 10,
                                                 .rooms_per_connection_max = 10,
                                                 .policy.fallback = {.class = ROOM_MEMORY,
                                                                     .history_messages = 100,
                                                                     .presence_events = POLICY_OFF},
                                                 .rooms_max = 100,
                                                 .users_max = 10000,
                                                 .members_max = 10000,
                                                 .history_count = 100,
                                                 .history_bytes = 1 << 22,
                                                 .history_total_bytes = 1 << 24,
                                                 .idle_channel_ms = 1 << 30},
                                        .auth = {.mode = AUTH_INSECURE},
                                        .token_in_query = true,
                                        .credit_bytes = 1 << 30,
                                        .queue_bytes_max = 1 << 30,
                                        .heartbeat_ms = 500,
                                        .suspect_ms = 1500,
                                        .dead_ms = 3000,
                                        .edges_max = EDGES,
                                        .rooms_per_edge_max = 1000,
                                        .users_per_edge_max = 10000};
    struct engine *engine = engine_memory_new(7);
    rig->now_ms = 1000;
    rig->plane = router_plane_new(&config, &engine, &router_callbacks, rig, rig->now_ms);
    for (uint32_t i = 0; i < EDGES; i++) {
        char id[16];
        snprintf(id, sizeof(id), "edge-%u", i);
        const struct uplink_config uplink = {.edge_id = bytes_of_str(id),
                                             .hold_bytes_max = 1 << 24,
                                             .credit_bytes = 1 << 30,
                                             .repair_bytes_max = 1 << 20,
                                             .repair_ms = 3000,
                                             .slots_max = 2 * CLIENTS};
        struct edge *edge = &rig->edges[i];
        *edge = (struct edge){.rig = rig, .number = i, .random = i + 1};
        edge->uplink = uplink_new(&uplink, &edge_callbacks, edge, rig->now_ms);
    }
    settle(rig);
    for (uint32_t i = 0; i < EDGES; i++) {
        for (uint32_t slot = 0; slot < CLIENTS; slot++) {
            open_client(&rig->edges[i], slot, 1);
        }
    }
    settle(rig);
}

static void stop(struct rig *rig)
{
    for (uint32_t i = 0; i < EDGES; i++) {
        uplink_free(&rig->edges[i].uplink);
        buf_fini(&rig->edges[i].down.bytes);
        buf_fini(&rig->edges[i].framed);
        buf_fini(&rig->up[i].bytes);
    }
    router_plane_free(&rig->plane);
}

static void run_decode(void)
{
    enum { LEN = 150, FRAME = LEN + 8 };
    uint8_t frames[BATCH * FRAME];
    struct ws_session session;
    ws_session_init(&session);
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < BATCH; i++) {
            static const uint8_t head[8] = {0x81, 0x80 | 126, 0, LEN, 1, 2, 3, 4};
            memcpy(frames + i * FRAME, head, sizeof(head));
            memset(frames + i * FRAME + sizeof(head), 'a', LEN);
            ws_frame_unmask(frames + i * FRAME + sizeof(head), LEN, head + 4, 0);
        }
        count_decode(&session, frames, sizeof(frames));
    }
    ws_session_fini(&session);
    printf("decode %d\n", TURNS * BATCH);
}

static void run_encode(void)
{
    struct plane_builder builder;
    char text[MESSAGE_MAX];
    room_text(text);
    const struct plane_op op = {.kind = OP_DELIVER, .a = 5, .b = 1000, .bytes = bytes_of_str(text)};
    plane_builder_init(&builder);
    for (int turn = 0; turn < TURNS; turn++) {
        count_encode(&builder, &op);
    }
    plane_builder_fini(&builder);
    printf("encode %d\n", TURNS * BATCH);
}

/* One turn in which clients of the first edge speak to the room. */
static void run_room(struct rig *rig)
{
    char text[MESSAGE_MAX];
    room_text(text);
    for (int turn = 0; turn < WARM; turn++) {
        say_to_room(&rig->edges[0], text);
        settle(rig);
    }
    rig->edges[1].delivered = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        count_up(&rig->edges[0], text);
        count_step(rig);
        count_fan_out(&rig->edges[1]);
        settle(rig);
    }
    if (rig->edges[1].delivered != (uint64_t)TURNS * BATCH * CLIENTS) {
        die("not everybody heard everything");
    }
    printf("up %d\nstep %d\nfan_out %d\n", TURNS * BATCH, TURNS * BATCH, TURNS * BATCH);
}

static void run_direct(struct rig *rig)
{
    char text[MESSAGE_MAX];
    direct_text(text);
    rig->edges[1].delivered = 0;
    for (int turn = 0; turn < WARM + TURNS; turn++) {
        say_to_room(&rig->edges[0], text);
        uplink_flush(rig->edges[0].uplink, rig->now_ms);
        if (turn >= WARM) {
            count_step_direct(rig);
        }
        settle(rig);
    }
    if (rig->edges[1].delivered != (uint64_t)(WARM + TURNS) * BATCH) {
        die("not every direct message came");
    }
    printf("step_direct %d\n", TURNS * BATCH);
}

static void run_joins(struct rig *rig)
{
    uint32_t slot = CLIENTS;
    for (int turn = 0; turn < TURNS / 5; turn++) {
        for (int i = 0; i < BATCH; i++) {
            open_client(&rig->edges[0], slot++, 1);
        }
        uplink_flush(rig->edges[0].uplink, rig->now_ms);
        count_join(rig);
        settle(rig);
    }
    printf("join %d\n", TURNS / 5 * BATCH);
}

int main(void)
{
    struct rig *rig = mem_new(1, sizeof(*rig));
    run_decode();
    run_encode();
    start(rig);
    run_room(rig);
    run_direct(rig);
    run_joins(rig);
    stop(rig);
    mem_free(rig);
    return 0;
}
