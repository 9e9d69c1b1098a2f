#include "edge/edge_record.h"

#include "common/mem.h"

#include <assert.h>
#include <string.h>

void edge_record_drop(struct edge_record *record, union edge_record_place *place)
{
    if (record->apart) {
        mem_free(place->apart);
    }
    *record = (struct edge_record){.len = 0};
}

void edge_record_set(struct edge_record *record, union edge_record_place *place, size_t room,
                     struct bytes bytes)
{
    assert(bytes.len <= INT32_MAX && "a batch is smaller");
    edge_record_drop(record, place);
    record->len = (uint32_t)bytes.len & INT32_MAX;
    record->apart = bytes.len > room;
    if (record->apart) {
        place->apart = mem_copy(bytes);
    } else if (bytes.len != 0) {
        memcpy((uint8_t *)place, bytes.data, bytes.len);
    }
}
