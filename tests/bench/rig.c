#include "tests/bench/rig.h"

#include "edge/ws_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAYLOAD = 100 };

void rig_die(const char *what)
{
    fprintf(stderr, "rig: %s\n", what);
    exit(1);
}

static void mail_add(struct rig_mail *mail, struct bytes header, struct bytes body)
{
    if (mail->count == RIG_FRAMES_MAX) {
        rig_die("too many frames in one turn");
    }
    buf_append(&mail->bytes, header);
    buf_append(&mail->bytes, body);
    mail->lens[mail->count++] = header.len + body.len;
}

static void mail_clear(struct rig_mail *mail)
{
    buf_clear(&mail->bytes);
    mail->count = 0;
}

/* --- the edge's callbacks --------------------------------------------------------------------- */

static enum status edge_transmit(void *owner, struct bytes header, struct bytes body)
{
    const struct rig_edge *edge = owner;
    mail_add(&edge->rig->up[edge->number], header, body);
    return STATUS_OK;
}

static void edge_send(void *owner, uint32_t slot, struct bytes payload, bool binary)
{
    struct rig_edge *edge = owner;
    (void)slot;
    (void)payload;
    (void)binary;
    edge->delivered++;
}

/* Framed once into one buffer, as the shell does; what follows there is a write for each. */
static void edge_deliver(void *owner, const struct uplink_delivery *delivery)
{
    struct rig_edge *edge = owner;
    uint8_t header[WS_FRAME_HEADER_MAX];
    if (edge->on_delivery != NULL) {
        edge->on_delivery(edge, delivery);
        return;
    }
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
    rig_die("a client was closed");
}

static void edge_reconnect(void *owner)
{
    (void)owner;
    rig_die("an edge gave its link up");
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
    struct rig_edge *edge = owner;
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
        rig_die(text);
    }
}

static void router_on_auth_failed(void *owner, struct bytes edge_id, struct bytes address,
                                  const char *why)
{
    (void)owner;
    (void)edge_id;
    (void)address;
    rig_die(why);
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

void rig_router_hears(struct rig *rig, uint32_t number)
{
    struct rig_mail *mail = &rig->up[number];
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

void rig_edge_hears(struct rig_edge *edge)
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

void rig_settle(struct rig *rig)
{
    enum { ROUNDS = 8 };
    for (int round = 0; round < ROUNDS; round++) {
        rig->now_ms++;
        for (uint32_t i = 0; i < RIG_EDGES; i++) {
            if (uplink_deadline(rig->edges[i].uplink) <= rig->now_ms) {
                uplink_tick(rig->edges[i].uplink, rig->now_ms);
            }
            uplink_flush(rig->edges[i].uplink, rig->now_ms);
            rig_router_hears(rig, i);
        }
        if (router_plane_deadline(rig->plane) <= rig->now_ms) {
            router_plane_tick(rig->plane, rig->now_ms, rig->now_ms);
        }
        router_plane_flush(rig->plane, rig->now_ms);
        for (uint32_t i = 0; i < RIG_EDGES; i++) {
            rig_edge_hears(&rig->edges[i]);
        }
    }
}

void rig_say(struct rig_edge *edge, uint32_t slot, const char *text)
{
    if (uplink_message(edge->uplink, slot, bytes_of_str(text), false, edge->rig->now_ms) !=
        STATUS_OK) {
        rig_die("a message was refused");
    }
}

void rig_say_batch(struct rig_edge *edge, const char text[RIG_MESSAGE_MAX])
{
    for (uint32_t i = 0; i < RIG_BATCH; i++) {
        rig_say(edge, i, text);
    }
}

void rig_room_text(char text[RIG_MESSAGE_MAX])
{
    char payload[PAYLOAD + 1];
    memset(payload, 'x', PAYLOAD);
    payload[PAYLOAD] = 0;
    snprintf(text, RIG_MESSAGE_MAX,
             "{\"type\":\"room_message\",\"room\":\"r0\",\"payload\":\"%s\"}", payload);
}

void rig_direct_text(char text[RIG_MESSAGE_MAX])
{
    char payload[PAYLOAD + 1];
    memset(payload, 'x', PAYLOAD);
    payload[PAYLOAD] = 0;
    snprintf(text, RIG_MESSAGE_MAX,
             "{\"type\":\"direct_message\",\"targetUserId\":\"user_1.7\",\"payload\":\"%s\"}",
             payload);
}

void rig_open(struct rig_edge *edge, uint32_t slot, uint32_t gen)
{
    char token[32];
    snprintf(token, sizeof(token), "%u.%u", edge->number, slot);
    const struct uplink_open open = {.token = bytes_of_str(token),
                                     .address = BYTES_LIT("127.0.0.1"),
                                     .agent = BYTES_LIT("hot_paths"),
                                     .connected_at_ms = edge->rig->now_ms};
    uplink_opened(edge->uplink, slot, gen, &open);
    rig_say(edge, slot, "{\"type\":\"join\",\"room\":\"r0\",\"id\":1}");
}

void rig_start(struct rig *rig)
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
                                        .edges_max = RIG_EDGES,
                                        .rooms_per_edge_max = 1000,
                                        .users_per_edge_max = 10000};
    struct engine *engine = engine_memory_new(7);
    rig->now_ms = 1000;
    rig->plane = router_plane_new(&config, &engine, &router_callbacks, rig, rig->now_ms);
    for (uint32_t i = 0; i < RIG_EDGES; i++) {
        char id[16];
        snprintf(id, sizeof(id), "edge-%u", i);
        const struct uplink_config uplink = {.edge_id = bytes_of_str(id),
                                             .hold_bytes_max = 1 << 24,
                                             .credit_bytes = 1 << 30,
                                             .repair_bytes_max = 1 << 20,
                                             .repair_ms = 3000,
                                             .slots_max = 2 * RIG_CLIENTS};
        struct rig_edge *edge = &rig->edges[i];
        *edge = (struct rig_edge){.rig = rig, .number = i, .random = i + 1};
        edge->uplink = uplink_new(&uplink, &edge_callbacks, edge, rig->now_ms);
    }
    rig_settle(rig);
    for (uint32_t i = 0; i < RIG_EDGES; i++) {
        for (uint32_t slot = 0; slot < RIG_CLIENTS; slot++) {
            rig_open(&rig->edges[i], slot, 1);
        }
    }
    rig_settle(rig);
}

void rig_stop(struct rig *rig)
{
    for (uint32_t i = 0; i < RIG_EDGES; i++) {
        uplink_free(&rig->edges[i].uplink);
        buf_fini(&rig->edges[i].down.bytes);
        buf_fini(&rig->edges[i].framed);
        buf_fini(&rig->up[i].bytes);
    }
    router_plane_free(&rig->plane);
}
