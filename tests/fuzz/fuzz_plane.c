/* A hostile or broken edge speaks to the router: the plane must stay in one piece, and a second,
 * honest edge must never be given up for it. */
#include "router/plane.h"
#include "tests/fuzz/plane_script.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

static enum status transmit(void *owner, struct bytes peer, struct bytes header, struct bytes body)
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
    (void)text;
    bool harm = event == PLANE_EDGE_BAD_FRAME || event == PLANE_EDGE_REPLACED ||
                event == PLANE_EDGE_OVERFLOW;
    if (harm && bytes_equal(edge_id, BYTES_LIT("honest"))) {
        abort();
    }
}

static void on_auth_failed(void *owner, struct bytes edge_id, struct bytes address, const char *why)
{
    (void)owner;
    (void)edge_id;
    (void)address;
    (void)why;
}

static void on_admin_done(void *owner, const struct core_effect *done)
{
    (void)owner;
    (void)done;
}

static void draw(void *owner, uint8_t *out, size_t len)
{
    (void)owner;
    memset(out, 1, len);
}

static void on_canary(void *owner, uint64_t took_us)
{
    (void)owner;
    (void)took_us;
}

static void on_diverged(void *owner, struct bytes edge_id, const struct core_effect *diverged)
{
    (void)owner;
    (void)edge_id;
    (void)diverged;
}

static const struct plane_callbacks callbacks = {.transmit = transmit,
                                                 .on_edge = on_edge,
                                                 .on_auth_failed = on_auth_failed,
                                                 .on_admin_done = on_admin_done,
                                                 .random = draw,
                                                 .on_canary = on_canary,
                                                 .on_diverged = on_diverged};

static void hello(struct router_plane *plane, struct bytes peer, struct bytes id,
                  uint64_t incarnation, uint64_t now_ms)
{
    struct buf out;
    buf_init(&out, 0);
    plane_hello_write(
        &(struct plane_greeting){.version = PLANE_VERSION,
                                 .id = id,
                                 .edge_incarnation = incarnation,
                                 .credit = 100000,
                                 .features = PLANE_FEATURE_CANARY | PLANE_FEATURE_DIGEST},
        &out);
    router_plane_receive(plane, peer, buf_bytes(&out), now_ms, now_ms);
    buf_fini(&out);
}

static bool knows(const struct router_plane *plane, struct bytes id, uint64_t now_ms)
{
    uint64_t cursor = 0;
    struct plane_edge_info info;
    while (router_plane_edge_next(plane, now_ms, &cursor, &info)) {
        if (bytes_equal(info.id, id)) {
            return true;
        }
    }
    return false;
}

static struct plane_config make_config(void)
{
    return (struct plane_config){.router_id = BYTES_LIT("router"),
                                 .core = {.seed = 1,
                                          .grace_ms = 500,
                                          .rebuild_ms = 100,
                                          .message_bytes = 65536,
                                          .rooms_per_connection_max = 3,
                                          .watches_per_connection_max = 3,
                                          .policy.fallback = {.class = ROOM_MEMORY,
                                                              .history_messages = 4,
                                                              .slow_reader = SLOW_READER_GAP},
                                          .rooms_max = 10,
                                          .users_max = 10,
                                          .members_max = 5,
                                          .history_count = 4,
                                          .history_bytes = 1000,
                                          .history_total_bytes = 3000,
                                          .idle_channel_ms = 1000,
                                          .key_window = 4,
                                          .key_window_ms = 1000},
                                 .auth = {.mode = AUTH_INSECURE},
                                 .token_in_query = true,
                                 .credit_bytes = 100000,
                                 .queue_bytes_max = 100000,
                                 .heartbeat_ms = 500,
                                 .suspect_ms = 1500,
                                 .dead_ms = 3000,
                                 .ticket_period_ms = 1000,
                                 .canary_timeout_ms = 1000,
                                 .digest_ms = 20,
                                 .edges_max = 4,
                                 .rooms_per_edge_max = 8,
                                 .users_per_edge_max = 8};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plane_script script = {.data = data, .len = size};
    struct plane_config config = make_config();
    struct engine *engine = engine_memory_new(SCRIPT_ROUTER);
    struct buf frame;
    uint64_t now_ms = 1;
    uint64_t incarnation = 100;
    buf_init(&frame, 0);
    struct router_plane *plane = router_plane_new(&config, &engine, &callbacks, NULL, now_ms);
    hello(plane, BYTES_LIT("h"), BYTES_LIT("honest"), 1, now_ms);
    while (script_frame(&script, &frame)) {
        now_ms += 20;
        if (!knows(plane, BYTES_LIT("evil"), now_ms)) {
            hello(plane, BYTES_LIT("e"), BYTES_LIT("evil"), ++incarnation, now_ms);
            script.seq = 0;
        }
        /* Now and then on the honest edge's link, whose name the evil one has found out. */
        const struct plane_sender sender = {.peer = script.seq % 4 == 3 ? BYTES_LIT("h")
                                                                        : BYTES_LIT("e"),
                                            .key = BYTES_LIT("key"),
                                            .edge_id = BYTES_LIT("evil")};
        router_plane_receive_from(plane, &sender, buf_bytes(&frame), now_ms, now_ms);
        router_plane_tick(plane, now_ms, now_ms);
        router_plane_flush(plane, now_ms);
    }
    router_plane_free(&plane);
    buf_fini(&frame);
    return 0;
}
