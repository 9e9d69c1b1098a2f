#include "edge/proxy_protocol.h"

static const uint8_t SIGNATURE[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* Byte 12: version and command. Byte 13: address family and transport. */
enum { VERSION_2 = 0x20, COMMAND_LOCAL = 0x00, COMMAND_PROXY = 0x01 };
enum { AT_COMMAND = 12, AT_FAMILY = 13, AT_LENGTH = 14 };

/* Families with their transport; `source_len` is 0 where an address says nothing to us. */
static const struct family {
    uint8_t byte;
    uint8_t block_len;
    uint8_t source_len;
} FAMILIES[] = {
    {0x00, 0, 0},   /* unspecified */
    {0x11, 12, 4},  /* TCP over IPv4 */
    {0x12, 12, 0},  /* UDP over IPv4: this stream is none, so whose address it is, is unclear */
    {0x21, 36, 16}, /* TCP over IPv6 */
    {0x22, 36, 0},  {0x31, 216, 0}, /* Unix sockets */
    {0x32, 216, 0},
};

static const struct family *find_family(uint8_t byte)
{
    for (size_t i = 0; i < sizeof(FAMILIES) / sizeof(FAMILIES[0]); i++) {
        if (FAMILIES[i].byte == byte) {
            return &FAMILIES[i];
        }
    }
    return NULL;
}

static bool is_command(uint8_t byte)
{
    return byte == (VERSION_2 | COMMAND_LOCAL) || byte == (VERSION_2 | COMMAND_PROXY);
}

/* False as soon as what there is of the first 16 bytes is wrong. */
static bool prefix_fits(struct bytes input)
{
    size_t signature_len = input.len < sizeof(SIGNATURE) ? input.len : sizeof(SIGNATURE);
    if (input.len == 0) {
        return true;
    }
    return memcmp(input.data, SIGNATURE, signature_len) == 0 &&
           (input.len <= AT_COMMAND || is_command(input.data[AT_COMMAND])) &&
           (input.len <= AT_FAMILY || find_family(input.data[AT_FAMILY]) != NULL);
}

/* "the receiver must ignore the address information" of LOCAL: also when it is of no known form. */
static bool length_fits(struct bytes prefix, size_t rest)
{
    return PROXY_PREFIX_LEN + rest <= PROXY_HEADER_MAX &&
           (prefix.data[AT_COMMAND] == (VERSION_2 | COMMAND_LOCAL) ||
            rest >= find_family(prefix.data[AT_FAMILY])->block_len);
}

static struct address source_of(const uint8_t *block, size_t len)
{
    struct address source = {{0}};
    size_t at = sizeof(source.octets) - len;
    if (len == 4) {
        source.octets[10] = 0xff;
        source.octets[11] = 0xff;
    }
    memcpy(source.octets + at, block, len);
    return source;
}

enum proxy_verdict proxy_protocol_parse(struct bytes input, struct proxy_header *ret_header)
{
    *ret_header = (struct proxy_header){0};
    if (!prefix_fits(input)) {
        return PROXY_MALFORMED;
    }
    if (input.len < PROXY_PREFIX_LEN) {
        ret_header->wanted = PROXY_PREFIX_LEN - input.len;
        return PROXY_INCOMPLETE;
    }
    size_t rest = (size_t)(input.data[AT_LENGTH] << 8 | input.data[AT_LENGTH + 1]);
    if (!length_fits(input, rest)) {
        return PROXY_MALFORMED;
    }
    if (input.len < PROXY_PREFIX_LEN + rest) {
        ret_header->wanted = PROXY_PREFIX_LEN + rest - input.len;
        return PROXY_INCOMPLETE;
    }
    size_t source_len = find_family(input.data[AT_FAMILY])->source_len;
    ret_header->len = PROXY_PREFIX_LEN + rest;
    ret_header->known = input.data[AT_COMMAND] == (VERSION_2 | COMMAND_PROXY) && source_len != 0;
    if (ret_header->known) {
        ret_header->source = source_of(input.data + PROXY_PREFIX_LEN, source_len);
    }
    return PROXY_DONE;
}
