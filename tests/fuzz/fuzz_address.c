/* X-Forwarded-For, networks and HOST:PORT from foreign bytes. Input: which (1), text. */
#include "edge/address.h"
#include "tests/support/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Whatever the header says, the answer is the peer or an address that can be shown and read. */
static void check_client(struct bytes header)
{
    struct address_net trusted;
    struct address peer;
    char text[ADDRESS_TEXT_MAX];
    bool known = address_net_parse(BYTES_LIT("10.0.0.0/8"), &trusted) &&
                 address_parse(BYTES_LIT("10.0.0.1"), &peer);
    assert(known);
    struct address client = address_client(&peer, header, &trusted, 1);
    struct address again;
    size_t len = address_text(&client, text);
    bool readable = address_parse(bytes_of(text, len), &again);
    assert(len != 0 && readable && memcmp(&client, &again, sizeof(again)) == 0);
    struct address stranger = address_client(&again, header, &trusted, 0);
    assert(memcmp(&stranger, &again, sizeof(again)) == 0);
}

static void check_split(struct bytes bytes)
{
    char text[400];
    char host[ADDRESS_HOST_MAX];
    char port[ADDRESS_PORT_MAX];
    size_t len = bytes.len < sizeof(text) ? bytes.len : sizeof(text) - 1;
    if (len != 0) {
        memcpy(text, bytes.data, len);
    }
    text[len] = '\0';
    if (address_split(text, host, port)) {
        assert(strlen(host) < sizeof(host) && atoi(port) <= 65535);
    }
    (void)address_endpoint_is_local(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct address_net net;
    struct bytes text = bytes_slice(bytes_of(data, size), 1, size);
    switch (size == 0 ? 0 : data[0] % 3) {
    case 0:
        check_client(text);
        break;
    case 1:
        if (address_net_parse(text, &net)) {
            assert(net.prefix_bits <= 128);
            (void)address_in(&net.base, &net, 1);
        }
        break;
    default:
        check_split(text);
    }
    return 0;
}
