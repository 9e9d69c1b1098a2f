#include "router/ctl/ctl_log.h"

#include "router/ctl/ctl_json_parts.h"
#include "router/ctl/ctl_table.h"
#include "router/ctl/ctl_text.h"

static struct bytes payload_of(const Splitrail__Admin__Message *message)
{
    return bytes_of(message->payload.data, message->payload.len);
}

void ctl_log_print(const Splitrail__Admin__Reply *reply, struct buf *out)
{
    static const char *const headers[] = {">OFFSET", "TIME", "USER", "PAYLOAD", NULL};
    const Splitrail__Admin__Log *log = reply->log;
    if (log == NULL) {
        return;
    }
    struct ctl_table *table = ctl_table_new(headers);
    struct buf when;
    buf_init(&when, 0);
    for (size_t i = 0; i < log->n_messages; i++) {
        const Splitrail__Admin__Message *message = log->messages[i];
        buf_clear(&when);
        ctl_text_time(message->timestamp_ms, reply->as_of_ms, &when);
        ctl_table_u64(table, message->offset);
        ctl_table_cell(table, buf_bytes(&when));
        ctl_table_str(table, message->user);
        ctl_table_cell(table, payload_of(message));
    }
    ctl_table_print(table, out);
    ctl_table_free(&table);
    buf_fini(&when);
    buf_append_str(out, "\n");
    buf_append_u64(out, log->n_messages);
    buf_append_str(out, log->n_messages == 1 ? " message shown, newest offset "
                                             : " messages shown, newest offset ");
    buf_append_u64(out, log->offset);
    buf_append_str(out, ", kept from ");
    buf_append_u64(out, log->first_offset);
    if (log->epoch[0] != 0) {
        buf_append_str(out, ", epoch ");
        ctl_text_clean(bytes_of_str(log->epoch), out);
    }
    buf_append_byte(out, '\n');
}

json_t *ctl_log_message(const Splitrail__Admin__Message *message)
{
    json_t *object = json_object();
    struct bytes payload = payload_of(message);
    json_t *value = json_loadb((const char *)payload.data, payload.len, JSON_DECODE_ANY, NULL);
    ctl_json_set(object, "offset", ctl_json_number(message->offset));
    ctl_json_set(object, "timestamp", ctl_json_number(message->timestamp_ms));
    ctl_json_set(object, "userId",
                 message->user[0] == 0 ? json_null() : ctl_json_text(message->user));
    if (value != NULL) {
        ctl_json_set(object, "payload", value);
        return object;
    }
    struct buf text;
    buf_init(&text, 0);
    ctl_text_clean(payload, &text);
    buf_append_byte(&text, 0);
    ctl_json_set(object, "payloadText", ctl_json_text((const char *)text.data));
    buf_fini(&text);
    return object;
}

void ctl_log_json(const struct ctl_args *args, const Splitrail__Admin__Reply *reply, json_t *root)
{
    const Splitrail__Admin__Log *log = reply->log;
    if (log == NULL) {
        return;
    }
    json_t *messages = json_array();
    for (size_t i = 0; i < log->n_messages; i++) {
        ctl_json_add(messages, ctl_log_message(log->messages[i]));
    }
    ctl_json_set(root, "roomId", ctl_json_text(args->operands[0]));
    ctl_json_set(root, "epoch", log->epoch[0] == 0 ? json_null() : ctl_json_text(log->epoch));
    ctl_json_set(root, "offset", ctl_json_number(log->offset));
    ctl_json_set(root, "firstOffset", ctl_json_number(log->first_offset));
    ctl_json_set(root, "messages", messages);
}
