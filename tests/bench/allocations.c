/* That messages cost no allocation once everything has its size: turns of room messages and of
 * direct messages, from the uplink to the frames in the clients' queues and out of them, and how
 * often memory was asked for meanwhile (mem_allocations). Anything above 0 is an error.
 * With sanitizers every block is new, so there is nothing to judge: exit code 77. */
#include "common/mem.h"
#include "edge/output.h"
#include "edge/ws_session.h"
#include "tests/bench/rig.h"

#include <stdio.h>
#include <string.h>

enum {
    WARM = 320, /* past a heartbeat of the links, and the time after which rates are dropped */
    TURNS = 200,
    NOT_JUDGED = 77,
    SLOTS = 2 * RIG_CLIENTS,
    DESCRIPTOR = 1 << 20 /* of nobody */
};

/* The clients of one edge, whose sockets take everything. */
struct writer {
    struct transport_session session; /* of all of them; must be first */
    struct out_batch *out;
    struct out_queue queues[SLOTS];
    uint64_t bytes;
};

static ssize_t take_all(struct transport *transport, const struct iovec *iov, size_t count,
                        bool more)
{
    struct writer *writer = (struct writer *)transport->session;
    (void)more;
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        len += iov[i].iov_len;
    }
    writer->bytes += len;
    return (ssize_t)len;
}

static const struct transport_ops TAKES_ALL = {.send = take_all};

static void on_written(void *owner, struct out_queue *queue, enum out_result result)
{
    (void)owner;
    (void)queue;
    if (result != OUT_DONE) {
        rig_die("a socket did not take everything");
    }
}

static struct writer *writer_new(void)
{
    static const struct out_callbacks callbacks = {.on_written = on_written};
    struct writer *writer = mem_new(1, sizeof(*writer));
    writer->session.ops = &TAKES_ALL;
    writer->out = out_batch_new(&callbacks, writer);
    for (size_t i = 0; i < SLOTS; i++) {
        const struct transport transport = {.session = &writer->session, .fd = DESCRIPTOR};
        out_queue_init(&writer->queues[i], transport);
    }
    return writer;
}

static void writer_free(struct writer *writer)
{
    for (size_t i = 0; i < SLOTS; i++) {
        out_batch_forget(writer->out, &writer->queues[i]);
    }
    out_batch_free(&writer->out);
    mem_free(writer);
}

static void write_delivery(struct rig_edge *edge, const struct uplink_delivery *delivery)
{
    struct writer *writer = edge->writer;
    struct blob *blob = out_frame(out_batch_spares(writer->out), delivery->payloads,
                                  delivery->payload_count, delivery->binary);
    for (size_t i = 0; i < delivery->slot_count; i++) {
        if (delivery->slots[i] != delivery->except) {
            out_batch_put(writer->out, &writer->queues[delivery->slots[i]], blob);
            edge->delivered += delivery->payload_count;
        }
    }
    blob_unref(&blob);
}

/* What a client says, as its bytes come, to the uplink. */
static void hear(struct rig_edge *edge, struct ws_session *session, const char *text)
{
    enum { HEADER = 8, MEDIUM = 126, PART = 100 };
    const struct ws_limits limits = {.message_bytes_max = 1 << 20};
    const size_t text_len = strlen(text);
    uint8_t frame[HEADER + RIG_MESSAGE_MAX] = {0x81, 0x80 | MEDIUM, (uint8_t)(text_len >> 8),
                                               (uint8_t)text_len};
    memcpy(frame + HEADER, text, text_len); /* the mask is 0 */
    uint8_t *data = frame;
    size_t len = HEADER + text_len;
    const struct ws_event event = ws_session_receive(session, &limits, &data, &len);
    if (event.kind != WS_EVENT_MESSAGE) {
        rig_die("a frame gave no message");
    }
    for (uint32_t slot = 0; slot < RIG_BATCH; slot++) {
        if (uplink_message(edge->uplink, slot, event.data, false, edge->rig->now_ms) != STATUS_OK) {
            rig_die("a message was refused");
        }
    }
}

static void turn(struct rig *rig, struct ws_session *session, const char *text)
{
    hear(&rig->edges[0], session, text);
    rig_settle(rig);
    for (size_t i = 0; i < RIG_EDGES; i++) {
        const struct writer *writer = rig->edges[i].writer;
        out_batch_flush(writer->out);
    }
}

/* How often memory was asked for in TURNS turns. */
static uint64_t allocations_of(struct rig *rig, const char *text, uint64_t heard)
{
    struct ws_session session;
    ws_session_init(&session);
    for (int i = 0; i < WARM; i++) {
        turn(rig, &session, text);
    }
    uint64_t before = mem_allocations();
    rig->edges[1].delivered = 0;
    for (int i = 0; i < TURNS; i++) {
        turn(rig, &session, text);
    }
    uint64_t count = mem_allocations() - before;
    if (rig->edges[1].delivered != heard * TURNS * RIG_BATCH) {
        rig_die("not everybody heard everything");
    }
    ws_session_fini(&session);
    return count;
}

int main(void)
{
    struct rig *rig = mem_new(1, sizeof(*rig));
    char text[RIG_MESSAGE_MAX];
    rig_start(rig);
    for (size_t i = 0; i < RIG_EDGES; i++) {
        rig->edges[i].writer = writer_new();
        rig->edges[i].on_delivery = write_delivery;
    }
    rig_room_text(text);
    uint64_t room = allocations_of(rig, text, RIG_CLIENTS);
    rig_direct_text(text);
    uint64_t direct = allocations_of(rig, text, 1);
    printf("%d messages to a room of %d: %llu allocations\n", TURNS * RIG_BATCH,
           RIG_EDGES * RIG_CLIENTS, (unsigned long long)room);
    printf("%d direct messages: %llu allocations\n", TURNS * RIG_BATCH, (unsigned long long)direct);
    for (size_t i = 0; i < RIG_EDGES; i++) {
        writer_free(rig->edges[i].writer);
    }
    rig_stop(rig);
    mem_free(rig);
    if (!spares_keeps()) {
        return NOT_JUDGED;
    }
    return room + direct == 0 ? 0 : 1;
}
