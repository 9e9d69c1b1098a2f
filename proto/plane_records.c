/* The messages inside operations: see plane_wire.h. */
#include "proto/pb_bytes.h"
#include "proto/plane.pb-c.h"
#include "proto/plane_wire.h"

void plane_open_write(const struct plane_open *open, struct buf *out)
{
    Splitrail__Plane__Open to = SPLITRAIL__PLANE__OPEN__INIT;
    to.token = pb_binary(open->token);
    to.token_source = open->token_source;
    to.subprotocol = pb_binary(open->subprotocol);
    to.address = pb_binary(open->address);
    to.agent = pb_binary(open->agent);
    to.connected_at_ms = open->connected_at_ms;
    pb_append(&to.base, out);
}

bool plane_open_read(struct arena *arena, struct bytes bytes, struct plane_open *ret_open)
{
    const Splitrail__Plane__Open *from =
        splitrail__plane__open__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL) {
        return false;
    }
    *ret_open = (struct plane_open){.token = pb_view(from->token),
                                    .token_source = from->token_source,
                                    .subprotocol = pb_view(from->subprotocol),
                                    .address = pb_view(from->address),
                                    .agent = pb_view(from->agent),
                                    .connected_at_ms = from->connected_at_ms};
    return true;
}

void plane_closed_write(const struct plane_closed *closed, struct buf *out)
{
    Splitrail__Plane__Closed to = SPLITRAIL__PLANE__CLOSED__INIT;
    to.code = closed->code;
    to.clean = closed->clean;
    to.reason = pb_binary(closed->reason);
    pb_append(&to.base, out);
}

bool plane_closed_read(struct arena *arena, struct bytes bytes, struct plane_closed *ret_closed)
{
    const Splitrail__Plane__Closed *from =
        splitrail__plane__closed__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL) {
        return false;
    }
    *ret_closed = (struct plane_closed){
        .code = from->code, .clean = from->clean != 0, .reason = pb_view(from->reason)};
    return true;
}

void plane_ticket_keys_write(const struct plane_ticket_keys *keys, struct buf *out)
{
    Splitrail__Plane__TicketKeys to = SPLITRAIL__PLANE__TICKET_KEYS__INIT;
    to.current = pb_binary(keys->current);
    to.previous = pb_binary(keys->previous);
    to.age_ms = keys->age_ms;
    pb_append(&to.base, out);
}

bool plane_ticket_keys_read(struct arena *arena, struct bytes bytes,
                            struct plane_ticket_keys *ret_keys)
{
    const Splitrail__Plane__TicketKeys *from =
        splitrail__plane__ticket_keys__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL || from->current.len != PLANE_TICKET_KEY_BYTES ||
        (from->previous.len != 0 && from->previous.len != PLANE_TICKET_KEY_BYTES)) {
        return false;
    }
    *ret_keys = (struct plane_ticket_keys){.current = pb_view(from->current),
                                           .previous = pb_view(from->previous),
                                           .age_ms = from->age_ms};
    return true;
}

void plane_session_record_write(const struct plane_session_record *record, struct buf *out)
{
    Splitrail__Plane__SessionRecord to = SPLITRAIL__PLANE__SESSION_RECORD__INIT;
    to.user = pb_binary(record->user);
    to.address = pb_binary(record->address);
    to.agent = pb_binary(record->agent);
    to.connected_at_ms = record->connected_at_ms;
    to.expires_at_ms = record->expires_at_ms;
    to.encoding = record->encoding;
    to.rights = pb_binary(record->rights);
    pb_append(&to.base, out);
}

bool plane_session_record_read(struct arena *arena, struct bytes bytes,
                               struct plane_session_record *ret_record)
{
    const Splitrail__Plane__SessionRecord *from =
        splitrail__plane__session_record__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL) {
        return false;
    }
    *ret_record = (struct plane_session_record){.user = pb_view(from->user),
                                                .address = pb_view(from->address),
                                                .agent = pb_view(from->agent),
                                                .connected_at_ms = from->connected_at_ms,
                                                .expires_at_ms = from->expires_at_ms,
                                                .encoding = from->encoding,
                                                .rights = pb_view(from->rights)};
    return true;
}

void plane_group_record_write(const struct plane_group_record *record, struct buf *out)
{
    Splitrail__Plane__GroupRecord to = SPLITRAIL__PLANE__GROUP_RECORD__INIT;
    to.kind = record->kind;
    to.name = pb_binary(record->name);
    to.epoch = record->epoch;
    to.newest = record->newest;
    pb_append(&to.base, out);
}

/* Protobuf: what is written one after the other is read as one message. */
void plane_group_record_with_newest(struct bytes record, uint64_t newest, struct buf *out)
{
    Splitrail__Plane__GroupRecord behind = SPLITRAIL__PLANE__GROUP_RECORD__INIT;
    behind.newest = newest;
    buf_append(out, record);
    pb_append(&behind.base, out);
}

bool plane_group_record_read(struct arena *arena, struct bytes bytes,
                             struct plane_group_record *ret_record)
{
    const Splitrail__Plane__GroupRecord *from =
        splitrail__plane__group_record__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL) {
        return false;
    }
    *ret_record = (struct plane_group_record){.kind = from->kind,
                                              .name = pb_view(from->name),
                                              .epoch = from->epoch,
                                              .newest = from->newest};
    return true;
}

void plane_announce_conn_write(const struct plane_announce_conn *announce, struct buf *out)
{
    Splitrail__Plane__AnnounceConn to = SPLITRAIL__PLANE__ANNOUNCE_CONN__INIT;
    to.record = pb_binary(announce->record);
    to.locals = (uint32_t *)(uintptr_t)announce->locals;
    to.n_locals = announce->local_count;
    pb_append(&to.base, out);
}

bool plane_announce_conn_read(struct arena *arena, struct bytes bytes,
                              struct plane_announce_conn *ret_announce)
{
    const Splitrail__Plane__AnnounceConn *from =
        splitrail__plane__announce_conn__unpack(&arena->allocator, bytes.len, bytes.data);
    if (from == NULL) {
        return false;
    }
    *ret_announce = (struct plane_announce_conn){
        .record = pb_view(from->record), .locals = from->locals, .local_count = from->n_locals};
    return true;
}
