/* A request head as it arrives: the verdict about a beginning is INCOMPLETE or already the last
 * one, and an answer holds nothing a client could have smuggled in. Input: the head. The mutator
 * changes it line by line. */
#include "common/buf.h"
#include "common/mem.h"
#include "edge/ws_handshake.h"
#include "tests/fuzz/mutate_head.h"
#include "tests/support/fuzz.h"

#include <assert.h>
#include <string.h>

enum { HEAD_BYTES_MAX = 1024, FIELDS_MAX = 12, STEPS = 64 };

static const struct bytes origins[] = {{(const uint8_t *)"https://a", 9}};

static const struct ws_handshake_config config = {
    .path = {(const uint8_t *)"/ws", 3},
    .head_bytes_max = HEAD_BYTES_MAX,
    .fields_max = FIELDS_MAX,
    .origins = origins,
    .origin_count = 1,
    .deflate = {.enabled = true, .window_bits = WS_WINDOW_BITS_MAX},
};

static bool is_inside(struct bytes part, struct bytes whole)
{
    return part.len == 0 ||
           (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static void check_accepted(struct bytes head, const struct buf *scratch,
                           const struct ws_request *request)
{
    struct bytes decoded = buf_bytes(scratch);
    assert(request->status == 0 && request->refusal == NULL);
    assert(request->consumed <= head.len && request->consumed <= HEAD_BYTES_MAX);
    assert(memcmp(head.data + request->consumed - 4, "\r\n\r\n", 4) == 0);
    assert((request->token.len == 0) == (request->token_source == WS_TOKEN_NONE));
    assert(is_inside(request->key, head) && is_inside(request->origin, head));
    assert(is_inside(request->agent, head) && is_inside(request->subprotocol, head));
    assert(is_inside(request->token, head) || is_inside(request->token, decoded));
    assert(is_inside(request->routing, decoded) && is_inside(request->forwarded_for, decoded));
    for (size_t i = 0; i < request->token.len; i++) {
        assert(request->token.data[i] >= ' ' || request->token.data[i] == '\t');
    }
}

static void check_upgrade(const struct ws_request *request)
{
    struct buf answer;
    buf_init(&answer, 0);
    ws_handshake_accept(request, &answer);
    size_t fixed = strlen("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: \r\n\r\n") +
                   28;
    size_t echoed = strlen("Sec-WebSocket-Protocol: splitrail.v1.json\r\n");
    struct buf extension;
    buf_init(&extension, 0);
    if (request->deflate.agreed) {
        buf_append_str(&extension, "Sec-WebSocket-Extensions: \r\n");
        ws_extensions_answer(&request->deflate, &extension);
    }
    fixed += extension.len;
    buf_fini(&extension);
    assert(answer.len == (request->subprotocol.len == 0 ? fixed : fixed + echoed));
    buf_fini(&answer);
}

static void check_refused(const struct ws_request *request)
{
    static const int statuses[] = {400, 403, 404, 405, 426, 431, 505};
    bool known = false;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        known = known || statuses[i] == request->status;
    }
    assert(known && request->refusal != NULL && request->consumed == 0);
}

static enum ws_handshake_verdict parse(struct bytes input, struct ws_request *ret_request)
{
    struct buf scratch;
    buf_init(&scratch, HEAD_BYTES_MAX);
    uint8_t *exact = mem_copy(input);
    struct bytes head = bytes_of(exact, input.len);
    enum ws_handshake_verdict verdict = ws_handshake_parse(head, &config, &scratch, ret_request);
    if (verdict == WS_HANDSHAKE_UPGRADE || verdict == WS_HANDSHAKE_HEALTH) {
        check_accepted(head, &scratch, ret_request);
    }
    if (verdict == WS_HANDSHAKE_UPGRADE) {
        check_upgrade(ret_request);
    }
    if (verdict == WS_HANDSHAKE_REFUSED) {
        check_refused(ret_request);
    }
    mem_free(exact);
    buf_fini(&scratch);
    return verdict;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct rng rng = {seed};
    struct bytes rest = bytes_of(data, size);
    struct buf made;
    if (rng_below(&rng, 4) == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    buf_init(&made, 0);
    mutate_head(&rng, &rest, &made);
    buf_append(&made, rest);
    size_t len = mutate_finish(&made, data, max_size);
    buf_fini(&made);
    return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ws_request last;
    enum ws_handshake_verdict final = parse(bytes_of(data, size), &last);
    size_t step = size / STEPS + 1;
    bool decided = false;
    for (size_t len = 0; len < size; len += step) {
        struct ws_request request;
        enum ws_handshake_verdict verdict = parse(bytes_of(data, len), &request);
        assert(verdict == final || (verdict == WS_HANDSHAKE_INCOMPLETE && !decided));
        decided = verdict != WS_HANDSHAKE_INCOMPLETE;
        assert(!decided || (request.status == last.status && request.refusal == last.refusal &&
                            request.consumed == last.consumed));
    }
    return 0;
}
