/* See uplink.h. The rules that make a router's death invisible:
 *
 * 1. Everything sent up stays in the link's queue until the router has finished it.
 * 2. On a fresh link the announce goes first, then what was not finished, then what is new.
 * 3. A connection that ended stays known until the router has finished its end.
 * 4. A router's answer and its acknowledgement travel in one frame or in this order, so that what
 * is sent again was not answered. */
#include "edge/uplink.h"

#include "common/buf.h"
#include "common/link.h"
#include "common/mem.h"
#include "edge/groups.h"
#include "edge/uplink_down.h"
#include "proto/plane_wire.h"

#include <assert.h>

enum {
    HELLO_RETRY_MS = 100,        /* while the transport does not take it */
    WELCOME_WAIT_MIN_MS = 250,   /* then a fresh socket and a new hello, later and later: */
    WELCOME_WAIT_MAX_MS = 4000,  /* a busy router must find the time to answer */
    REFUSED_WAIT_MS = 5000,      /* after a refusal that only a human can mend */
    LIMIT_WAIT_MS = 1000,        /* after a refusal that time can mend */
    BATCH_BYTES_MAX = 256 * 1024 /* of one up-batch that waits */
};

/* Until a router tells its own. */
static const struct link_timing timing_default = {
    .heartbeat_ms = 500, .suspect_ms = 1500, .dead_ms = 3000};

static void set_state(struct uplink *uplink, enum uplink_state state, uint64_t now_ms)
{
    if (uplink->state == state) {
        return;
    }
    uplink->state = state;
    uplink->state_since = now_ms;
    uplink->callbacks.on_state(uplink->owner, state);
}

static void draw_incarnation(struct uplink *uplink)
{
    do {
        uplink->incarnation = uplink->callbacks.random(uplink->owner);
    } while (uplink->incarnation == 0);
}

struct uplink *uplink_new(const struct uplink_config *config,
                          const struct uplink_callbacks *callbacks, void *owner, uint64_t now_ms)
{
    struct uplink *uplink = mem_new(1, sizeof(*uplink));
    uplink->config = *config;
    uplink->config.edge_id = bytes_of(mem_copy(config->edge_id), config->edge_id.len);
    uplink->callbacks = *callbacks;
    uplink->owner = owner;
    draw_incarnation(uplink);
    uint8_t seed[16];
    uint64_t halves[2] = {callbacks->random(owner), callbacks->random(owner)};
    memcpy(seed, halves, sizeof(seed));
    groups_init(&uplink->groups, seed);
    uplink_bans_init(&uplink->bans, seed);
    uplink_spent_init(&uplink->spent, seed);
    link_init(&uplink->link, &timing_default, config->credit_bytes, now_ms);
    plane_builder_init(&uplink->up, &uplink->link.spares);
    arena_init(&uplink->arena, (size_t)PLANE_FRAME_BYTES_MAX * 8);
    buf_init(&uplink->scratch, 0);
    uplink->state = UPLINK_DOWN;
    uplink->state_since = now_ms;
    uplink->now_ms = now_ms;
    uplink->hello_at = now_ms;
    uplink->welcome_wait_ms = WELCOME_WAIT_MIN_MS;
    return uplink;
}

void uplink_free(struct uplink **uplink)
{
    if (*uplink == NULL) {
        return;
    }
    groups_fini(&(*uplink)->groups);
    uplink_bans_fini(&(*uplink)->bans);
    uplink_spent_fini(&(*uplink)->spent);
    link_fini(&(*uplink)->link);
    plane_builder_fini(&(*uplink)->up);
    arena_fini(&(*uplink)->arena);
    buf_fini(&(*uplink)->scratch);
    uplink_down_fini(&(*uplink)->down);
    uplink_answers_fini(&(*uplink)->answers);
    mem_free((void *)(uintptr_t)(*uplink)->config.edge_id.data);
    mem_free((*uplink)->deferred);
    mem_free(*uplink);
    *uplink = NULL;
}

static void add_up(struct uplink *uplink, enum plane_op_kind kind,
                   const struct edge_session *session, struct bytes bytes)
{
    plane_builder_add(
        &uplink->up, &(struct plane_op){
                         .kind = kind, .slot = session->slot, .gen = session->gen, .bytes = bytes});
}

void uplink_opened(struct uplink *uplink, uint32_t slot, uint32_t gen,
                   const struct uplink_open *open)
{
    struct edge_session *session = groups_open(&uplink->groups, slot, gen);
    buf_clear(&uplink->scratch);
    plane_open_write(&(struct plane_open){.token = open->token,
                                          .token_source = open->token_source,
                                          .subprotocol = open->subprotocol,
                                          .address = open->address,
                                          .agent = open->agent,
                                          .connected_at_ms = open->connected_at_ms},
                     &uplink->scratch);
    add_up(uplink, OP_OPEN, session, buf_bytes(&uplink->scratch));
}

static uint64_t held_bytes(const struct uplink *uplink)
{
    return link_unfinished_bytes(&uplink->link) + plane_builder_bytes(&uplink->up);
}

enum status uplink_message(struct uplink *uplink, uint32_t slot, struct bytes payload, bool binary,
                           uint64_t now_ms)
{
    struct edge_session *session = groups_current(&uplink->groups, slot);
    assert(session != NULL && "messages come from open connections");
    if (session->orphan || session->ending) {
        return STATUS_OK; /* its close is under way */
    }
    if (held_bytes(uplink) + payload.len > uplink->config.hold_bytes_max) {
        return STATUS_LIMIT;
    }
    session->number++;
    uplink->stats.up_messages++;
    plane_builder_add(&uplink->up, &(struct plane_op){.kind = binary ? OP_BINARY : OP_TEXT,
                                                      .slot = slot,
                                                      .gen = session->gen,
                                                      .a = session->number,
                                                      .b = now_ms,
                                                      .bytes = payload});
    return STATUS_OK;
}

/* After the session's end was put into the up-batch. */
static void retire(struct uplink *uplink, struct edge_session *session)
{
    if (session->orphan) {
        groups_forget(&uplink->groups, session);
        return;
    }
    groups_close(&uplink->groups, session);
    session->groups->next = NULL; /* closed ones have it */
    if (uplink->closed_last == NULL) {
        uplink->closed_first = session;
    } else {
        uplink->closed_last->groups->next = session;
    }
    uplink->closed_last = session;
    if (uplink->unsealed == NULL) {
        uplink->unsealed = session;
    }
}

static void defer_retirement(struct uplink *uplink, uint32_t slot)
{
    if (uplink->deferred_count == uplink->deferred_capacity) {
        uint32_t capacity = uplink->deferred_capacity == 0 ? 16 : uplink->deferred_capacity * 2;
        uplink->deferred = mem_resize(uplink->deferred, capacity, sizeof(*uplink->deferred));
        uplink->deferred_capacity = capacity;
    }
    uplink->deferred[uplink->deferred_count++] = slot;
}

static void run_deferred(struct uplink *uplink)
{
    for (uint32_t i = 0; i < uplink->deferred_count; i++) {
        struct edge_session *session = groups_current(&uplink->groups, uplink->deferred[i]);
        assert(session != NULL && "a deferred end keeps its session");
        retire(uplink, session);
    }
    uplink->deferred_count = 0;
}

void uplink_closed(struct uplink *uplink, uint32_t slot, uint16_t code, bool clean,
                   struct bytes reason)
{
    struct edge_session *session = groups_current(&uplink->groups, slot);
    assert(session != NULL && "only open connections end");
    if (!session->orphan) {
        buf_clear(&uplink->scratch);
        plane_closed_write(&(struct plane_closed){.code = code, .clean = clean, .reason = reason},
                           &uplink->scratch);
        add_up(uplink, OP_CLOSED, session, buf_bytes(&uplink->scratch));
    }
    session->left = true;
    if (uplink->in_receive) {
        defer_retirement(uplink, slot); /* member arrays are being walked */
    } else {
        retire(uplink, session);
    }
}

/* Closed sessions that the router has finished are forgotten. */
static void forget_finished(struct uplink *uplink)
{
    while (uplink->closed_first != NULL && uplink->closed_first->closed_tag != 0 &&
           uplink->closed_first->closed_tag <= uplink->link.acked_tag) {
        struct edge_session *session = uplink->closed_first;
        uplink->closed_first = session->groups->next;
        if (uplink->closed_first == NULL) {
            uplink->closed_last = NULL;
        }
        groups_forget(&uplink->groups, session);
    }
}

/* Moves the up-batch into the link's queue under the next tag. */
static void seal_batch(struct uplink *uplink)
{
    size_t len = 0;
    uint8_t *body = plane_builder_take(&uplink->up, &len);
    uint64_t tag = ++uplink->tag;
    link_push(&uplink->link, body, len, tag);
    for (struct edge_session *at = uplink->unsealed; at != NULL; at = at->groups->next) {
        at->closed_tag = tag;
    }
    uplink->unsealed = NULL;
}

static bool transmit(struct uplink *uplink, struct bytes header, struct bytes body)
{
    return uplink->callbacks.transmit(uplink->owner, header, body) == STATUS_OK;
}

bool uplink_speak(struct uplink *uplink, uint64_t now_ms)
{
    uint8_t header[PLANE_HEADER_MAX];
    size_t len =
        plane_ack_write(header, link_sent_seq(&uplink->link), link_control_ack(&uplink->link));
    if (!transmit(uplink, bytes_of(header, len), BYTES_EMPTY)) {
        return false;
    }
    link_spoke(&uplink->link, now_ms);
    return true;
}

/* The link is lost: a fresh socket, then hello. Done from tick and flush, never from receive. */
static void want_reconnect(struct uplink *uplink, uint64_t hello_at)
{
    uplink->reconnect = true;
    uplink->hello_at = hello_at;
    uplink->hello_sent = false;
}

static void lose_link(struct uplink *uplink, uint64_t now_ms)
{
    link_break(&uplink->link, LINK_DOWN);
    want_reconnect(uplink, now_ms);
    set_state(uplink, UPLINK_DOWN, now_ms);
}

static void pump(struct uplink *uplink, uint64_t now_ms)
{
    uint64_t seq = 0;
    uint64_t ack = 0;
    struct bytes body;
    while (link_next(&uplink->link, &seq, &ack, &body)) {
        uint8_t header[PLANE_HEADER_MAX];
        size_t len = plane_header_write(header, seq, ack);
        if (!transmit(uplink, bytes_of(header, len), body)) {
            return; /* tried again at the next turn or heartbeat */
        }
        link_sent(&uplink->link, now_ms);
    }
}

void uplink_flush(struct uplink *uplink, uint64_t now_ms)
{
    if (uplink->reconnect) {
        uplink->reconnect = false;
        uplink->callbacks.reconnect(uplink->owner);
    }
    bool up = uplink->state == UPLINK_UP;
    bool clear = up && uplink->link.sent_count == uplink->link.queue.count;
    if (uplink->up.count != 0 && (clear || plane_builder_bytes(&uplink->up) >= BATCH_BYTES_MAX)) {
        seal_batch(uplink);
    }
    if (up) {
        pump(uplink, now_ms);
    }
}

/* ---- hello ---- */

static void send_hello(struct uplink *uplink, uint64_t now_ms)
{
    if (uplink->hello_sent) { /* no answer in time */
        uplink->hello_sent = false;
        uplink->callbacks.reconnect(uplink->owner);
        uplink->hello_at = now_ms + HELLO_RETRY_MS;
        return;
    }
    buf_clear(&uplink->scratch);
    plane_hello_write(
        &(struct plane_greeting){
            .version = PLANE_VERSION,
            .id = uplink->config.edge_id,
            .edge_incarnation = uplink->incarnation,
            .router_incarnation = uplink->router_incarnation,
            .received = uplink->link.received,
            .credit = uplink->config.credit_bytes,
            .attempt = ++uplink->attempt,
            .clock_ms = now_ms,
            .features = PLANE_FEATURE_DIGEST | PLANE_FEATURE_DONE | PLANE_FEATURE_BANS |
                        PLANE_FEATURE_ROSTER | PLANE_FEATURE_SPENT |
                        (uplink->callbacks.drain != NULL ? PLANE_FEATURE_DRAIN : 0) |
                        (uplink->callbacks.conn_state != NULL ? PLANE_FEATURE_REPORTS : 0) |
                        (uplink->config.canary_ms != 0 ? PLANE_FEATURE_CANARY : 0)},
        &uplink->scratch);
    if (transmit(uplink, buf_bytes(&uplink->scratch), BYTES_EMPTY)) {
        uplink->hello_sent = true;
        uplink->hello_at = now_ms + uplink->welcome_wait_ms;
        uplink->welcome_wait_ms *= 2;
        if (uplink->welcome_wait_ms > WELCOME_WAIT_MAX_MS) {
            uplink->welcome_wait_ms = WELCOME_WAIT_MAX_MS;
        }
    } else {
        uplink->hello_at = now_ms + HELLO_RETRY_MS;
    }
}

static void start_fresh(struct uplink *uplink, uint64_t window, uint64_t now_ms)
{
    struct link_queue old;
    link_start_fresh(&uplink->link, window, now_ms, &old);
    uplink_answers_leave_out(uplink, &old);
    groups_unbind_all(&uplink->groups);
    uplink_announce(uplink);
    uplink_repair_restart(uplink);
    struct link_entry entry;
    while (link_queue_pop(&old, &entry)) {
        if (entry.tag == 0) { /* an older announce */
            mem_free(entry.body);
        } else {
            link_push(&uplink->link, entry.body, entry.len, entry.tag);
        }
    }
    link_queue_fini(&old);
    uplink->stats.fresh_sessions++;
}

static bool timing_plausible(const struct plane_greeting *welcome)
{
    return welcome->heartbeat_ms >= 10 && welcome->suspect_ms >= welcome->heartbeat_ms &&
           welcome->dead_ms >= welcome->suspect_ms && welcome->dead_ms <= 3600000;
}

static void receive_welcome(struct uplink *uplink, const struct plane_greeting *welcome,
                            uint64_t now_ms)
{
    if (uplink->state == UPLINK_UP || !uplink->hello_sent) {
        return; /* the answer to a hello that was repeated meanwhile */
    }
    if (welcome->version != PLANE_VERSION || !timing_plausible(welcome) || welcome->credit == 0) {
        uplink->stats.bad_frames++;
        uplink->callbacks.refused(uplink->owner, BYTES_LIT("the router's welcome is not one"));
        want_reconnect(uplink, now_ms + REFUSED_WAIT_MS);
        return;
    }
    uplink->link.timing = (struct link_timing){.heartbeat_ms = welcome->heartbeat_ms,
                                               .suspect_ms = welcome->suspect_ms,
                                               .dead_ms = welcome->dead_ms};
    bool resumed = welcome->resumed && welcome->router_incarnation == uplink->router_incarnation;
    if (resumed && link_resume(&uplink->link, welcome->credit, welcome->received, now_ms)) {
        uplink->stats.resumes++;
        uplink_repair_resumed(uplink);
    } else if (resumed) {
        uplink->stats.bad_frames++;
        uplink->router_incarnation = 0; /* ask for a fresh start */
        want_reconnect(uplink, now_ms);
        return;
    } else {
        uplink->router_incarnation = welcome->router_incarnation;
        start_fresh(uplink, welcome->credit, now_ms);
        uplink_canary_start(uplink, (welcome->features & PLANE_FEATURE_CANARY) != 0, now_ms);
    }
    uplink->hello_sent = false;
    uplink->welcome_wait_ms = WELCOME_WAIT_MIN_MS;
    if (welcome->ticket_keys.len != 0) {
        uplink_ticket_keys(uplink, welcome->ticket_keys);
    }
    set_state(uplink, UPLINK_UP, now_ms);
}

/* The router gave our connections away: their sessions mean nothing any more. */
static void become_new(struct uplink *uplink, uint64_t now_ms)
{
    while (uplink->closed_first != NULL) {
        struct edge_session *session = uplink->closed_first;
        uplink->closed_first = session->groups->next;
        groups_forget(&uplink->groups, session);
    }
    uplink->closed_last = NULL;
    uplink->unsealed = NULL;
    for (uint32_t slot = 0; slot < uplink->groups.session_capacity; slot++) {
        struct edge_session *session = groups_current(&uplink->groups, slot);
        if (session == NULL) {
            continue;
        }
        uint32_t gen = session->gen;
        groups_forget(&uplink->groups, session);
        groups_open(&uplink->groups, slot, gen)->orphan = true;
    }
    uplink_answers_fini(&uplink->answers);
    uplink_canary_lost(uplink);
    struct link_timing timing = uplink->link.timing;
    link_fini(&uplink->link);
    link_init(&uplink->link, &timing, uplink->config.credit_bytes, now_ms);
    plane_builder_fini(&uplink->up);
    uplink->router_incarnation = 0;
    uplink->others = 0; /* nothing of the former time is announced */
    draw_incarnation(uplink);
    want_reconnect(uplink, now_ms);
    set_state(uplink, UPLINK_DOWN, now_ms);
    uplink->callbacks.fenced(uplink->owner);
}

static void receive_refusal(struct uplink *uplink, const struct plane_frame *frame, uint64_t now_ms)
{
    if (uplink->state == UPLINK_UP || !uplink->hello_sent) {
        return; /* we asked nothing */
    }
    switch (frame->refusal) {
    case PLANE_REFUSE_FENCED:
        become_new(uplink, now_ms);
        return;
    case PLANE_REFUSE_LIMIT:
        uplink->callbacks.refused(uplink->owner, frame->text);
        want_reconnect(uplink, now_ms + LIMIT_WAIT_MS);
        return;
    case PLANE_REFUSE_VERSION:
    case PLANE_REFUSE_BAD_HELLO:
    case PLANE_REFUSE_UNKNOWN:
        break;
    }
    uplink->callbacks.refused(uplink->owner, frame->text);
    want_reconnect(uplink, now_ms + REFUSED_WAIT_MS);
}

/* ---- frames from the router ---- */

static void receive_link_frame(struct uplink *uplink, const struct plane_frame *frame, size_t len,
                               uint64_t now_ms)
{
    if (uplink->state != UPLINK_UP) {
        return; /* of a link that we gave up */
    }
    switch (link_receive(&uplink->link, frame->seq, frame->sent, frame->ack, len, now_ms)) {
    case LINK_FRAME_NEW:
        uplink_down_batch(uplink, &frame->batch);
        link_finish(&uplink->link, frame->seq);
        break;
    case LINK_FRAME_CONTROL:
    case LINK_FRAME_REPEATED:
        break;
    case LINK_FRAME_HOLE:
        uplink->stats.holes++;
        lose_link(uplink, now_ms);
        return;
    case LINK_FRAME_IMPOSSIBLE:
        uplink->stats.bad_frames++;
        lose_link(uplink, now_ms);
        return;
    }
    forget_finished(uplink);
    uplink_answers_forget(uplink);
}

static void receive_frame(struct uplink *uplink, const struct plane_frame *frame, size_t len,
                          uint64_t now_ms)
{
    switch (frame->kind) {
    case PLANE_FRAME_DATA:
    case PLANE_FRAME_ACK:
        receive_link_frame(uplink, frame, len, now_ms);
        return;
    case PLANE_FRAME_WELCOME:
        receive_welcome(uplink, &frame->greeting, now_ms);
        return;
    case PLANE_FRAME_REFUSE:
        receive_refusal(uplink, frame, now_ms);
        return;
    case PLANE_FRAME_HOLD:
        receive_link_frame(uplink, frame, len, now_ms);
        if (uplink->state == UPLINK_UP) {
            lose_link(uplink, now_ms);
        }
        return;
    case PLANE_FRAME_RESET:
        if (uplink->state == UPLINK_UP) {
            lose_link(uplink, now_ms);
        }
        return;
    case PLANE_FRAME_HELLO:
        break;
    }
    uplink->stats.bad_frames++;
}

void uplink_receive(struct uplink *uplink, struct bytes message, uint64_t now_ms)
{
    struct plane_frame frame;
    arena_reset(&uplink->arena);
    if (!plane_frame_read(&uplink->arena, message, &frame)) {
        uplink->stats.bad_frames++;
        return;
    }
    uplink->now_ms = now_ms;
    uplink->in_receive = true;
    receive_frame(uplink, &frame, message.len, now_ms);
    uplink->in_receive = false;
    run_deferred(uplink);
}

/* ---- time ---- */

void uplink_tick(struct uplink *uplink, uint64_t now_ms)
{
    if (uplink->reconnect) {
        uplink->reconnect = false;
        uplink->callbacks.reconnect(uplink->owner);
    }
    if (uplink->state == UPLINK_DOWN) {
        if (now_ms >= uplink->hello_at) {
            send_hello(uplink, now_ms);
        }
        return;
    }
    enum link_tick tick = link_tick(&uplink->link, now_ms);
    if (tick == LINK_TICK_SUSPECT) {
        tick = link_tick(&uplink->link, now_ms);
    }
    bool gone = tick == LINK_TICK_DEAD;
    if (tick == LINK_TICK_SPEAK) {
        gone = !uplink_speak(uplink, now_ms); /* the transport has no router any more */
    }
    if (gone) {
        lose_link(uplink, now_ms);
        return;
    }
    uplink_canary_tick(uplink, now_ms);
    uplink->now_ms = now_ms;
    uplink->in_receive = true; /* it gives to members, who may end */
    uplink_repair_tick(uplink);
    uplink->in_receive = false;
    run_deferred(uplink);
}

uint64_t uplink_deadline(const struct uplink *uplink)
{
    if (uplink->state == UPLINK_DOWN) {
        return uplink->hello_at;
    }
    uint64_t due = link_deadline(&uplink->link);
    uint64_t canary = uplink_canary_deadline(uplink);
    uint64_t repair = uplink->groups.holes.due_ms;
    due = canary < due ? canary : due;
    return repair < due ? repair : due;
}

/* ---- questions ---- */

enum uplink_state uplink_state(const struct uplink *uplink)
{
    return uplink->state;
}

uint64_t uplink_state_since(const struct uplink *uplink)
{
    return uplink->state_since;
}

bool uplink_congested(const struct uplink *uplink)
{
    return uplink->state == UPLINK_UP && held_bytes(uplink) >= uplink->link.window;
}

void uplink_drain(struct uplink *uplink, uint64_t delay_ms)
{
    uplink->draining = true;
    uplink->drain_delay_ms = delay_ms;
    plane_builder_add(&uplink->up, &(struct plane_op){.kind = OP_DRAINING, .a = delay_ms});
}

void uplink_goodbye(struct uplink *uplink)
{
    plane_builder_add(&uplink->up, &(struct plane_op){.kind = OP_GOODBYE});
}

bool uplink_idle(const struct uplink *uplink)
{
    return held_bytes(uplink) == 0;
}

void uplink_stats(const struct uplink *uplink, struct uplink_stats *ret_stats)
{
    *ret_stats = uplink->stats;
    ret_stats->held_bytes = held_bytes(uplink);
    ret_stats->held_frames = uplink->link.queue.count;
    ret_stats->held_back_bytes = uplink->groups.holes.bytes;
    ret_stats->lagging = uplink->groups.lags.table.count;
    ret_stats->groups = uplink->groups.table.count;
    ret_stats->bans = (uint32_t)uplink->bans.nets.by_net.count;
    ret_stats->memory_bytes = uplink->groups.memory_bytes + uplink->groups.holes.bytes;
    ret_stats->router_incarnation = uplink->router_incarnation;
}
