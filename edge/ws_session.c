/* One handler per decoder state; each takes what it can from the input and says how to go on.
 *
 * Frame state (opcode, mask, bytes left) and message state (opcode, fragments, UTF-8) are apart,
 * because control frames come between fragments (RFC 6455 section 5.4). What becomes of the payload
 * of data frames is in ws_message.c. */
#include "edge/ws_session.h"

#include "common/mem.h"
#include "edge/ws_frame.h"
#include "edge/ws_message.h"

#include <assert.h>
#include <string.h>

enum state {
    STATE_OPCODE,  /* the first header byte */
    STATE_LENGTH,  /* the second */
    STATE_REST,    /* extended length and mask */
    STATE_DATA,    /* payload of a data frame */
    STATE_CONTROL, /* payload of a control frame */
    STATE_DISCARD, /* failed, or the peer's close frame came: nothing more is read */
    STATE_COUNT
};

enum step { STEP_MORE, STEP_ON, STEP_EVENT };

enum {
    FINAL_BIT = 0x80,
    RESERVED_BITS = 0x70,
    DEFLATED_BIT = 0x40, /* RSV1: RFC 7692 section 6 */
    OPCODE_BITS = 0x0F,
    CONTROL_BIT = 0x08,
    MASKED_BIT = 0x80,
    LENGTH_BITS = 0x7F,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    MASK_LEN = 4,
    CLOSE_NO_CODE = 1005
};

struct input {
    uint8_t *data;
    size_t len;
};

static uint8_t *take(struct input *in, size_t len)
{
    uint8_t *start = in->data;
    if (len != 0) {
        in->data += len;
        in->len -= len;
    }
    return start;
}

static enum step fail(struct ws_session *session, enum ws_reason reason, struct ws_event *ret_event)
{
    ws_message_drop(session);
    session->part->state = STATE_DISCARD;
    *ret_event = (struct ws_event){.kind = WS_EVENT_FAIL, .reason = reason};
    return STEP_EVENT;
}

static bool is_control(uint8_t opcode)
{
    return (opcode & CONTROL_BIT) != 0;
}

/* RFC 6455 section 5.2: a reserved bit is 0 unless an extension that was negotiated gives it a
 * meaning. RFC 7692 section 6.1: RSV1 is for the first frame of a message, so never on a
 * continuation or a control frame. */
static bool may_reserve(const struct ws_session *session, uint8_t first)
{
    uint8_t reserved = first & RESERVED_BITS;
    uint8_t opcode = first & OPCODE_BITS;
    bool starts_message = opcode == WS_OP_TEXT || opcode == WS_OP_BINARY;
    return reserved == 0 || (reserved == DEFLATED_BIT && session->deflate && starts_message);
}

/* True when a frame that starts with this byte may come now. */
static bool may_begin(const struct ws_session *session, uint8_t first)
{
    bool in_message = session->part->message_opcode != 0;
    if (!may_reserve(session, first)) {
        return false;
    }
    switch (first & OPCODE_BITS) {
    case WS_OP_CONTINUATION:
        return in_message; /* section 5.4 */
    case WS_OP_TEXT:
    case WS_OP_BINARY:
        return !in_message; /* section 5.4: fragments of two messages are not interleaved */
    case WS_OP_CLOSE:
    case WS_OP_PING:
    case WS_OP_PONG:
        return (first & FINAL_BIT) != 0; /* section 5.5: control frames are not fragmented */
    default:
        return false; /* section 5.2: unknown opcode */
    }
}

static enum step on_opcode(struct ws_session *session, const struct ws_limits *limits,
                           struct input *in, struct ws_event *ret_event)
{
    (void)limits;
    if (in->len == 0) {
        return STEP_MORE;
    }
    uint8_t first = *take(in, 1);
    if (!may_begin(session, first)) {
        return fail(session, WS_REASON_PROTOCOL, ret_event);
    }
    session->part->frame_final = (first & FINAL_BIT) != 0;
    session->part->frame_opcode = first & OPCODE_BITS;
    session->part->header[0] = first;
    session->part->header_len = 1;
    session->part->state = STATE_LENGTH;
    return STEP_ON;
}

static enum step on_length(struct ws_session *session, const struct ws_limits *limits,
                           struct input *in, struct ws_event *ret_event)
{
    (void)limits;
    if (in->len == 0) {
        return STEP_MORE;
    }
    uint8_t second = *take(in, 1);
    if ((second & MASKED_BIT) == 0) {
        return fail(session, WS_REASON_PROTOCOL, ret_event); /* section 5.1: clients must mask */
    }
    if (is_control(session->part->frame_opcode) &&
        (second & LENGTH_BITS) > WS_CONTROL_PAYLOAD_MAX) {
        return fail(session, WS_REASON_PROTOCOL, ret_event); /* section 5.5 */
    }
    session->part->header[1] = second;
    session->part->header_len = 2;
    session->part->state = STATE_REST;
    return STEP_ON;
}

/* Bytes of the extended length that the second header byte announces. */
static size_t extended_len(uint8_t second)
{
    switch (second & LENGTH_BITS) {
    case LENGTH_16:
        return 2;
    case LENGTH_64:
        return 8;
    default:
        return 0;
    }
}

/* Section 5.2: the most significant bit of the 64-bit form is 0, and "the minimal number of bytes
 * MUST be used to encode the length". */
static bool payload_len(const uint8_t *header, uint64_t *ret_len)
{
    size_t extended = extended_len(header[1]);
    uint64_t len = 0;
    for (size_t i = 0; i < extended; i++) {
        len = len << 8 | header[2 + i];
    }
    if (extended == 0) {
        *ret_len = header[1] & LENGTH_BITS;
        return true;
    }
    if (len < LENGTH_16 || (extended == 8 && (len <= UINT16_MAX || len >> 63 != 0))) {
        return false;
    }
    *ret_len = len;
    return true;
}

/* True when `len` more payload bytes fit. How far a compressed message inflates is seen later; but
 * even blocks that hold nothing may not go on for ever. */
static bool fits(const struct ws_session *session, const struct ws_limits *limits, uint64_t len)
{
    enum { DEFLATED_SPARE = 1024 };
    uint64_t max = limits->message_bytes_max;
    uint64_t have = session->part->message == NULL ? 0 : session->part->message->len;
    if (session->part->message_deflated) {
        max = max > UINT64_MAX / 4 ? max : max * 2 + DEFLATED_SPARE;
        have = session->inflater == NULL ? 0 : ws_inflater_fed(session->inflater);
    }
    return have <= max && len <= max - have;
}

/* Counts a data frame into its message. False when the limits forbid it: known from the header,
 * before any payload is held. */
static bool admit(struct ws_session *session, const struct ws_limits *limits, uint8_t first,
                  uint64_t len)
{
    if (session->part->frame_opcode != WS_OP_CONTINUATION) {
        session->part->message_opcode = session->part->frame_opcode;
        session->part->message_deflated = (first & DEFLATED_BIT) != 0;
        session->part->fragments = 0;
        session->part->utf8 = (struct ws_utf8){0};
    }
    if (session->close_sent) {
        return true; /* passes by without being held */
    }
    session->part->fragments++;
    return fits(session, limits, len) &&
           (limits->fragments_max == 0 || session->part->fragments <= limits->fragments_max);
}

static enum step on_rest(struct ws_session *session, const struct ws_limits *limits,
                         struct input *in, struct ws_event *ret_event)
{
    size_t whole = 2 + extended_len(session->part->header[1]) + MASK_LEN;
    size_t missing = whole - session->part->header_len;
    size_t len = missing < in->len ? missing : in->len;
    if (len != 0) {
        memcpy(session->part->header + session->part->header_len, take(in, len), len);
        session->part->header_len = (uint8_t)(session->part->header_len + len);
    }
    if (session->part->header_len < whole) {
        return STEP_MORE;
    }
    uint64_t payload = 0;
    if (!payload_len(session->part->header, &payload)) {
        return fail(session, WS_REASON_PROTOCOL, ret_event);
    }
    uint8_t first = session->part->header[0];
    uint8_t mask[MASK_LEN];
    memcpy(mask, session->part->header + whole - MASK_LEN, MASK_LEN);
    memcpy(session->part->mask, mask, MASK_LEN); /* over the header */
    session->part->frames++;
    session->part->frame_left = payload;
    session->part->phase = 0;
    session->part->control_len = 0;
    if (is_control(session->part->frame_opcode)) {
        session->part->state = STATE_CONTROL;
        return STEP_ON;
    }
    if (!admit(session, limits, first, payload)) {
        return fail(session, WS_REASON_TOO_BIG, ret_event);
    }
    session->part->state = STATE_DATA;
    return STEP_ON;
}

/* The current data frame is at its end; `part` is the whole message when nothing was collected. */
static enum step end_data(struct ws_session *session, const struct ws_limits *limits,
                          struct bytes part, struct ws_event *ret_event)
{
    enum ws_reason reason = WS_REASON_PROTOCOL;
    session->part->state = STATE_OPCODE;
    if (!session->part->frame_final) {
        return STEP_ON;
    }
    if (session->close_sent) {
        session->part->message_opcode = 0;
        return STEP_ON;
    }
    if (!ws_message_end(session, limits, part, ret_event, &reason)) {
        return fail(session, reason, ret_event);
    }
    return STEP_EVENT;
}

static enum step on_data(struct ws_session *session, const struct ws_limits *limits,
                         struct input *in, struct ws_event *ret_event)
{
    enum ws_reason reason = WS_REASON_PROTOCOL;
    size_t len = session->part->frame_left < in->len ? (size_t)session->part->frame_left : in->len;
    uint8_t *start = take(in, len);
    session->part->frame_left -= len;
    if (!session->close_sent && !ws_message_take(session, limits, start, len, &reason)) {
        return fail(session, reason, ret_event);
    }
    return session->part->frame_left != 0
               ? STEP_MORE
               : end_data(session, limits, bytes_of(start, len), ret_event);
}

/* Section 7.4: codes that may stand in a close frame. 1004 to 1006 and 1015 never do; 1016 to 2999
 * are not assigned. */
static bool is_close_code(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static enum step end_close(struct ws_session *session, struct bytes payload,
                           struct ws_event *ret_event)
{
    uint16_t code = CLOSE_NO_CODE;
    if (payload.len == 1) {
        return fail(session, WS_REASON_PROTOCOL, ret_event); /* section 5.5.1: a 2-byte code */
    }
    if (payload.len >= 2) {
        code = (uint16_t)(payload.data[0] << 8 | payload.data[1]);
        if (!is_close_code(code)) {
            return fail(session, WS_REASON_PROTOCOL, ret_event);
        }
    }
    struct bytes text = bytes_slice(payload, 2, payload.len);
    if (!ws_utf8_valid(text)) {
        return fail(session, WS_REASON_BAD_UTF8, ret_event); /* sections 5.5.1, 8.1 */
    }
    ws_message_drop(session);
    session->close_received = true;
    session->part->state = STATE_DISCARD; /* section 1.4: data after the close frame is discarded */
    *ret_event = (struct ws_event){.kind = WS_EVENT_CLOSE, .close_code = code, .data = text};
    return STEP_EVENT;
}

static enum step end_control(struct ws_session *session, struct bytes payload,
                             struct ws_event *ret_event)
{
    if (session->part->frame_opcode == WS_OP_CLOSE) {
        return end_close(session, payload, ret_event);
    }
    session->part->state = STATE_OPCODE;
    *ret_event = (struct ws_event){
        .kind = session->part->frame_opcode == WS_OP_PING ? WS_EVENT_PING : WS_EVENT_PONG,
        .data = payload};
    return STEP_EVENT;
}

static enum step on_control(struct ws_session *session, const struct ws_limits *limits,
                            struct input *in, struct ws_event *ret_event)
{
    (void)limits;
    size_t left = (size_t)session->part->frame_left;
    uint8_t *payload = NULL;
    if (session->part->control_len == 0 && in->len >= left) {
        payload = take(in, left);
        session->part->control_len = (uint8_t)left;
    } else {
        size_t len = left < in->len ? left : in->len;
        if (len != 0) {
            if (session->part->control == NULL) {
                session->part->control = mem_new(WS_CONTROL_PAYLOAD_MAX, 1);
            }
            memcpy(session->part->control + session->part->control_len, take(in, len), len);
            session->part->control_len = (uint8_t)(session->part->control_len + len);
            session->part->frame_left -= len;
        }
        if (len < left) {
            return STEP_MORE;
        }
        payload = session->part->control;
    }
    session->part->frame_left = 0;
    ws_frame_unmask(payload, session->part->control_len, session->part->mask, 0);
    return end_control(session, bytes_of(payload, session->part->control_len), ret_event);
}

static enum step on_discard(struct ws_session *session, const struct ws_limits *limits,
                            struct input *in, struct ws_event *ret_event)
{
    (void)session;
    (void)limits;
    (void)ret_event;
    take(in, in->len);
    return STEP_MORE;
}

typedef enum step state_handler(struct ws_session *session, const struct ws_limits *limits,
                                struct input *in, struct ws_event *ret_event);

static state_handler *const handlers[] = {
    [STATE_OPCODE] = on_opcode, [STATE_LENGTH] = on_length,   [STATE_REST] = on_rest,
    [STATE_DATA] = on_data,     [STATE_CONTROL] = on_control, [STATE_DISCARD] = on_discard,
};
_Static_assert(sizeof(handlers) / sizeof(handlers[0]) == STATE_COUNT, "one handler per state");

void ws_session_init(struct ws_session *session)
{
    memset(session, 0, sizeof(*session));
}

void ws_session_enable_deflate(struct ws_session *session, uint8_t context_bits)
{
    session->deflate = true;
    session->context_bits = context_bits;
}

static void drop_control(struct ws_session *session)
{
    mem_free(session->part->control);
    session->part->control = NULL;
}

/* Nothing is begun: the next byte starts a frame, and a message unless it is a control frame. */
static bool is_resting(const struct ws_part *part)
{
    return part->state == STATE_OPCODE && part->message_opcode == 0 && part->message == NULL &&
           part->control == NULL;
}

void ws_session_fini(struct ws_session *session)
{
    ws_inflater_give(&session->inflater);
    if (session->part != NULL) {
        ws_message_forget(session);
        drop_control(session);
        mem_free(session->part);
        session->part = NULL;
    }
}

static struct ws_event receive(struct ws_session *session, const struct ws_limits *limits,
                               uint8_t **data, size_t *len)
{
    if (session->part->message_opcode == 0) {
        ws_message_forget(session); /* the one given out by the call before */
    }
    if (session->part->state != STATE_CONTROL) {
        drop_control(session);
    }
    struct input in = {*data, *len};
    struct ws_event event = {.kind = WS_EVENT_NONE};
    enum step step = STEP_ON;
    while (step == STEP_ON) {
        step = handlers[session->part->state](session, limits, &in, &event);
    }
    *data = in.data;
    *len = in.len;
    event.frames = session->part->frames;
    event.inflated = session->part->inflated;
    session->part->frames = 0;
    session->part->inflated = 0;
    return event;
}

/* Frames that come whole, which is nearly all, need no memory: their part lives on the stack. */
struct ws_event ws_session_receive(struct ws_session *session, const struct ws_limits *limits,
                                   uint8_t **data, size_t *len)
{
    struct ws_part fresh = {.state = STATE_OPCODE};
    struct ws_part *kept = session->part;
    session->part = kept == NULL ? &fresh : kept;
    struct ws_event event = receive(session, limits, data, len);
    if (is_resting(session->part)) {
        mem_free(kept);
        session->part = NULL;
    } else if (kept == NULL) {
        session->part = mem_new(1, sizeof(*session->part));
        *session->part = fresh;
    }
    return event;
}

/* The longest beginning of `text` that fits behind the code and does not cut a character. */
static struct bytes close_text(struct bytes text)
{
    size_t len = WS_CONTROL_PAYLOAD_MAX - 2;
    if (text.len <= len) {
        return text;
    }
    while (len != 0 && (text.data[len] & 0xC0) == 0x80) {
        len--;
    }
    return bytes_slice(text, 0, len);
}

void ws_session_close(struct ws_session *session, uint16_t code, struct bytes text, struct buf *out)
{
    if (session->close_sent) {
        return;
    }
    session->close_sent = true;
    if (session->part != NULL && session->part->message_opcode != 0) {
        ws_message_forget(session); /* it will not be wanted any more */
    }
    ws_inflater_give(&session->inflater);
    struct bytes body = is_close_code(code) ? close_text(text) : BYTES_EMPTY;
    size_t payload = is_close_code(code) ? 2 + body.len : 0;
    uint8_t header[WS_FRAME_HEADER_MAX];
    buf_append(out, bytes_of(header, ws_frame_header(header, WS_OP_CLOSE, payload)));
    if (payload != 0) {
        buf_append_byte(out, (uint8_t)(code >> 8));
        buf_append_byte(out, (uint8_t)(code & 0xFF));
        buf_append(out, body);
    }
}

bool ws_session_close_sent(const struct ws_session *session)
{
    return session->close_sent;
}

bool ws_session_closed(const struct ws_session *session)
{
    return session->close_sent && session->close_received;
}

size_t ws_session_held(const struct ws_session *session)
{
    const struct buf *message = session->part == NULL ? NULL : session->part->message;
    bool lent = session->inflater != NULL && session->context_bits == 0;
    return (message == NULL ? 0 : sizeof(*message) + message->capacity) +
           (lent ? ws_inflater_held(session->inflater) : 0);
}
