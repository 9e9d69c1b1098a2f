/* Texts with {name} in them, cut once and filled in many times. A brace that opens no known name
 * stands for itself, so that JSON needs no escapes. What stands between {u16[} or {varint[} and
 * its {]} gets its length in front, for protocols that want one. Pure. */
#ifndef BENCH_LOAD_TEMPLATE_H
#define BENCH_LOAD_TEMPLATE_H

#include "common/buf.h"

#include <stdint.h>

enum template_name {
    TEMPLATE_CONN,   /* {conn}: number of the connection */
    TEMPLATE_USER,   /* {user}: number of its user */
    TEMPLATE_ROOM,   /* {room}: number of the room */
    TEMPLATE_ID,     /* {id}: counts from 1 in each connection */
    TEMPLATE_PEER,   /* {peer}: number of the user that direct messages go to */
    TEMPLATE_BYTES,  /* {bytes}: length of stamp and pad together */
    TEMPLATE_STAMP,  /* {stamp}: what makes a message known again */
    TEMPLATE_TOKEN,  /* {token}: its line of --token-file */
    TEMPLATE_PAD,    /* {pad}: as many x as are wanted */
    TEMPLATE_U16,    /* {u16[}: big-endian length of what follows up to {]} */
    TEMPLATE_VARINT, /* {varint[}: the same, seven bits a byte, least first, as MQTT has it */
    TEMPLATE_END,    /* {]} */
    TEMPLATE_NAME_COUNT
};

struct template_values {
    uint64_t numbers[TEMPLATE_STAMP]; /* by enum template_name, those that are numbers */
    struct bytes stamp;
    struct bytes token;
    uint32_t pad;
};

struct template;

/* Lengths may stand within lengths up to this depth; deeper ones are not written. */
enum { TEMPLATE_DEPTH_MAX = 4 };

/* Copies `text`. */
struct template *template_new(struct bytes text);
void template_free(struct template **template);

/* True when the name occurs. */
bool template_has(const struct template *template, enum template_name name);

/* Appends the text with all names replaced. A {]} that closes nothing stands for nothing. */
void template_fill(const struct template *template, const struct template_values *values,
                   struct buf *out);

/* Appends `text` with \r, \n, \\ and \xHH replaced by the bytes that they mean; a backslash
 * before anything else stands for itself. */
void template_unescape(struct bytes text, struct buf *out);

#endif
