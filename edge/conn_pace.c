/* The rate of one connection's input: frames, and bytes of payload. A frame of six bytes costs as
 * much as one of six hundred, so a read full of them would hold up everybody else; a byte may
 * inflate to a thousand, each of which is inflated, checked and sent to the router. So who sends
 * fast is read in small portions, and who sends faster than allowed is left to TCP's back-pressure
 * until it has paid for what it sent. A new connection has not shown yet how it behaves and starts
 * half-way.
 *
 * The time is microseconds in 32 bits. Old ones would lie in the future again after 36 minutes, but
 * nobody is ever further ahead than DEBT_US_MAX, and heartbeats renew what is past.
 *
 * What a read of compressed frames leads to is known only message by message: where the allowance
 * ends in the midst of a read, the rest of it is held (at most EDGE_DEFLATED_READ_BYTES). */
#include "common/buf.h"
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/heartbeat.h"

enum { BURST_US = 50000, SPREAD_MS = 16 };

static const uint64_t SECOND_NS = 1000000000;

/* Debt at most: one huge message shall not keep its sender's close frame waiting for long. */
enum { DEBT_US_MAX = 1000000 };

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How far its input is ahead of what is allowed. */
static uint64_t debt_us(const struct conn *conn)
{
    uint32_t ahead = conn->pace_us - (uint32_t)edge_now_us(conn->edge);
    return ahead > DEBT_US_MAX ? 0 : ahead;
}

static void set_debt(struct conn *conn, uint64_t debt)
{
    uint64_t bounded = min_u64(debt, DEBT_US_MAX);
    conn->pace_us = (uint32_t)(edge_now_us(conn->edge) + bounded);
}

static bool is_off(const struct conn *conn)
{
    const struct edge_options *options = conn->edge->options;
    return options->echo || (options->frames_per_second == 0 && options->input_per_second == 0);
}

static uint64_t price_us(const struct conn *conn, uint64_t frames, uint64_t bytes)
{
    const struct edge_options *options = conn->edge->options;
    uint64_t frames_max = (uint64_t)options->frames_per_second;
    uint64_t bytes_max = (uint64_t)options->input_per_second;
    uint64_t ns = (frames_max == 0 ? 0 : frames * SECOND_NS / frames_max) +
                  (bytes_max == 0 ? 0 : bytes * SECOND_NS / bytes_max);
    return (ns + 999) / 1000;
}

void conn_pace_start(struct conn *conn)
{
    set_debt(conn, BURST_US / 2);
}

void conn_pace_charge(struct conn *conn, uint64_t frames, uint64_t bytes)
{
    if (is_off(conn)) {
        return;
    }
    set_debt(conn, debt_us(conn) + price_us(conn, frames, bytes));
    if (debt_us(conn) > BURST_US) {
        conn_pause(conn, CONN_PAUSE_PACE);
        heartbeat_arm(conn);
    }
}

bool conn_paced(const struct conn *conn)
{
    return conn->state >= CONN_OPEN && !is_off(conn) && debt_us(conn) > BURST_US / 8;
}

uint64_t conn_pace_due_ms(const struct conn *conn)
{
    if ((conn->paused & CONN_PAUSE_PACE) == 0) {
        return UINT64_MAX;
    }
    uint64_t now_us = edge_now_us(conn->edge);
    int64_t ahead_us = (int32_t)(conn->pace_us - (uint32_t)now_us);
    uint64_t spread_ms = conn->slot % SPREAD_MS; /* not all who flood in one turn */
    return (now_us + (uint64_t)(ahead_us - BURST_US)) / 1000 + 1 + spread_ms;
}

bool conn_pace_hold(struct conn *conn, struct bytes rest)
{
    if ((conn->paused & CONN_PAUSE_PACE) == 0 || conn->window_bits == 0 || rest.len == 0) {
        return false;
    }
    conn->edge->message_bytes += held_inputs_put(&conn->edge->held_inputs, conn->slot, rest);
    conn->holds = true;
    return true;
}

static struct buf *take_held(struct conn *conn)
{
    struct buf *held = held_inputs_take(&conn->edge->held_inputs, conn->slot);
    conn->holds = false;
    conn->edge->message_bytes -= held->capacity;
    return held;
}

void conn_pace_release(struct conn *conn)
{
    struct buf *held = take_held(conn);
    conn_message_input(conn, held->data, held->len);
    held_inputs_drop(&held);
}

void conn_pace_drop(struct conn *conn)
{
    if (conn->holds) {
        struct buf *held = take_held(conn);
        held_inputs_drop(&held);
    }
}

void conn_pace_refresh(struct conn *conn)
{
    set_debt(conn, debt_us(conn));
}
