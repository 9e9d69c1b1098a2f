/* What was taken is kept per channel; a queue of channels in the order of their loads says which is
 * to forget next. */
#include "router/resent.h"

#include "common/mem.h"
#include "router/core_internal.h"

struct resent_due {
    slot_id channel;
    uint64_t at_ms;
};

static void queue(struct router_core *core, const struct channel *channel)
{
    struct resent_queue *due = &core->resent;
    if (due->head + due->count == due->capacity) {
        if (due->head > due->capacity / 2) {
            memmove(due->items, due->items + due->head, due->count * sizeof(*due->items));
            due->head = 0;
        } else {
            due->capacity = due->capacity == 0 ? 16 : due->capacity * 2;
            due->items = mem_resize(due->items, due->capacity, sizeof(*due->items));
        }
    }
    due->items[due->head + due->count++] =
        (struct resent_due){.channel = channel->id, .at_ms = core->now_ms + RESENT_MS};
}

static void take_id(struct router_core *core, struct channel *channel,
                    const struct core_record *record, size_t count_max)
{
    if (channel_rare(channel)->resent == NULL) {
        channel_rare_made(channel)->resent = keys_new(core->hash_seed);
        queue(core, channel);
    }
    keys_put(channel_rare(channel)->resent, record->message.user, record->key,
             record->message.offset, core->now_ms, (uint32_t)count_max);
}

static void take_key(struct router_core *core, struct channel *channel,
                     const struct core_record *record)
{
    int64_t age = core_age_of(core, record->message.timestamp_ms);
    if (!channel_has_key(core, record->key) || age > (int64_t)core->config.key_window_ms) {
        return;
    }
    uint64_t age_ms = age < 0 ? 0 : (uint64_t)age;
    channel_key_put_at(core, channel,
                       &(struct channel_key){record->message.user, record->key,
                                             record->message.offset,
                                             core->now_ms > age_ms ? core->now_ms - age_ms : 0});
}

/* Both are in the record under one mark. */
static void take_both(struct router_core *core, struct channel *channel,
                      const struct core_record *record, size_t count_max, bool recent)
{
    uint8_t id[MESSAGE_ID_BYTES];
    struct core_record one = *record;
    memcpy(id, record->key.data, sizeof(id));
    id[0] = MESSAGE_ID_MARK;
    one.key = bytes_slice(record->key, MESSAGE_ID_BYTES, record->key.len - MESSAGE_ID_BYTES);
    take_key(core, channel, &one);
    one.key = bytes_of(id, sizeof(id));
    if (recent) {
        take_id(core, channel, &one, count_max);
    }
}

void resent_take(struct router_core *core, struct channel *channel, const struct core_log *log)
{
    size_t count = log->record_count;
    uint64_t newest_ms = count == 0 ? 0 : log->records[count - 1].message.timestamp_ms;
    for (size_t i = 0; i < count; i++) {
        const struct core_record *record = &log->records[i];
        struct bytes key = record->key;
        bool recent = record->message.timestamp_ms + RESENT_MS >= newest_ms;
        if (key.len == 0 || record->message.user.len > NAME_BYTES_MAX) {
            continue;
        }
        if (key.data[0] == MESSAGE_BOTH_MARK && key.len > MESSAGE_ID_BYTES &&
            key.len <= MESSAGE_ID_BYTES + COMMAND_KEY_MAX) {
            take_both(core, channel, record, count, recent);
        } else if (key.len <= COMMAND_KEY_MAX && key.data[0] == MESSAGE_ID_MARK && recent) {
            take_id(core, channel, record, count);
        } else if (key.len <= COMMAND_KEY_MAX && key.data[0] != MESSAGE_ID_MARK) {
            take_key(core, channel, record);
        }
    }
}

bool resent_find(const struct channel *channel, struct bytes user, struct bytes id,
                 uint64_t *ret_offset)
{
    return keys_find(channel_rare(channel)->resent, user, id, 0, ret_offset);
}

void resent_tick(struct router_core *core)
{
    struct resent_queue *due = &core->resent;
    while (due->count != 0 && due->items[due->head].at_ms <= core->now_ms) {
        struct channel *channel = channel_find(core, due->items[due->head].channel);
        if (channel != NULL && channel->rare != NULL) {
            keys_free(&channel->rare->resent);
        }
        due->head++;
        due->count--;
    }
}

uint64_t resent_deadline(const struct router_core *core)
{
    const struct resent_queue *due = &core->resent;
    return due->count == 0 ? UINT64_MAX : due->items[due->head].at_ms;
}

void resent_fini(struct router_core *core)
{
    mem_free(core->resent.items);
    core->resent = (struct resent_queue){0};
}
