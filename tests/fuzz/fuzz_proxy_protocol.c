/* The PROXY protocol's header from foreign bytes: the verdict does not depend on how they come, and
 * nothing behind the header is ever asked for. */
#include "edge/proxy_protocol.h"
#include "tests/support/fuzz.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size);
    struct proxy_header whole;
    struct proxy_header part;
    enum proxy_verdict verdict = proxy_protocol_parse(input, &whole);
    size_t have = 0;
    enum proxy_verdict by_parts = proxy_protocol_parse(BYTES_EMPTY, &part);
    while (by_parts == PROXY_INCOMPLETE) {
        assert(part.wanted != 0 && have + part.wanted <= PROXY_HEADER_MAX);
        if (have + part.wanted > size) {
            break;
        }
        have += part.wanted;
        by_parts = proxy_protocol_parse(bytes_slice(input, 0, have), &part);
    }
    assert(verdict == by_parts || (verdict == PROXY_MALFORMED && by_parts == PROXY_INCOMPLETE));
    if (verdict == PROXY_DONE) {
        assert(whole.len == have && whole.len <= size && whole.known == part.known);
        assert(memcmp(&whole.source, &part.source, sizeof(whole.source)) == 0);
    }
    return 0;
}
