/* What the router gave as a record of a session or group, opaque: in the same allocation, where its
 * owner ends, if it fits there, else apart. */
#ifndef EDGE_EDGE_RECORD_H
#define EDGE_EDGE_RECORD_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct edge_record {
    uint32_t len : 31;
    bool apart : 1;
};

/* The last member of the owner, which is allocated with as much more as the record needs. */
union edge_record_place {
    uint8_t *apart;
    uint8_t here[sizeof(uint8_t *)];
};

/* Bytes of an owner whose place is at `own` and has room for `record_len`. */
static inline size_t edge_record_size(size_t own, size_t record_len)
{
    size_t least = sizeof(union edge_record_place);
    return own + (record_len < least ? least : record_len);
}

/* Valid until the record changes or the owner moves. */
static inline struct bytes edge_record_bytes(struct edge_record record,
                                             const union edge_record_place *place)
{
    return bytes_of(record.apart ? place->apart : (const uint8_t *)place, record.len);
}

/* Bytes that are surely there at the place. */
static inline size_t edge_record_room(struct edge_record record)
{
    size_t least = sizeof(union edge_record_place);
    return record.apart || record.len < least ? least : record.len;
}

/* Empty again. */
void edge_record_drop(struct edge_record *record, union edge_record_place *place);

/* Copies `bytes` (below 2^31) to the place if they need no more than `room`, else apart. */
void edge_record_set(struct edge_record *record, union edge_record_place *place, size_t room,
                     struct bytes bytes);

#endif
