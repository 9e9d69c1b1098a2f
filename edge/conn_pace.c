/* The rate of frames of one connection. A frame of six bytes costs as much as one of six hundred,
 * so a read full of them would hold up everybody else: who sends fast is read in small portions,
 * and who sends faster than allowed is left to TCP's back-pressure until it has paid for what it
 * sent. A new connection has not shown yet how it behaves and starts half-way. */
#include "edge/conn.h"
#include "edge/edge_state.h"
#include "edge/heartbeat.h"

enum { BURST_US = 50000 };

static uint64_t now_us(const struct conn *conn)
{
    return edge_now(conn->edge) * 1000;
}

static uint64_t rate(const struct conn *conn)
{
    const struct edge_options *options = conn->edge->options;
    return options->echo ? 0 : (uint64_t)options->frames_per_second;
}

void conn_pace_start(struct conn *conn)
{
    conn->pace_us = now_us(conn) + BURST_US / 2;
}

void conn_pace_charge(struct conn *conn, uint32_t frames)
{
    uint64_t per_second = rate(conn);
    if (per_second == 0) {
        return;
    }
    uint64_t now = now_us(conn);
    conn->pace_us = conn->pace_us > now ? conn->pace_us : now;
    conn->pace_us += frames * 1000000ULL / per_second;
    if (conn->pace_us > now + BURST_US) {
        conn_pause(conn, CONN_PAUSE_PACE);
        heartbeat_arm(conn);
    }
}

bool conn_paced(const struct conn *conn)
{
    return conn->state >= CONN_OPEN && rate(conn) != 0 &&
           conn->pace_us > now_us(conn) + BURST_US / 8;
}

uint64_t conn_pace_due_ms(const struct conn *conn)
{
    if ((conn->paused & CONN_PAUSE_PACE) == 0) {
        return UINT64_MAX;
    }
    return (conn->pace_us - BURST_US) / 1000 + 1;
}
