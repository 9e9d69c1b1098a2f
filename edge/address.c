#include "edge/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t MAPPED_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct address *address)
{
    return memcmp(address->octets, MAPPED_PREFIX, sizeof(MAPPED_PREFIX)) == 0;
}

static struct address from_v4(const void *octets)
{
    struct address address;
    memcpy(address.octets, MAPPED_PREFIX, sizeof(MAPPED_PREFIX));
    memcpy(address.octets + sizeof(MAPPED_PREFIX), octets, 4);
    return address;
}

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

bool address_parse(struct bytes text, struct address *ret_address)
{
    char copy[ADDRESS_TEXT_MAX];
    struct in_addr v4;
    struct in6_addr v6;
    if (text.data == NULL || text.len == 0 || text.len >= sizeof(copy) ||
        memchr(text.data, 0, text.len) != NULL) {
        return false;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        *ret_address = from_v4(&v4);
        return true;
    }
    if (inet_pton(AF_INET6, copy, &v6) == 1) {
        memcpy(ret_address->octets, &v6, sizeof(ret_address->octets));
        return true;
    }
    return false;
}

struct address address_of_sockaddr(const struct sockaddr *sockaddr)
{
    struct address address = {{0}};
    if (sockaddr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sockaddr, sizeof(in));
        address = from_v4(&in.sin_addr);
    } else if (sockaddr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sockaddr, sizeof(in6));
        memcpy(address.octets, &in6.sin6_addr, sizeof(address.octets));
    }
    return address;
}

size_t address_text(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    const char *text =
        is_mapped(address)
            ? inet_ntop(AF_INET, address->octets + sizeof(MAPPED_PREFIX), out, ADDRESS_TEXT_MAX)
            : inet_ntop(AF_INET6, address->octets, out, ADDRESS_TEXT_MAX);
    return text == NULL ? 0 : strlen(text);
}

bool address_net_parse(struct bytes text, struct address_net *ret_net)
{
    text = trim(text);
    size_t slash = find_last(text, '/');
    struct address base;
    if (!address_parse(bytes_slice(text, 0, slash), &base)) {
        return false;
    }
    bool v4 = is_mapped(&base) && memchr(text.data, ':', slash) == NULL;
    unsigned bits = v4 ? 32 : 128;
    if (slash != text.len && !parse_number(bytes_slice(text, slash + 1, text.len), bits, &bits)) {
        return false;
    }
    *ret_net = (struct address_net){.base = base, .prefix_bits = (uint8_t)(v4 ? bits + 96 : bits)};
    return true;
}

static bool in_net(const struct address *address, const struct address_net *net)
{
    size_t whole = net->prefix_bits / 8;
    unsigned rest = net->prefix_bits % 8;
    if (memcmp(address->octets, net->base.octets, whole) != 0) {
        return false;
    }
    unsigned differing =
        rest == 0 ? 0 : (unsigned)(address->octets[whole] ^ net->base.octets[whole]) >> (8 - rest);
    return differing == 0;
}

bool address_in(const struct address *address, const struct address_net *nets, size_t net_count)
{
    for (size_t i = 0; i < net_count; i++) {
        if (in_net(address, &nets[i])) {
            return true;
        }
    }
    return false;
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

struct address address_limit_key(const struct address *address)
{
    struct address key = *address;
    if (!is_mapped(address)) {
        memset(key.octets + 8, 0, 8);
    }
    return key;
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
