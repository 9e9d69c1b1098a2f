/* Pushes to JSON text, field order as in the protocol document. Text goes straight into `out`; a
 * member is written by one small call, and a name that is a literal carries its comma and colon. */
#include "router/json.h"

static const char hex_digits[] = "0123456789abcdef";

static void write_escape(uint8_t byte, struct buf *out)
{
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
    };
    if (byte >= 0x20) {
        uint8_t text[] = {'\\', byte};
        buf_append(out, bytes_of(text, sizeof(text)));
    } else if (letters[byte] != 0) {
        uint8_t text[] = {'\\', (uint8_t)letters[byte]};
        buf_append(out, bytes_of(text, sizeof(text)));
    } else {
        uint8_t text[] = {
            '\\', 'u', '0', '0', (uint8_t)hex_digits[byte >> 4], (uint8_t)hex_digits[byte & 15]};
        buf_append(out, bytes_of(text, sizeof(text)));
    }
}

/* The inside of a JSON string. */
static void write_escaped(struct bytes text, struct buf *out)
{
    size_t start = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            buf_append(out, bytes_slice(text, start, i - start));
            write_escape(byte, out);
            start = i + 1;
        }
    }
    buf_append(out, bytes_slice(text, start, text.len));
}

void json_write_string(struct bytes text, struct buf *out)
{
    buf_append_byte(out, '"');
    write_escaped(text, out);
    buf_append_byte(out, '"');
}

/* Appends a literal: `json` holds quotes, colons and commas as they are to appear. */
#define PUT(out, json) buf_append((out), BYTES_LIT(json))

static void put_string(struct buf *out, const char *before, struct bytes text)
{
    buf_append_str(out, before);
    json_write_string(text, out);
}

static void put_u64(struct buf *out, const char *before, uint64_t value)
{
    buf_append_str(out, before);
    buf_append_u64(out, value);
}

static void put_bool(struct buf *out, const char *before, bool value)
{
    buf_append_str(out, before);
    buf_append_str(out, value ? "true" : "false");
}

/* A string, because 64 bits are more than JavaScript counts. */
static void put_epoch(struct buf *out, const char *before, uint64_t epoch)
{
    buf_append_str(out, before);
    buf_append_byte(out, '"');
    buf_append_hex(out, epoch, 16);
    buf_append_byte(out, '"');
}

static void put_id(struct buf *out, struct bytes id)
{
    if (id.len != 0) {
        PUT(out, ",\"id\":");
        buf_append(out, id);
    }
}

static void write_welcome(const struct push_welcome *welcome, struct buf *out)
{
    PUT(out, "{\"type\":\"welcome\",\"connectionId\":\"");
    write_escaped(welcome->edge_id, out);
    PUT(out, ".");
    buf_append_hex(out, welcome->slot, 0);
    PUT(out, ".");
    buf_append_hex(out, welcome->gen, 0);
    put_string(out, "\",\"userId\":", welcome->user);
    put_string(out, ",\"serverId\":", welcome->edge_id);
    put_u64(out, ",\"heartbeat\":{\"intervalMs\":", welcome->heartbeat_interval_ms);
    put_u64(out, ",\"timeoutMs\":", welcome->heartbeat_timeout_ms);
    put_u64(out, "},\"limits\":{\"messageBytes\":", welcome->message_bytes);
    put_u64(out, ",\"messagesPerSecond\":", welcome->messages_per_second);
    put_u64(out, ",\"bytesPerSecond\":", welcome->bytes_per_second);
    put_u64(out, ",\"rooms\":", welcome->rooms);
    put_epoch(out, "},\"inbox\":{\"epoch\":", welcome->inbox_epoch);
    put_u64(out, ",\"offset\":", welcome->inbox_offset);
    PUT(out, "}");
    if (welcome->expires_at_ms != 0) {
        put_u64(out, ",\"expiresAt\":", welcome->expires_at_ms);
    }
    PUT(out, "}");
}

static void write_room_message(struct bytes room, const struct push_message *message,
                               struct buf *out)
{
    put_string(out, "{\"type\":\"room_message\",\"roomId\":", room);
    if (message->user.len != 0) {
        put_string(out, ",\"userId\":", message->user);
    }
    PUT(out, ",\"payload\":");
    buf_append(out, message->payload);
    put_u64(out, ",\"timestamp\":", message->timestamp_ms);
    if (message->server_id.len != 0) {
        put_string(out, ",\"serverId\":", message->server_id);
    }
    if (message->offset != 0) {
        put_u64(out, ",\"offset\":", message->offset);
    }
    PUT(out, "}");
}

static void write_direct_message(const struct push_message *message, struct buf *out)
{
    PUT(out, "{\"type\":\"direct_message\"");
    if (message->user.len != 0) {
        put_string(out, ",\"fromUserId\":", message->user);
    }
    PUT(out, ",\"payload\":");
    buf_append(out, message->payload);
    put_u64(out, ",\"timestamp\":", message->timestamp_ms);
    if (message->offset != 0) {
        put_u64(out, ",\"offset\":", message->offset);
    }
    PUT(out, "}");
}

/* JSON already, byte for byte as its token has it. */
static void put_info(struct buf *out, struct bytes info)
{
    if (info.len != 0) {
        PUT(out, ",\"info\":");
        buf_append(out, info);
    }
}

static void put_members(const struct push *push, struct buf *out)
{
    PUT(out, ",\"members\":[");
    for (size_t i = 0; i < push->member_count; i++) {
        put_string(out, i == 0 ? "{\"userId\":" : ",{\"userId\":", push->members[i].user);
        put_u64(out, ",\"connections\":", push->members[i].connections);
        put_info(out, push->members[i].info);
        PUT(out, "}");
    }
    PUT(out, "]");
}

static void put_users(const struct push *push, struct buf *out)
{
    PUT(out, ",\"users\":{");
    for (size_t i = 0; i < push->user_count; i++) {
        const struct push_user *user = &push->users[i];
        put_string(out, i == 0 ? "" : ",", user->user);
        put_bool(out, ":{\"online\":", user->online);
        put_u64(out, ",\"connections\":", user->connections);
        if (user->since_ms != 0) {
            put_u64(out, user->online ? ",\"since\":" : ",\"lastSeen\":", user->since_ms);
        }
        PUT(out, "}");
    }
    PUT(out, "}");
}

/* How far the presence table may be trusted. */
static void put_freshness(const struct push *push, struct buf *out)
{
    put_u64(out, ",\"asOf\":", push->as_of_ms);
    put_bool(out, ",\"synced\":", push->synced);
}

static void put_history(const struct push *push, struct buf *out)
{
    PUT(out, ",\"messages\":[");
    for (size_t i = 0; i < push->message_count; i++) {
        if (i != 0) {
            PUT(out, ",");
        }
        if (push->command == COMMAND_HISTORY_ROOM) {
            write_room_message(push->room, &push->messages[i], out);
        } else {
            write_direct_message(&push->messages[i], out);
        }
    }
    put_epoch(out, "],\"epoch\":", push->epoch);
    put_u64(out, ",\"offset\":", push->offset);
    put_u64(out, ",\"firstOffset\":", push->first_offset);
}

static void put_join(const struct push *push, struct buf *out)
{
    put_string(out, ",\"room\":", push->room);
    put_epoch(out, ",\"epoch\":", push->epoch);
    put_u64(out, ",\"offset\":", push->offset);
    put_u64(out, ",\"firstOffset\":", push->first_offset);
    put_bool(out, ",\"recovered\":", push->recovered);
    if (push->members != NULL) {
        put_members(push, out);
    }
}

static void put_duplicate(const struct push *push, struct buf *out)
{
    if (push->duplicate) {
        PUT(out, ",\"duplicate\":true");
    }
}

static void put_sent(const struct push *push, struct buf *out)
{
    put_string(out, ",\"room\":", push->room);
    put_u64(out, ",\"offset\":", push->offset);
    put_duplicate(push, out);
}

static void put_ok_fields(const struct push *push, struct buf *out)
{
    switch (push->command) {
    case COMMAND_JOIN:
        put_join(push, out);
        break;
    case COMMAND_LEAVE:
        put_string(out, ",\"room\":", push->room);
        break;
    case COMMAND_ROOM_MESSAGE:
        put_sent(push, out);
        break;
    case COMMAND_DIRECT_MESSAGE:
        put_u64(out, ",\"delivered\":", push->delivered);
        put_duplicate(push, out);
        break;
    case COMMAND_PRESENCE_ROOM:
        put_members(push, out);
        put_u64(out, ",\"total\":", push->total);
        put_freshness(push, out);
        break;
    case COMMAND_PRESENCE_USERS:
    case COMMAND_WATCH:
    case COMMAND_UNWATCH:
        put_users(push, out);
        put_freshness(push, out);
        break;
    case COMMAND_HISTORY_ROOM:
    case COMMAND_HISTORY_INBOX:
        put_history(push, out);
        break;
    case COMMAND_REFRESH:
        if (push->expires_at_ms != 0) {
            put_u64(out, ",\"expiresAt\":", push->expires_at_ms);
        }
        break;
    case COMMAND_PING:
    case COMMAND_BAD:
        break;
    }
}

static void write_error(const struct push *push, struct buf *out)
{
    PUT(out, "{\"type\":\"error\",\"code\":\"");
    buf_append_str(out, client_error_code(push->error));
    struct bytes text = push->text;
    if (text.len == 0) {
        text = bytes_of_str(client_error_text(push->error));
    }
    put_string(out, "\",\"error\":", text);
    put_id(out, push->id);
    if (push->retry_after_ms != 0) {
        put_u64(out, ",\"retryAfterMs\":", push->retry_after_ms);
    }
    PUT(out, "}");
}

static void write_presence(const struct push *push, struct buf *out)
{
    put_string(out, "{\"type\":\"presence\",\"userId\":", push->user);
    put_bool(out, ",\"online\":", push->online);
    put_u64(out, ",\"timestamp\":", push->timestamp_ms);
    PUT(out, "}");
}

static void write_user_joined(const struct push *push, struct buf *out)
{
    put_string(out, "{\"type\":\"user_joined\",\"roomId\":", push->room);
    put_string(out, ",\"userId\":", push->user);
    put_string(out, ",\"serverId\":", push->server_id);
    put_info(out, push->info);
    PUT(out, "}");
}

static void write_user_left(const struct push *push, struct buf *out)
{
    put_string(out, "{\"type\":\"user_left\",\"roomId\":", push->room);
    put_string(out, ",\"userId\":", push->user);
    put_string(out, ",\"reason\":", push->text);
    PUT(out, "}");
}

static void write_gap(const struct push *push, struct buf *out)
{
    if (push->room.len == 0) {
        buf_append_str(out, "{\"type\":\"gap\",\"inbox\":true");
    } else {
        put_string(out, "{\"type\":\"gap\",\"roomId\":", push->room);
    }
    if (push->epoch != 0) {
        put_epoch(out, ",\"epoch\":", push->epoch);
    }
    put_u64(out, ",\"from\":", push->from);
    put_u64(out, ",\"to\":", push->to);
    PUT(out, "}");
}

static void write_epoch(const struct push *push, struct buf *out)
{
    put_string(out, "{\"type\":\"epoch\",\"roomId\":", push->room);
    put_epoch(out, ",\"epoch\":", push->epoch);
    put_u64(out, ",\"offset\":", push->offset);
    PUT(out, "}");
}

void json_write_push(const struct push *push, struct buf *out)
{
    switch (push->kind) {
    case PUSH_WELCOME:
        write_welcome(push->welcome, out);
        break;
    case PUSH_ROUTING_TOKEN:
        put_string(out, "{\"type\":\"routing_token\",\"token\":", push->token);
        PUT(out, "}");
        break;
    case PUSH_OK:
        PUT(out, "{\"type\":\"ok\"");
        put_id(out, push->id);
        put_ok_fields(push, out);
        PUT(out, "}");
        break;
    case PUSH_PONG:
        PUT(out, "{\"type\":\"pong\"");
        put_id(out, push->id);
        PUT(out, "}");
        break;
    case PUSH_ERROR:
        write_error(push, out);
        break;
    case PUSH_ROOM_MESSAGE:
        write_room_message(push->room, &push->message, out);
        break;
    case PUSH_DIRECT_MESSAGE:
        write_direct_message(&push->message, out);
        break;
    case PUSH_USER_JOINED:
        write_user_joined(push, out);
        break;
    case PUSH_USER_LEFT:
        write_user_left(push, out);
        break;
    case PUSH_PRESENCE:
        write_presence(push, out);
        break;
    case PUSH_GAP:
        write_gap(push, out);
        break;
    case PUSH_EPOCH:
        write_epoch(push, out);
        break;
    case PUSH_KICKED:
        put_string(out, "{\"type\":\"kicked\",\"roomId\":", push->room);
        put_string(out, ",\"reason\":", push->text);
        PUT(out, "}");
        break;
    }
}
