/* See conn.h: life, events and endings of a connection. */
#include "edge/conn.h"

#include "common/log.h"
#include "common/mem.h"
#include "edge/edge_state.h"
#include "edge/frames.h"
#include "edge/heartbeat.h"
#include "edge/sockets.h"
#include "edge/tls.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

_Static_assert(sizeof(struct conn) <= 120, "the memory of an idle connection is a promise");
_Static_assert(CONN_DEAD < 8 && WS_REASON_COUNT <= 32, "bits of struct conn");

/* NULL: what comes is thrown away. */
static void (*const INPUT_OF_STATE[])(struct conn *conn, uint8_t *data, size_t len) = {
    [CONN_PROXY] = conn_proxy_input,  [CONN_HANDSHAKE] = conn_upgrade_input,
    [CONN_OPEN] = conn_message_input, [CONN_CLOSING] = conn_message_input,
    [CONN_ANSWERED] = NULL,           [CONN_DEAD] = NULL,
};

static void count_state(struct conn *conn, int change)
{
    static const uint8_t METRIC_OF_STATE[] = {
        [CONN_PROXY] = EDGE_STATE_HANDSHAKE,  [CONN_HANDSHAKE] = EDGE_STATE_HANDSHAKE,
        [CONN_OPEN] = EDGE_STATE_OPEN,        [CONN_CLOSING] = EDGE_STATE_CLOSING,
        [CONN_ANSWERED] = EDGE_STATE_CLOSING,
    };
    if (conn->state != CONN_DEAD) {
        conn->edge->state_counts[METRIC_OF_STATE[conn->state]] += (uint64_t)(int64_t)change;
    }
}

static bool is_pending(enum conn_state state)
{
    return state == CONN_PROXY || state == CONN_HANDSHAKE;
}

static void set_state(struct conn *conn, enum conn_state state)
{
    if (is_pending((enum conn_state)conn->state) && !is_pending(state)) {
        conn_pending_remove(conn);
        conn_drop_head(conn);
        ws_session_init(&conn->session);
    }
    count_state(conn, -1);
    conn->state = (uint8_t)state & 7U;
    count_state(conn, +1);
}

/* The directions are crossed when TLS must write before it can go on reading, or the reverse. */
static unsigned wanted_events(const struct conn *conn)
{
    const struct transport *transport = &conn->out.transport;
    bool reading = conn->paused == 0;
    bool read = transport->receive_wants_write ? false : reading;
    bool write = transport->send_wants_read ? false : conn->want_write;
    read |= transport->send_wants_read && conn->want_write;
    write |= transport->receive_wants_write && reading;
    return (read ? SOCKET_READABLE : 0U) | (write ? SOCKET_WRITABLE : 0U);
}

/* Without memory in the kernel it is not watched, and its deadlines end it. */
static bool watch_socket(struct conn *conn, unsigned wanted)
{
    struct edge *edge = conn->edge;
    bool ok =
        sockets_watch(edge->sockets, conn->out.transport.fd, conn_id(conn), conn->watched, wanted);
    conn->watched = (ok ? wanted : 0U) & 3U;
    return ok;
}

/* Makes what the loop watches the socket for equal to what the connection wants. Input that the
 * transport has already taken from the socket would not wake the loop, so it is woken by hand. */
static void update_events(struct conn *conn)
{
    unsigned wanted = wanted_events(conn);
    if (conn->state == CONN_DEAD) {
        return;
    }
    if (wanted != conn->watched) {
        (void)watch_socket(conn, wanted);
    }
    if ((conn->out.transport.input_waits || conn->holds) && conn->paused == 0 && !conn->woken) {
        conn->woken = true;
        sockets_wake(conn->edge->sockets, conn_id(conn));
    }
}

/* The socket is closed at once; the memory stays until the end of the turn, since the dirty list
 * and the caller's stack may still hold the pointer. */
static void kill_conn(struct conn *conn)
{
    struct edge *edge = conn->edge;
    struct transport transport = conn->out.transport;
    out_batch_forget(edge->out, &conn->out);
    wheel_clear(edge->wheel, conn->slot);
    transport_ops(&transport)->close(&transport);
    if (!is_pending((enum conn_state)conn->state)) {
        edge->message_bytes -= ws_session_held(&conn->session);
        ws_session_fini(&conn->session);
        conn_deflate_end(conn);
        conn_pace_drop(conn);
    }
    if (conn->ip_counted) {
        ip_counts_release(&edge->ip_counts, &conn->address);
    }
    set_state(conn, CONN_DEAD);
    conn->next_dead = edge->dead;
    edge->dead = conn->slot;
}

/* OPEN is left for good: noted now, reported at the end of the turn. */
static void note_end(struct conn *conn, enum ws_reason reason, uint16_t code, bool clean)
{
    assert(conn->state == CONN_OPEN && "an ending is noted once");
    conn->reason = (uint8_t)reason & 31U;
    conn->close_code = code;
    conn->clean = clean;
    conn->planned = 0;
    conn->next_ended = conn->edge->ended;
    conn->edge->ended = conn->slot;
}

static void put_copy(struct conn *conn, struct bytes bytes)
{
    struct blob *blob = blob_new(out_batch_spares(conn->edge->out), bytes.len);
    memcpy(blob->data, bytes.data, bytes.len);
    out_batch_put(conn->edge->out, &conn->out, blob);
    blob_unref(&blob);
}

/* Queues our close frame. What the session held of an incomplete message goes with it. */
static void put_close(struct conn *conn, uint16_t code, struct bytes text)
{
    struct edge *edge = conn->edge;
    size_t held = ws_session_held(&conn->session);
    buf_clear(&edge->reply);
    ws_session_close(&conn->session, code, text, &edge->reply);
    edge->message_bytes -= held - ws_session_held(&conn->session);
    if (edge->reply.len != 0) {
        put_copy(conn, buf_bytes(&edge->reply));
    }
}

/* The last output is queued; from here the peer's input only matters for its end. */
static void linger(struct conn *conn, enum conn_state state)
{
    set_state(conn, state);
    conn->paused &= CONN_PAUSE_END | CONN_PAUSE_PACE;
    conn->due = ticks_due(edge_now(conn->edge) + CONN_LINGER_MS);
    out_batch_mark(conn->edge->out, &conn->out);
    heartbeat_arm(conn);
    update_events(conn);
}

/* All output is written after the last was queued. */
/* What came after the peer's close frame. Closing over it would reset the connection, and the reset
 * may destroy our answer on its way. */
static bool has_unread(const struct conn *conn)
{
    uint8_t byte;
    return recv(conn->out.transport.fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void flushed(struct conn *conn)
{
    bool both_closed = conn->state == CONN_CLOSING && ws_session_closed(&conn->session);
    if ((conn->paused & CONN_PAUSE_END) != 0 || (both_closed && !has_unread(conn))) {
        kill_conn(conn);
        return;
    }
    if (!conn->shut && transport_ops(&conn->out.transport)->shutdown(&conn->out.transport) != 0) {
        conn->want_write = errno == EAGAIN;
        if (!conn->want_write) {
            kill_conn(conn);
        }
        return;
    }
    if (!conn->shut) {
        conn->shut = true;
        conn->due = ticks_due(edge_now(conn->edge) + CONN_LINGER_MS);
        heartbeat_arm(conn);
    }
}

static void on_end_of_input(struct conn *conn)
{
    if (conn->state == CONN_OPEN) {
        note_end(conn, WS_REASON_NETWORK, 0, false);
    } else if (conn->state > CONN_HANDSHAKE && out_queue_bytes(&conn->out) != 0) {
        conn_pause(conn, CONN_PAUSE_END);
        return;
    }
    kill_conn(conn);
}

static void log_tls_failure(const struct conn *conn)
{
    char address[ADDRESS_TEXT_MAX];
    address_text(&conn->address, address);
    log_event(LOG_TLS_FAILED, LOG_S("address", address),
              LOG_S("why", tls_last_error(conn->edge->tls)));
}

static void heard(struct conn *conn)
{
    conn->last_seen = ticks_of(edge_now(conn->edge));
    conn->silent = false;
}

static void on_receive_failed(struct conn *conn)
{
    switch (errno) {
    case EAGAIN: /* a part of a TLS record is a sign of life too */
        heard(conn);
        break;
    case EINTR:
        break;
    case EPROTOTYPE:
        conn_refuse(conn, 400, "this port speaks TLS", EDGE_REFUSED_BAD_REQUEST);
        break;
    case EPROTO:
        log_tls_failure(conn);
        conn_abort(conn, WS_REASON_NETWORK);
        break;
    default:
        conn_abort(conn, WS_REASON_NETWORK);
    }
}

static size_t read_max(const struct conn *conn)
{
    if (conn->state == CONN_PROXY) {
        return conn_proxy_wanted(conn);
    }
    if (conn_paced(conn)) {
        return EDGE_PACED_READ_BYTES;
    }
    bool little = conn->window_bits != 0 || conn->state == CONN_HANDSHAKE;
    return little ? EDGE_DEFLATED_READ_BYTES : EDGE_SCRATCH_BYTES;
}

void conn_read(struct conn *conn)
{
    struct edge *edge = conn->edge;
    struct transport *transport = &conn->out.transport;
    if (edge->congested && conn->state == CONN_OPEN) {
        conn_stop_for_congestion(conn);
        return;
    }
    if (conn->holds) {
        conn_pace_release(conn);
        update_events(conn);
        return;
    }
    ssize_t len = transport_ops(transport)->receive(transport, edge->input, read_max(conn));
    if (len > 0) {
        heard(conn);
        if (INPUT_OF_STATE[conn->state] != NULL) {
            INPUT_OF_STATE[conn->state](conn, edge->input, (size_t)len);
        }
    } else if (len == 0) {
        on_end_of_input(conn);
    } else {
        on_receive_failed(conn);
    }
    update_events(conn);
}

void conn_on_ready(void *owner, slot_id id, unsigned what)
{
    struct edge *edge = owner;
    struct conn *conn = slotmap_get(&edge->conns, id);
    (void)edge_now(edge);
    if (conn == NULL || conn->state == CONN_DEAD) {
        return;
    }
    const struct transport *transport = &conn->out.transport;
    unsigned expected = conn->watched | (conn->woken ? SOCKET_READABLE : 0U);
    conn->woken = false;
    what &= expected;
    if (what == 0) {
        return; /* it was paused by somebody else in this turn */
    }
    if ((what & SOCKET_WRITABLE) != 0 || transport->send_wants_read) {
        out_batch_mark(edge->out, &conn->out);
    }
    bool readable = (what & SOCKET_READABLE) != 0 || transport->receive_wants_write;
    if (readable && conn->paused == 0) {
        if (is_pending((enum conn_state)conn->state)) {
            conn_turns_take(conn);
        } else {
            conn_read(conn);
        }
    }
}

/* PROXY, if any, is over: from here on `conn->tls` is what is spoken on the socket. */
static void start_transport(struct conn *conn)
{
    if (conn->tls != NULL) {
        tls_start(conn->tls, &conn->out.transport);
    }
    conn->deflater = NULL;
}

void conn_enter_handshake(struct conn *conn)
{
    set_state(conn, CONN_HANDSHAKE);
    start_transport(conn);
}

struct conn *conn_new(struct edge *edge, int fd, const struct address *address, bool ip_counted,
                      struct tls *tls)
{
    struct conn *conn = mem_try_new(1, sizeof(*conn));
    if (conn == NULL) {
        return NULL;
    }
    bool proxied = edge->options->proxy_protocol != 0;
    conn->tls = tls;
    conn->state = proxied ? CONN_PROXY : CONN_HANDSHAKE;
    out_queue_init(&conn->out, transport_plain(fd));
    slot_id id = slotmap_add(&edge->conns, conn);
    conn->slot = slot_id_index(id);
    conn->edge = edge;
    if (id == 0) {
        mem_free(conn);
        return NULL;
    }
    if (!proxied) {
        start_transport(conn);
    }
    uint64_t now_ms = edge_now(edge);
    conn->address = *address;
    conn->ip_counted = ip_counted;
    conn->since = ticks_of(now_ms);
    conn->last_seen = conn->since;
    conn->due = ticks_due(now_ms + (uint64_t)edge->options->handshake_timeout);
    count_state(conn, +1);
    conn_pending_add(conn);
    heartbeat_arm(conn);
    conn_turns_take(conn); /* where many come, what they say is there already */
    return conn;
}

struct conn *conn_in(const struct edge *edge, uint32_t slot)
{
    return slotmap_at(&edge->conns, slot);
}

slot_id conn_id(const struct conn *conn)
{
    return slotmap_id_at(&conn->edge->conns, conn->slot);
}

void conn_drop_head(struct conn *conn)
{
    if (conn->head != NULL) {
        buf_fini(conn->head);
        mem_free(conn->head);
        conn->head = NULL;
    }
}

struct conn *conn_at(struct edge *edge, uint32_t slot)
{
    struct conn *conn = slotmap_at(&edge->conns, slot);
    return conn != NULL && conn->state == CONN_OPEN ? conn : NULL;
}

/* An echo answers a whole message at once, whatever its size. */
static size_t output_max(const struct edge_options *options)
{
    return (size_t)options->max_output + (options->echo ? 2 * (size_t)options->max_message : 0);
}

void conn_put(struct conn *conn, struct blob *frames, size_t message_count)
{
    struct edge *edge = conn->edge;
    size_t max = output_max(edge->options);
    if (conn->state != CONN_OPEN) {
        return;
    }
    out_batch_put(edge->out, &conn->out, frames);
    metrics_add(edge->metrics, EDGE_METRIC_MESSAGES_SENT, 0, (int64_t)message_count);
    if (out_queue_cost(&conn->out) <= max) {
        return;
    }
    /* Much for one turn is not yet a slow reader: what the kernel takes now does not count. */
    if (out_batch_write(edge->out, &conn->out) == OUT_FAILED) {
        conn_abort(conn, WS_REASON_NETWORK);
    } else if (out_queue_cost(&conn->out) > max) {
        metrics_add(edge->metrics, EDGE_METRIC_SLOW_CLOSES, EDGE_LIMIT_HARD, 1);
        conn_close(conn, WS_REASON_SLOW, 0, BYTES_EMPTY);
    }
}

void conn_put_frames(struct conn *conn, struct frames *frames)
{
    if (conn->deflater == NULL) {
        conn_put(conn, frames_for(frames, conn->window_bits), frames->count);
        return;
    }
    struct blob *own = frames_own(frames, conn->deflater);
    conn_put(conn, own, frames->count);
    blob_unref(&own);
}

bool conn_is_behind(struct conn *conn)
{
    struct edge *edge = conn->edge;
    size_t max = (size_t)edge->options->soft_output;
    if (conn->state != CONN_OPEN || out_queue_cost(&conn->out) <= max) {
        return false;
    }
    /* As above: only what the kernel does not take makes a slow reader. */
    if (!conn->want_write) {
        enum out_result result = out_batch_write(edge->out, &conn->out);
        if (result == OUT_FAILED) {
            conn_abort(conn, WS_REASON_NETWORK);
            return false;
        }
        conn->want_write = result == OUT_BLOCKED; /* until the end of the turn says it again */
    }
    conn->behind = out_queue_cost(&conn->out) > max;
    return conn->behind;
}

void conn_send(struct conn *conn, struct bytes payload, bool binary)
{
    struct frames frames;
    frames_init(&frames, conn->edge, &payload, 1, binary);
    metrics_observe(conn->edge->metrics, EDGE_METRIC_MESSAGE_SIZE, EDGE_DIRECTION_OUT,
                    (double)payload.len);
    conn_put_frames(conn, &frames);
    frames_fini(&frames);
}

void conn_close(struct conn *conn, enum ws_reason reason, uint16_t code, struct bytes text)
{
    struct edge *edge = conn->edge;
    if (conn->state != CONN_OPEN) {
        return;
    }
    code = code == 0 ? ws_reason_code(reason) : code;
    note_end(conn, reason, code, false);
    if (reason == WS_REASON_SLOW) {
        out_batch_drop(edge->out, &conn->out);
    }
    put_close(conn, code, text.len == 0 ? bytes_of_str(ws_reason_help(reason)) : text);
    linger(conn, CONN_CLOSING);
}

void conn_close_echo(struct conn *conn, uint16_t code, struct bytes text)
{
    note_end(conn, WS_REASON_CLIENT, code, true);
    put_close(conn, code, conn->edge->options->echo ? text : BYTES_EMPTY);
    linger(conn, CONN_CLOSING);
}

void conn_abort(struct conn *conn, enum ws_reason reason)
{
    if (conn->state == CONN_DEAD) {
        return;
    }
    if (conn->state == CONN_OPEN) {
        note_end(conn, reason, 0, false);
    }
    kill_conn(conn);
}

void conn_plan_close(struct conn *conn, enum ws_reason reason, uint64_t at_ms)
{
    uint64_t now_ms = edge_now(conn->edge);
    if (conn->planned != 0 && ticks_due_ms(conn->planned, now_ms) <= at_ms) {
        return;
    }
    conn->planned = ticks_due(at_ms);
    conn->reason = (uint8_t)reason & 31U;
    heartbeat_arm(conn);
}

void conn_answer(struct conn *conn, struct bytes answer)
{
    assert(conn->state == CONN_HANDSHAKE && "one answer per request");
    put_copy(conn, answer);
    linger(conn, CONN_ANSWERED);
}

void conn_enter_open(struct conn *conn, struct bytes answer)
{
    struct edge *edge = conn->edge;
    set_state(conn, CONN_OPEN);
    conn->since = ticks_of(edge_now(edge));
    conn_pace_start(conn);
    conn->last_message = conn->since;
    conn->ping_us = 0;
    conn->soft_due = 0;
    put_copy(conn, answer);
    if (!edge->options->echo && uplink_state(edge->uplink) == UPLINK_UP) {
        out_batch_expect(&conn->out); /* the router welcomes it, or not */
    }
    metrics_add(edge->metrics, EDGE_METRIC_CONNECTIONS, 0, 1);
    heartbeat_start(conn);
}

static void count_pause(struct edge *edge, enum conn_pause why)
{
    if (why == CONN_PAUSE_CONGESTION) {
        metrics_add(edge->metrics, EDGE_METRIC_READ_PAUSES, EDGE_READ_PAUSE_CONGESTION, 1);
    } else if (why == CONN_PAUSE_OUTPUT) {
        metrics_add(edge->metrics, EDGE_METRIC_READ_PAUSES, EDGE_READ_PAUSE_OUTPUT, 1);
    } else if (why == CONN_PAUSE_PACE) {
        metrics_add(edge->metrics, EDGE_METRIC_READ_PAUSES, EDGE_READ_PAUSE_PACE, 1);
    }
}

void conn_pause(struct conn *conn, enum conn_pause why)
{
    if ((conn->paused & why) != 0 || conn->state == CONN_DEAD) {
        return;
    }
    conn->paused |= (uint8_t)why;
    count_pause(conn->edge, why);
    update_events(conn);
}

void conn_resume(struct conn *conn, enum conn_pause why)
{
    if ((conn->paused & why) != 0) {
        conn->paused &= (uint8_t)~why;
        update_events(conn);
    }
}

/* An OPEN connection above the soft limit has a grace, and is not read from meanwhile: who does not
 * listen shall not ask for more. */
static void watch_soft_limit(struct conn *conn)
{
    const struct edge_options *options = conn->edge->options;
    if (conn->state != CONN_OPEN) {
        return;
    }
    if (out_queue_cost(&conn->out) <= (size_t)options->soft_output) {
        conn->soft_due = 0; /* the wheel finds out when it fires */
        conn_resume(conn, CONN_PAUSE_OUTPUT);
    } else if (conn->soft_due == 0) {
        conn->soft_due = ticks_due(edge_now(conn->edge) + (uint64_t)options->soft_output_grace);
        heartbeat_arm(conn);
        conn_pause(conn, CONN_PAUSE_OUTPUT);
    }
}

/* Half of the limit, so that one message more is not one too many again. */
static void watch_behind(struct conn *conn)
{
    struct edge *edge = conn->edge;
    if (conn->behind && conn->state == CONN_OPEN &&
        out_queue_cost(&conn->out) <= (size_t)edge->options->soft_output / 2) {
        conn->behind = false;
        uplink_caught_up(edge->uplink, conn->slot);
        edge->caught_up = true;
    }
}

void conn_on_written(void *owner, struct out_queue *queue, enum out_result result)
{
    struct conn *conn = (struct conn *)(void *)((char *)queue - offsetof(struct conn, out));
    (void)owner;
    if (result == OUT_FAILED) {
        conn_abort(conn, WS_REASON_NETWORK);
        return;
    }
    conn->want_write = result == OUT_BLOCKED;
    watch_soft_limit(conn);
    watch_behind(conn);
    bool last = conn->state == CONN_CLOSING || conn->state == CONN_ANSWERED;
    if (result == OUT_DONE && last) {
        flushed(conn);
    }
    update_events(conn);
}
