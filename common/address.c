#include "common/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { V4_PREFIX_BITS = 96 };

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

/* Decimal number of 1 to 3 digits, at most `max`. */
static bool parse_bits(struct bytes text, unsigned max, unsigned *ret_bits)
{
    unsigned bits = 0;
    if (text.len == 0 || text.len > 3) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        bits = bits * 10 + (unsigned)(text.data[i] - '0');
    }
    if (bits > max) {
        return false;
    }
    *ret_bits = bits;
    return true;
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

struct address address_masked(const struct address *address, unsigned prefix_bits)
{
    struct address masked = *address;
    size_t whole = prefix_bits / 8;
    unsigned rest = prefix_bits % 8;
    if (rest != 0) {
        masked.octets[whole] &= (uint8_t)(0xffu << (8 - rest));
        whole++;
    }
    memset(masked.octets + whole, 0, sizeof(masked.octets) - whole);
    return masked;
}

bool address_net_parse(struct bytes text, struct address_net *ret_net)
{
    text = trim(text);
    const uint8_t *slash = text.len == 0 ? NULL : memchr(text.data, '/', text.len);
    struct bytes host = slash == NULL ? text : bytes_slice(text, 0, (size_t)(slash - text.data));
    struct address base;
    if (!address_parse(host, &base)) {
        return false;
    }
    bool v4 = is_mapped(&base) && memchr(host.data, ':', host.len) == NULL;
    unsigned bits = v4 ? 32 : 128;
    if (slash != NULL && !parse_bits(bytes_slice(text, host.len + 1, text.len), bits, &bits)) {
        return false;
    }
    bits += v4 ? V4_PREFIX_BITS : 0;
    *ret_net =
        (struct address_net){.base = address_masked(&base, bits), .prefix_bits = (uint8_t)bits};
    return true;
}

size_t address_net_text(const struct address_net *net, char out[ADDRESS_NET_TEXT_MAX])
{
    bool v4 = is_mapped(&net->base) && net->prefix_bits >= V4_PREFIX_BITS;
    unsigned bits = net->prefix_bits - (v4 ? V4_PREFIX_BITS : 0U);
    size_t len = address_text(&net->base, out);
    if (bits == (v4 ? 32 : 128)) {
        return len;
    }
    out[len++] = '/';
    for (unsigned unit = bits >= 100 ? 100 : bits >= 10 ? 10 : 1; unit != 0; unit /= 10) {
        out[len++] = (char)('0' + bits / unit % 10);
    }
    out[len] = '\0';
    return len;
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

struct address address_limit_key(const struct address *address)
{
    struct address key = *address;
    if (!is_mapped(address)) {
        memset(key.octets + 8, 0, 8);
    }
    return key;
}
