/* Forwarded from foreign bytes: whatever it says, the answer is an address that can be shown, and
 * one that an untrusted peer cannot choose. Input: the two headers with a zero byte between. */
#include "edge/forwarded.h"
#include "tests/support/fuzz.h"

#include <assert.h>
#include <stdbool.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size);
    const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);
    size_t at = zero == NULL ? size : (size_t)(zero - data);
    struct bytes forwarded = bytes_slice(input, 0, at);
    struct bytes custom = bytes_slice(input, at + 1, size);
    struct address_net trusted;
    struct address peer;
    char text[ADDRESS_TEXT_MAX];
    bool known = address_net_parse(BYTES_LIT("10.0.0.0/8"), &trusted) &&
                 address_parse(BYTES_LIT("10.0.0.1"), &peer);
    assert(known);
    struct address client = forwarded_or_x_client(&peer, forwarded, custom, &trusted, 1);
    assert(address_text(&client, text) != 0);
    struct address alone = forwarded_client(&peer, forwarded, &trusted, 1);
    assert(forwarded.len == 0 || memcmp(&client, &alone, sizeof(alone)) == 0 ||
           memcmp(&client, &peer, sizeof(peer)) == 0);
    struct address stranger = forwarded_or_x_client(&client, forwarded, custom, &trusted, 0);
    assert(memcmp(&stranger, &client, sizeof(client)) == 0);
    return 0;
}
