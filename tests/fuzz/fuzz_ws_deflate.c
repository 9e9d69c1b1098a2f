/* A session with permessage-deflate, and an input that is a script of frames, so that what the
 * fuzzer changes lies behind a good header. Like fuzz_ws_session, and what a script compresses must
 * come out as it went in.
 * Input: seed of the pieces (4), message limit (1), close after (1; above 127: less 128, and with
 * the client's context takeover), then steps of three bytes and their data: kind (low four bits;
 * high: window bits), length, cut. */
#include "tests/fuzz/session_run.h"
#include "tests/support/fuzz.h"
#include "tests/support/ws_peer.h"

enum { PREFIX = 6, STEP_PREFIX = 3, LIMIT_UNIT = 64, REPEAT_MAX = 40 };

enum step_kind {
    STEP_DEFLATED_RAW,  /* the data is the compressed payload */
    STEP_DEFLATED_TEXT, /* the data is compressed first */
    STEP_DEFLATED_BINARY,
    STEP_BOMB, /* the data many times over, compressed */
    STEP_PLAIN_TEXT,
    STEP_PLAIN_BINARY,
    STEP_PING,
    STEP_CLOSE,
    STEP_WRONG_RSV,
    STEP_BYTES, /* the data as it is */
    STEP_KIND_COUNT
};

struct step {
    enum step_kind kind;
    unsigned bits;
    size_t cut;
    struct bytes data;
};

/* A message in two fragments, with a ping in between when the cut is odd. */
static void append_message(struct buf *out, unsigned opcode, bool deflated, struct bytes payload,
                           size_t cut)
{
    unsigned first = opcode | (deflated ? WS_PEER_RSV1 : 0);
    cut %= payload.len + 1;
    if (cut == 0) {
        ws_peer_frame(out, WS_PEER_FIN | first, payload);
        return;
    }
    ws_peer_frame(out, first, bytes_slice(payload, 0, cut));
    if (cut % 2 == 1) {
        ws_peer_frame(out, WS_PEER_FIN | WS_OP_PING, BYTES_LIT("between"));
    }
    ws_peer_frame(out, WS_PEER_FIN, bytes_slice(payload, cut, payload.len));
}

/* The client whose script it is. With a context its messages refer to each other. */
struct client {
    struct ws_deflaters *deflaters;
    struct ws_deflater *own; /* NULL: each message stands alone */
    struct ws_inflaters *pool;
    struct ws_session checker; /* what we compress inflates to the same */
};

static void client_init(struct client *client, struct ws_inflaters *pool, bool context)
{
    *client = (struct client){.deflaters = ws_deflaters_new(), .pool = pool};
    if (context) {
        client->own = ws_deflater_new(client->deflaters, WS_WINDOW_BITS_MAX);
    }
    ws_session_init(&client->checker);
    ws_session_enable_deflate(&client->checker, context ? WS_WINDOW_BITS_MAX : 0);
}

static void client_fini(struct client *client)
{
    ws_session_fini(&client->checker);
    ws_deflater_free(&client->own);
    ws_deflaters_free(&client->deflaters);
}

static bool client_pack(struct client *client, unsigned bits, struct bytes plain,
                        struct bytes *ret_packed)
{
    if (client->own == NULL) {
        return ws_deflate(client->deflaters, bits, plain, ret_packed);
    }
    if (plain.len != 0) {
        *ret_packed = ws_deflater_next(client->own, plain);
    }
    return plain.len != 0;
}

static void check_round_trip(struct client *client, struct bytes packed, struct bytes plain)
{
    /* What a context makes may be longer than the message. */
    const struct ws_limits limits = {.message_bytes_max = plain.len + packed.len,
                                     .inflaters = client->pool};
    struct buf input;
    buf_init(&input, 0);
    ws_peer_frame(&input, WS_PEER_FIN | WS_PEER_RSV1 | WS_OP_BINARY, packed);
    uint8_t *data = input.data;
    size_t len = input.len;
    struct ws_event event = ws_session_receive(&client->checker, &limits, &data, &len);
    assert(event.kind == WS_EVENT_MESSAGE && event.deflated && event.wire_bytes == packed.len);
    assert(bytes_equal(event.data, plain));
    buf_fini(&input);
}

static void append_deflated(struct buf *out, struct client *client, unsigned opcode,
                            const struct step *step, struct bytes plain)
{
    struct bytes packed = BYTES_EMPTY;
    if (client_pack(client, step->bits, plain, &packed)) {
        check_round_trip(client, packed, plain);
        append_message(out, opcode, true, packed, step->cut);
    } else {
        append_message(out, opcode, false, plain, step->cut);
    }
}

static void append_step(struct buf *out, struct client *client, const struct step *step)
{
    struct buf repeated;
    buf_init(&repeated, 0);
    switch (step->kind) {
    case STEP_DEFLATED_RAW:
        append_message(out, step->bits % 2 + 1, true, step->data, step->cut);
        break;
    case STEP_DEFLATED_TEXT:
    case STEP_DEFLATED_BINARY:
    case STEP_BOMB:
        for (size_t i = 0; i < (step->kind == STEP_BOMB ? REPEAT_MAX : 1); i++) {
            buf_append(&repeated, step->data);
        }
        append_deflated(out, client, step->kind == STEP_DEFLATED_TEXT ? WS_OP_TEXT : WS_OP_BINARY,
                        step, buf_bytes(&repeated));
        break;
    case STEP_PLAIN_TEXT:
    case STEP_PLAIN_BINARY:
        append_message(out, step->kind == STEP_PLAIN_TEXT ? WS_OP_TEXT : WS_OP_BINARY, false,
                       step->data, step->cut);
        break;
    case STEP_PING:
    case STEP_CLOSE:
        ws_peer_frame(out, WS_PEER_FIN | (step->kind == STEP_PING ? WS_OP_PING : WS_OP_CLOSE),
                      bytes_slice(step->data, 0, WS_CONTROL_PAYLOAD_MAX));
        break;
    case STEP_WRONG_RSV:
        ws_peer_frame(out, (unsigned)step->cut & 0xFF, step->data);
        break;
    case STEP_BYTES:
    case STEP_KIND_COUNT:
        buf_append(out, step->data);
        break;
    }
    buf_fini(&repeated);
}

static void append_script(struct buf *out, struct client *client, struct bytes script)
{
    while (script.len >= STEP_PREFIX) {
        const struct step step = {
            .kind = (enum step_kind)(script.data[0] % STEP_KIND_COUNT),
            .bits = 8 + (script.data[0] >> 4) % 8U,
            .cut = script.data[2],
            .data = bytes_slice(script, STEP_PREFIX, script.data[1]),
        };
        append_step(out, client, &step);
        script = bytes_slice(script, STEP_PREFIX + step.data.len, script.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX) {
        return 0;
    }
    uint64_t seed = 0;
    memcpy(&seed, data, 4);
    struct ws_inflaters *inflaters = ws_inflaters_new();
    const struct ws_limits limits = {.message_bytes_max = (uint64_t)data[4] * LIMIT_UNIT,
                                     .fragments_max = 0,
                                     .inflaters = inflaters};
    struct buf input;
    buf_init(&input, 0);
    struct client client;
    client_init(&client, inflaters, (data[5] & SESSION_RUN_CONTEXT) != 0);
    append_script(&input, &client, bytes_of(data + PREFIX, size - PREFIX));
    client_fini(&client);
    session_run_all(&limits, data[5], seed, buf_bytes(&input));
    buf_fini(&input);
    ws_inflaters_free(&inflaters);
    return 0;
}
