/* The rate of one connection's input: frames, and bytes of payload. A frame of six bytes costs as
 * much as one of six hundred, so a read full of them would hold up everybody else; a byte may
 * inflate to a thousand, each of which is inflated, checked and sent to the router. So who sends
 * fast is read in small portions, and who sends faster than allowed is left to TCP's back-pressure
 * until it has paid for what it sent. A new connection has not shown yet how it behaves and starts
 * half-way.
 *
 * What a read of compressed frames leads to is known only message by message: where the allowance
 * ends in the midst of a read, the rest of it is held (at most EDGE_DEFLATED_READ_BYTES). */
#include "common/mem.h"
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/heartbeat.h"

enum { BURST_NS = 50000000, SPREAD_MS = 16 };

static const uint64_t SECOND_NS = 1000000000;

/* Debt at most: one huge message shall not keep its sender's close frame waiting for long. */
static const uint64_t DEBT_NS_MAX = 1000000000;

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t now_ns(const struct conn *conn)
{
    return edge_now(conn->edge) * 1000000;
}

static bool is_off(const struct conn *conn)
{
    const struct edge_options *options = conn->edge->options;
    return options->echo || (options->frames_per_second == 0 && options->input_per_second == 0);
}

static uint64_t price_ns(const struct conn *conn, uint64_t frames, uint64_t bytes)
{
    const struct edge_options *options = conn->edge->options;
    uint64_t frames_max = (uint64_t)options->frames_per_second;
    uint64_t bytes_max = (uint64_t)options->input_per_second;
    return (frames_max == 0 ? 0 : frames * SECOND_NS / frames_max) +
           (bytes_max == 0 ? 0 : bytes * SECOND_NS / bytes_max);
}

void conn_pace_start(struct conn *conn)
{
    conn->pace_ns = now_ns(conn) + BURST_NS / 2;
}

void conn_pace_charge(struct conn *conn, uint64_t frames, uint64_t bytes)
{
    if (is_off(conn)) {
        return;
    }
    uint64_t now = now_ns(conn);
    conn->pace_ns = conn->pace_ns > now ? conn->pace_ns : now;
    conn->pace_ns = min_u64(conn->pace_ns + price_ns(conn, frames, bytes), now + DEBT_NS_MAX);
    if (conn->pace_ns > now + BURST_NS) {
        conn_pause(conn, CONN_PAUSE_PACE);
        heartbeat_arm(conn);
    }
}

bool conn_paced(const struct conn *conn)
{
    return conn->state >= CONN_OPEN && !is_off(conn) && conn->pace_ns > now_ns(conn) + BURST_NS / 8;
}

uint64_t conn_pace_due_ms(const struct conn *conn)
{
    if ((conn->paused & CONN_PAUSE_PACE) == 0) {
        return UINT64_MAX;
    }
    uint64_t spread_ms = slot_id_index(conn->id) % SPREAD_MS; /* not all who flood in one turn */
    return (conn->pace_ns - BURST_NS) / 1000000 + 1 + spread_ms;
}

bool conn_pace_hold(struct conn *conn, struct bytes rest)
{
    if ((conn->paused & CONN_PAUSE_PACE) == 0 || conn->window_bits == 0 || rest.len == 0) {
        return false;
    }
    conn->head = mem_new(1, sizeof(*conn->head));
    buf_init(conn->head, 0);
    buf_append(conn->head, rest);
    conn->edge->message_bytes += conn->head->capacity;
    return true;
}

bool conn_pace_holds(const struct conn *conn)
{
    return conn->state >= CONN_OPEN && conn->head != NULL;
}

void conn_pace_release(struct conn *conn)
{
    struct buf *held = conn->head;
    conn->head = NULL;
    conn->edge->message_bytes -= held->capacity;
    conn_message_input(conn, held->data, held->len);
    buf_fini(held);
    mem_free(held);
}
