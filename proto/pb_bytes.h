/* Between our byte views and protobuf-c's. */
#ifndef PROTO_PB_BYTES_H
#define PROTO_PB_BYTES_H

#include "common/buf.h"
#include "common/bytes.h"

#include <protobuf-c/protobuf-c.h>

/* protobuf-c reads through a non-const pointer and never writes when packing. */
static inline ProtobufCBinaryData pb_binary(struct bytes bytes)
{
    return (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
}

static inline struct bytes pb_view(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

static inline void pb_append(const ProtobufCMessage *message, struct buf *out)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *room = buf_extend(out, len);
    if (room != NULL) {
        protobuf_c_message_pack(message, room);
    }
}

#endif
