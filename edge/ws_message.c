/* Invariants: `message` exists only while bytes of an incomplete message are held, or, just after a
 * MESSAGE event, until the next call; its maximum is what the headers seen so far have announced,
 * which the limit was checked against, or the limit while more fragments may come, but its capacity
 * follows the bytes that came, by doubling: each fragment must not move all before it.
 *
 * A compressed message (RFC 7692) is inflated as it comes: what is collected, checked and limited
 * is its text, so neither a bomb nor bad UTF-8 has to be complete to be seen. */
#include "edge/ws_message.h"

#include "common/mem.h"
#include "edge/ws_frame.h"

#include <assert.h>

void ws_message_forget(struct ws_session *session)
{
    if (session->part->message != NULL) {
        buf_fini(session->part->message);
        mem_free(session->part->message);
        session->part->message = NULL;
    }
}

void ws_message_drop(struct ws_session *session)
{
    ws_message_forget(session);
    ws_inflater_give(&session->inflater);
}

/* Adds to the collected bytes; `more` may follow. */
static void collect(struct ws_session *session, struct bytes part, uint64_t more)
{
    if (part.len == 0) {
        return;
    }
    if (session->part->message == NULL) {
        session->part->message = mem_new(1, sizeof(*session->part->message));
        buf_init(session->part->message, 0);
    }
    session->part->message->max = session->part->message->len + part.len + (size_t)more;
    buf_append(session->part->message, part);
    assert(buf_ok(session->part->message)); /* the maximum was just made to fit */
}

/* What may come of this message behind a part that ends at `end`, when `frame_left` is announced.
 */
static uint64_t more_to_come(const struct ws_session *session, const struct ws_limits *limits,
                             uint64_t end)
{
    uint64_t room = limits->message_bytes_max > end ? limits->message_bytes_max - end : 0;
    bool announced = session->part->frame_final || room < session->part->frame_left;
    return announced ? session->part->frame_left : room;
}

static bool text_goes_on(struct ws_session *session, struct bytes part)
{
    return session->part->message_opcode != WS_OP_TEXT || ws_utf8_feed(&session->part->utf8, part);
}

/* Takes what the inflater has to give. False, with the reason, when that ends the connection. */
static bool inflate_fed(struct ws_session *session, const struct ws_limits *limits,
                        enum ws_reason *ret_reason)
{
    for (;;) {
        uint64_t have = session->part->message == NULL ? 0 : session->part->message->len;
        struct bytes chunk = BYTES_EMPTY;
        if (!ws_inflater_read(session->inflater, &chunk)) {
            *ret_reason = WS_REASON_BAD_DEFLATE;
            return false;
        }
        if (chunk.len == 0) {
            return true;
        }
        uint64_t room = limits->message_bytes_max > have ? limits->message_bytes_max - have : 0;
        struct bytes part = bytes_slice(chunk, 0, room < chunk.len ? (size_t)room : chunk.len);
        session->part->inflated += (uint32_t)part.len;
        if (!text_goes_on(session, part)) {
            *ret_reason = WS_REASON_BAD_UTF8; /* section 8.1, at once */
            return false;
        }
        if (part.len < chunk.len) {
            *ret_reason = WS_REASON_TOO_BIG;
            return false;
        }
        collect(session, part, room - part.len);
    }
}

static bool inflate_part(struct ws_session *session, const struct ws_limits *limits,
                         struct bytes part, enum ws_reason *ret_reason)
{
    assert(limits->inflaters != NULL && "deflate was enabled without a pool");
    if (session->inflater == NULL) {
        session->inflater = session->context_bits == 0
                                ? ws_inflater_take(limits->inflaters, session)
                                : ws_inflater_keep(limits->inflaters, session->context_bits);
    }
    ws_inflater_feed(session->inflater, part);
    return inflate_fed(session, limits, ret_reason);
}

static bool inflate_end(struct ws_session *session, const struct ws_limits *limits,
                        enum ws_reason *ret_reason)
{
    ws_inflater_feed_end(session->inflater);
    if (!inflate_fed(session, limits, ret_reason)) {
        return false;
    }
    *ret_reason = WS_REASON_BAD_DEFLATE;
    return ws_inflater_complete(session->inflater);
}

static void leave_message(struct ws_session *session)
{
    if (session->context_bits == 0) {
        ws_inflater_give(&session->inflater);
    } else {
        ws_inflater_next_message(session->inflater);
    }
}

bool ws_message_take(struct ws_session *session, const struct ws_limits *limits, uint8_t *data,
                     size_t len, enum ws_reason *ret_reason)
{
    struct bytes part = bytes_of(data, len);
    ws_frame_unmask(data, len, session->part->mask, session->part->phase);
    session->part->phase = (uint8_t)((session->part->phase + len) % sizeof(session->part->mask));
    if (session->part->message_deflated) {
        return inflate_part(session, limits, part, ret_reason);
    }
    if (!text_goes_on(session, part)) {
        *ret_reason = WS_REASON_BAD_UTF8; /* section 8.1, at once */
        return false;
    }
    bool in_place = session->part->message == NULL && session->part->frame_final &&
                    session->part->frame_left == 0;
    if (!in_place) {
        uint64_t have = session->part->message == NULL ? 0 : session->part->message->len;
        collect(session, part, more_to_come(session, limits, have + part.len));
    }
    return true;
}

bool ws_message_end(struct ws_session *session, const struct ws_limits *limits, struct bytes part,
                    struct ws_event *ret_event, enum ws_reason *ret_reason)
{
    uint64_t wire_bytes = 0;
    bool binary = session->part->message_opcode == WS_OP_BINARY;
    if (session->part->message_deflated) {
        if (!inflate_end(session, limits, ret_reason)) {
            return false;
        }
        wire_bytes = ws_inflater_fed(session->inflater);
        leave_message(session);
        part = BYTES_EMPTY;
    }
    if (!binary && !ws_utf8_complete(&session->part->utf8)) {
        *ret_reason = WS_REASON_BAD_UTF8; /* section 8.1 */
        return false;
    }
    struct bytes data = session->part->message == NULL ? part : buf_bytes(session->part->message);
    session->part->message_opcode = 0;
    *ret_event = (struct ws_event){.kind = WS_EVENT_MESSAGE,
                                   .binary = binary,
                                   .deflated = session->part->message_deflated,
                                   .wire_bytes = wire_bytes,
                                   .data = data};
    return true;
}
