/* Sec-WebSocket-Extensions, one field line per line of the input: a malformed line changes nothing;
 * under every policy what is agreed is inside the offer and the policy and can be answered, and the
 * answer, taken for an offer, is agreed to with the same terms. */
#include "common/buf.h"
#include "common/mem.h"
#include "edge/ws_extensions.h"
#include "tests/support/fuzz.h"

#include <assert.h>
#include <string.h>

static bool same_terms(const struct ws_deflate_terms *a, const struct ws_deflate_terms *b)
{
    return a->agreed == b->agreed && a->limited == b->limited && a->window_bits == b->window_bits &&
           a->server_stands_alone == b->server_stands_alone &&
           a->client_stands_alone == b->client_stands_alone &&
           a->client_limited == b->client_limited && a->client_window_bits == b->client_window_bits;
}

static void check_policy(const struct ws_deflate_terms *offer,
                         const struct ws_deflate_policy *policy)
{
    struct ws_deflate_terms terms = *offer;
    struct ws_deflate_terms again = {.agreed = false};
    struct buf answer;
    ws_extensions_settle(&terms, policy);
    assert(terms.window_bits >= WS_WINDOW_BITS_MIN && terms.window_bits <= offer->window_bits);
    assert(terms.window_bits <= policy->window_bits);
    assert(terms.server_stands_alone || !offer->server_stands_alone);
    assert(terms.client_stands_alone || !offer->client_stands_alone);
    assert(!terms.client_limited || offer->client_limited);
    buf_init(&answer, 0);
    ws_extensions_answer(&terms, &answer);
    assert(ws_extensions_read(buf_bytes(&answer), &again));
    ws_extensions_settle(&again, policy);
    assert(same_terms(&terms, &again));
    buf_fini(&answer);
}

static void check_terms(const struct ws_deflate_terms *terms)
{
    struct ws_deflate_policy policy = {.enabled = true};
    for (int context = WS_CONTEXT_OFF; context <= WS_CONTEXT_BOTH; context++) {
        policy.context = (enum ws_context)context;
        for (policy.window_bits = WS_WINDOW_BITS_MIN + 1; policy.window_bits <= WS_WINDOW_BITS_MAX;
             policy.window_bits++) {
            check_policy(terms, &policy);
        }
    }
}

static void read_line(struct bytes line, struct ws_deflate_terms *terms)
{
    struct ws_deflate_terms before = *terms;
    uint8_t *exact = mem_copy(line);
    bool good = ws_extensions_read(bytes_of(exact, line.len), terms);
    bool same = same_terms(&before, terms);
    assert(good || same);
    assert(!before.agreed || same); /* the first offer that fits stays */
    mem_free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_of(data, size);
    struct ws_deflate_terms terms = {.agreed = false};
    while (rest.len != 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
        read_line(bytes_slice(rest, 0, len), &terms);
        rest = bytes_slice(rest, len + 1, rest.len);
    }
    if (terms.agreed) {
        check_terms(&terms);
    }
    return 0;
}
