/* The hot paths, each a few thousand times with the same input, for a tool that counts instructions
 * (guard.py, callgrind): a client's frame decoded, said to the router, acted upon, said to the
 * edges, handed to the members. Two real uplinks and a real plane, and nothing between them but
 * memory; no clock, no socket, no chance, so that the counts are the same on every run.
 *
 * What is counted are the functions count_*, which are called from nowhere else. Their operations
 * are printed as one line each: NAME OPERATIONS. */
#include "common/mem.h"
#include "edge/ws_frame.h"
#include "edge/ws_session.h"
#include "proto/plane_wire.h"
#include "tests/bench/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WARM = 20, /* turns before anything is counted */
    TURNS = 50
};

#define COUNTED __attribute__((noinline, used))

/* --- what is counted -------------------------------------------------------------------------- */

COUNTED static void count_decode(struct ws_session *session, uint8_t *data, size_t len)
{
    const struct ws_limits limits = {.message_bytes_max = 1 << 20};
    while (ws_session_receive(session, &limits, &data, &len).kind == WS_EVENT_MESSAGE) {
    }
}

COUNTED static void count_up(struct rig_edge *edge, char text[RIG_MESSAGE_MAX])
{
    rig_say_batch(edge, text);
    uplink_flush(edge->uplink, edge->rig->now_ms);
}

COUNTED static void count_step(struct rig *rig)
{
    rig_router_hears(rig, 0);
    router_plane_flush(rig->plane, rig->now_ms);
}

COUNTED static void count_step_direct(struct rig *rig)
{
    rig_router_hears(rig, 0);
    router_plane_flush(rig->plane, rig->now_ms);
}

COUNTED static void count_fan_out(struct rig_edge *edge)
{
    rig_edge_hears(edge);
}

COUNTED static void count_encode(struct plane_builder *builder, const struct plane_op *op)
{
    size_t len = 0;
    for (uint32_t i = 0; i < RIG_BATCH; i++) {
        plane_builder_add(builder, op);
    }
    mem_free(plane_builder_take(builder, &len));
}

COUNTED static void count_join(struct rig *rig)
{
    rig_router_hears(rig, 0);
    router_plane_flush(rig->plane, rig->now_ms);
}

/* --- the runs --------------------------------------------------------------------------------- */
static void run_decode(void)
{
    enum { LEN = 150, FRAME = LEN + 8 };
    uint8_t frames[RIG_BATCH * FRAME];
    struct ws_session session;
    ws_session_init(&session);
    for (int turn = 0; turn < TURNS; turn++) {
        for (int i = 0; i < RIG_BATCH; i++) {
            static const uint8_t head[8] = {0x81, 0x80 | 126, 0, LEN, 1, 2, 3, 4};
            memcpy(frames + i * FRAME, head, sizeof(head));
            memset(frames + i * FRAME + sizeof(head), 'a', LEN);
            ws_frame_unmask(frames + i * FRAME + sizeof(head), LEN, head + 4, 0);
        }
        count_decode(&session, frames, sizeof(frames));
    }
    ws_session_fini(&session);
    printf("decode %d\n", TURNS * RIG_BATCH);
}

static void run_encode(void)
{
    struct plane_builder builder;
    char text[RIG_MESSAGE_MAX];
    rig_room_text(text);
    const struct plane_op op = {.kind = OP_DELIVER, .a = 5, .b = 1000, .bytes = bytes_of_str(text)};
    plane_builder_init(&builder, NULL);
    for (int turn = 0; turn < TURNS; turn++) {
        count_encode(&builder, &op);
    }
    plane_builder_fini(&builder);
    printf("encode %d\n", TURNS * RIG_BATCH);
}

/* One turn in which clients of the first edge speak to the room. */
static void run_room(struct rig *rig)
{
    char text[RIG_MESSAGE_MAX];
    rig_room_text(text);
    for (int turn = 0; turn < WARM; turn++) {
        rig_say_batch(&rig->edges[0], text);
        rig_settle(rig);
    }
    rig->edges[1].delivered = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        count_up(&rig->edges[0], text);
        count_step(rig);
        count_fan_out(&rig->edges[1]);
        rig_settle(rig);
    }
    if (rig->edges[1].delivered != (uint64_t)TURNS * RIG_BATCH * RIG_CLIENTS) {
        rig_die("not everybody heard everything");
    }
    printf("up %d\nstep %d\nfan_out %d\n", TURNS * RIG_BATCH, TURNS * RIG_BATCH, TURNS * RIG_BATCH);
}

static void run_direct(struct rig *rig)
{
    char text[RIG_MESSAGE_MAX];
    rig_direct_text(text);
    rig->edges[1].delivered = 0;
    for (int turn = 0; turn < WARM + TURNS; turn++) {
        rig_say_batch(&rig->edges[0], text);
        uplink_flush(rig->edges[0].uplink, rig->now_ms);
        if (turn >= WARM) {
            count_step_direct(rig);
        }
        rig_settle(rig);
    }
    if (rig->edges[1].delivered != (uint64_t)(WARM + TURNS) * RIG_BATCH) {
        rig_die("not every direct message came");
    }
    printf("step_direct %d\n", TURNS * RIG_BATCH);
}

static void run_joins(struct rig *rig)
{
    uint32_t slot = RIG_CLIENTS;
    for (int turn = 0; turn < TURNS / 5; turn++) {
        for (int i = 0; i < RIG_BATCH; i++) {
            rig_open(&rig->edges[0], slot++, 1);
        }
        uplink_flush(rig->edges[0].uplink, rig->now_ms);
        count_join(rig);
        rig_settle(rig);
    }
    printf("join %d\n", TURNS / 5 * RIG_BATCH);
}

int main(void)
{
    struct rig *rig = mem_new(1, sizeof(*rig));
    run_decode();
    run_encode();
    rig_start(rig);
    run_room(rig);
    run_direct(rig);
    run_joins(rig);
    rig_stop(rig);
    mem_free(rig);
    return 0;
}
