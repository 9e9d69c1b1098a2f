#include "edge/address.h"

static struct bytes trim(struct bytes text)
{
    while (text.len != 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = bytes_slice(text, 1, text.len);
    }
    while (text.len != 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* Position of the last `byte`, or text.len when there is none. */
static size_t find_last(struct bytes text, uint8_t byte)
{
    for (size_t at = text.len; at > 0; at--) {
        if (text.data[at - 1] == byte) {
            return at - 1;
        }
    }
    return text.len;
}

static size_t count_byte(struct bytes text, uint8_t byte)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.data[i] == byte;
    }
    return count;
}

/* Decimal number of 1 to 5 digits, at most `max`. */
static bool parse_number(struct bytes text, unsigned max, unsigned *ret_number)
{
    unsigned number = 0;
    if (text.len == 0 || text.len > 5) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (unsigned)(text.data[i] - '0');
    }
    if (number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* One element of X-Forwarded-For. Some proxies add the port: "192.0.2.1:4711", "[2001:db8::1]:80".
 */
static bool parse_hop(struct bytes text, struct address *ret_address)
{
    text = trim(text);
    if (text.len != 0 && text.data[0] == '[') {
        size_t end = find_last(text, ']');
        return end != text.len && address_parse(bytes_slice(text, 1, end - 1), ret_address);
    }
    if (count_byte(text, ':') == 1) {
        text.len = find_last(text, ':');
    }
    return address_parse(text, ret_address);
}

struct address address_client(const struct address *peer, struct bytes forwarded_for,
                              const struct address_net *trusted, size_t trusted_count)
{
    struct address hop = *peer;
    while (forwarded_for.len != 0 && address_in(&hop, trusted, trusted_count)) {
        size_t comma = find_last(forwarded_for, ',');
        bool last = comma == forwarded_for.len;
        struct bytes element =
            last ? forwarded_for : bytes_slice(forwarded_for, comma + 1, forwarded_for.len);
        if (!parse_hop(element, &hop)) {
            return hop;
        }
        forwarded_for.len = last ? 0 : comma;
    }
    return hop;
}

bool address_split(const char *text, char ret_host[ADDRESS_HOST_MAX],
                   char ret_port[ADDRESS_PORT_MAX])
{
    struct bytes whole = bytes_of_str(text);
    size_t colon = find_last(whole, ':');
    struct bytes host = bytes_slice(whole, 0, colon);
    struct bytes port = bytes_slice(whole, colon + 1, whole.len);
    unsigned number;
    if (colon == whole.len || !parse_number(port, 65535, &number)) {
        return false;
    }
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']') {
        host = bytes_slice(host, 1, host.len - 2);
    } else if (count_byte(host, ':') != 0) {
        return false;
    }
    if (host.len >= ADDRESS_HOST_MAX) {
        return false;
    }
    if (host.len != 0) {
        memcpy(ret_host, host.data, host.len);
    }
    ret_host[host.len] = '\0';
    memcpy(ret_port, port.data, port.len);
    ret_port[port.len] = '\0';
    return true;
}

bool address_endpoint_is_local(const char *endpoint)
{
    const struct bytes tcp = BYTES_LIT("tcp://");
    struct bytes whole = bytes_of_str(endpoint);
    if (bytes_starts_with(whole, BYTES_LIT("ipc://")) ||
        bytes_starts_with(whole, BYTES_LIT("inproc://"))) {
        return true;
    }
    char host[ADDRESS_HOST_MAX];
    char port[ADDRESS_PORT_MAX];
    struct address address;
    if (!bytes_starts_with(whole, tcp) || !address_split(endpoint + tcp.len, host, port)) {
        return false;
    }
    if (bytes_equal(bytes_of_str(host), BYTES_LIT("localhost"))) {
        return true;
    }
    static const struct address_net LOOPBACK[] = {
        {.base = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127}}, .prefix_bits = 104},
        {.base = {{[15] = 1}}, .prefix_bits = 128},
    };
    return address_parse(bytes_of_str(host), &address) && address_in(&address, LOOPBACK, 2);
}
