/* Client messages to commands. Three tables say it all: the fields with what is expected of them,
 * the commands with the fields they know, and for each field the function that reads it. A message
 * is looked at in this order, and the first complaint is the answer: the JSON, `type`, `id`,
 * repeated fields, each field's value, what is missing. Fields of other commands are extra fields,
 * hence ignored. */
#include "router/json.h"
#include "router/json_scan.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define INTEGER_MAX UINT64_C(9007199254740991) /* 2^53-1: what JavaScript counts exactly */

enum { TOKEN_BYTES_MAX = 8192 };

#define NAME_RULE "a name: 1 to 128 bytes, no control characters"

/* id, name in JSON, what is expected. The first two are read before the command is known. */
#define FIELDS(X)                                                                                  \
    X(TYPE, "type", "a string")                                                                    \
    X(ID, "id", "an integer from 1 to 9007199254740991 or a string of 1 to 64 bytes")              \
    X(ROOM, "room", NAME_RULE)                                                                     \
    X(TARGET, "targetUserId", NAME_RULE)                                                           \
    X(USERS, "users", "an array of 1 to 100 names: 1 to 128 bytes, no control characters")         \
    X(INBOX, "inbox", "true or false")                                                             \
    X(PAYLOAD, "payload", "any JSON")                                                              \
    X(SINCE, "since", "{\"epoch\": string, \"offset\": integer from 0 to 9007199254740991}")       \
    X(LIMIT, "limit", "an integer from 1 to 1000")                                                 \
    X(MEMBERS, "members", "true or false")                                                         \
    X(ECHO, "echo", "true or false")                                                               \
    X(KEY, "key", "a string of 1 to 64 bytes")                                                     \
    X(TOKEN, "token", "a string of 1 to 8192 bytes")

enum field {
#define FIELD(id, name, expected) FIELD_##id,
    FIELDS(FIELD)
#undef FIELD
        FIELD_COUNT
};

/* What can be said about a field. */
struct field_texts {
    const char *name;
    const char *wrong;
    const char *missing;
    const char *repeated;
};

static const struct field_texts field_texts[FIELD_COUNT] = {
#define FIELD(id, name, expected)                                                                  \
    [FIELD_##id] = {name, "Field '" name "' must be " expected,                                    \
                    "Field '" name "' is required: " expected,                                     \
                    "Field '" name "' is given more than once"},
    FIELDS(FIELD)
#undef FIELD
};

static const struct bytes field_names[FIELD_COUNT] = {
#define FIELD(id, name, expected) [FIELD_##id] = BYTES_INIT(name),
    FIELDS(FIELD)
#undef FIELD
};

enum {
    BIT_ROOM = 1 << FIELD_ROOM,
    BIT_TARGET = 1 << FIELD_TARGET,
    BIT_USERS = 1 << FIELD_USERS,
    BIT_INBOX = 1 << FIELD_INBOX,
    BIT_PAYLOAD = 1 << FIELD_PAYLOAD,
    BIT_SINCE = 1 << FIELD_SINCE,
    BIT_LIMIT = 1 << FIELD_LIMIT,
    BIT_MEMBERS = 1 << FIELD_MEMBERS,
    BIT_ECHO = 1 << FIELD_ECHO,
    BIT_KEY = 1 << FIELD_KEY,
    BIT_TOKEN = 1 << FIELD_TOKEN
};

/* type, kind, required fields, optional ones. presence and history are the kind for `room` here;
 * choose_target() decides. */
#define COMMANDS(X)                                                                                \
    X("room_message", COMMAND_ROOM_MESSAGE, BIT_ROOM | BIT_PAYLOAD, BIT_ECHO | BIT_KEY)            \
    X("direct_message", COMMAND_DIRECT_MESSAGE, BIT_TARGET | BIT_PAYLOAD, BIT_KEY)                 \
    X("join", COMMAND_JOIN, BIT_ROOM, BIT_SINCE | BIT_MEMBERS)                                     \
    X("leave", COMMAND_LEAVE, BIT_ROOM, 0)                                                         \
    X("presence", COMMAND_PRESENCE_ROOM, 0, BIT_ROOM | BIT_USERS)                                  \
    X("watch", COMMAND_WATCH, BIT_USERS, 0)                                                        \
    X("unwatch", COMMAND_UNWATCH, BIT_USERS, 0)                                                    \
    X("history", COMMAND_HISTORY_ROOM, 0, BIT_ROOM | BIT_INBOX | BIT_SINCE | BIT_LIMIT)            \
    X("refresh", COMMAND_REFRESH, BIT_TOKEN, 0)                                                    \
    X("ping", COMMAND_PING, 0, 0)

static const struct command_row {
    enum command_kind kind;
    uint32_t required;
    uint32_t optional;
} command_rows[] = {
#define COMMAND(type, kind, required, optional) {kind, required, optional},
    COMMANDS(COMMAND)
#undef COMMAND
};

static const struct bytes command_types[] = {
#define COMMAND(type, kind, required, optional) BYTES_INIT(type),
    COMMANDS(COMMAND)
#undef COMMAND
};

enum { COMMAND_ROWS = sizeof(command_rows) / sizeof(command_rows[0]) };

/* One message on its way to a command. */
struct reader {
    struct command *command;
    struct buf *scratch;
    size_t text_len;
    bool inbox;
};

static void bad(struct command *command, enum client_error error, const char *detail)
{
    command->kind = COMMAND_BAD;
    command->error = error;
    command->detail = bytes_of_str(detail);
}

/* Room in scratch for every string of the message at once, so that views into it never move. Most
 * messages have no escape in a name and never come here. */
static bool reserve_scratch(struct reader *reader)
{
    struct buf *scratch = reader->scratch;
    if (scratch->capacity >= reader->text_len) {
        return true;
    }
    if (buf_extend(scratch, reader->text_len) == NULL) {
        return false;
    }
    buf_clear(scratch);
    return true;
}

/* The text of a JSON string: a view of the message where nothing is escaped, else of scratch. */
static enum client_error decode(struct reader *reader, struct bytes raw, struct bytes *ret_text)
{
    if (memchr(raw.data, '\\', raw.len) == NULL) {
        *ret_text = bytes_slice(raw, 1, raw.len - 2);
        return CLIENT_ERROR_NONE;
    }
    if (!reserve_scratch(reader)) {
        return CLIENT_ERROR_INTERNAL;
    }
    size_t start = reader->scratch->len;
    if (!json_string_decode(raw, reader->scratch)) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    assert(reader->scratch->data != NULL && "there was room for the text");
    *ret_text = bytes_slice(buf_bytes(reader->scratch), start, reader->scratch->len);
    return CLIENT_ERROR_NONE;
}

static enum client_error read_text(struct reader *reader, struct json_value value, size_t len_max,
                                   struct bytes *ret_text)
{
    if (value.kind != JSON_KIND_STRING) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    struct bytes text = BYTES_EMPTY;
    enum client_error error = decode(reader, value.raw, &text);
    if (error != CLIENT_ERROR_NONE) {
        return error;
    }
    if (text.len == 0 || text.len > len_max) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    *ret_text = text;
    return CLIENT_ERROR_NONE;
}

/* A wrong type is an invalid message; a string that cannot be a name is an invalid name. */
static enum client_error read_name(struct reader *reader, struct json_value value,
                                   struct bytes *ret_name)
{
    if (value.kind != JSON_KIND_STRING) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    struct bytes name = BYTES_EMPTY;
    enum client_error error = decode(reader, value.raw, &name);
    if (error == CLIENT_ERROR_INTERNAL) {
        return error;
    }
    if (error != CLIENT_ERROR_NONE || !client_name_valid(name)) {
        return CLIENT_ERROR_INVALID_NAME;
    }
    *ret_name = name;
    return CLIENT_ERROR_NONE;
}

static enum client_error read_bool(struct json_value value, bool *ret_value)
{
    if (value.kind != JSON_KIND_TRUE && value.kind != JSON_KIND_FALSE) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    *ret_value = value.kind == JSON_KIND_TRUE;
    return CLIENT_ERROR_NONE;
}

static bool user_given(const struct command *command, struct bytes name)
{
    for (size_t i = 0; i < command->user_count; i++) {
        if (bytes_equal(command->users[i], name)) {
            return true;
        }
    }
    return false;
}

/* A name given twice counts once: the answer is an object with one member for each. */
static enum client_error read_users(struct reader *reader, struct json_value value)
{
    if (value.kind != JSON_KIND_ARRAY) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    size_t cursor = 0;
    size_t given = 0;
    struct bytes no_key;
    struct json_value item;
    while (json_next(value, &cursor, &no_key, &item)) {
        struct bytes name = BYTES_EMPTY;
        if (given++ == COMMAND_USERS_MAX) {
            return CLIENT_ERROR_INVALID_MESSAGE;
        }
        enum client_error error = read_name(reader, item, &name);
        if (error != CLIENT_ERROR_NONE) {
            return error;
        }
        if (!user_given(reader->command, name)) {
            reader->command->users[reader->command->user_count++] = name;
        }
    }
    return given == 0 ? CLIENT_ERROR_INVALID_MESSAGE : CLIENT_ERROR_NONE;
}

/* 1 to 16 lower-case hexadecimal digits; any other text is no epoch of ours: 0. */
static uint64_t parse_epoch(struct bytes text)
{
    uint64_t epoch = 0;
    if (text.len > 16) {
        return 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t digit = text.data[i];
        if (digit >= '0' && digit <= '9') {
            epoch = epoch << 4 | (uint64_t)(digit - '0');
        } else if (digit >= 'a' && digit <= 'f') {
            epoch = epoch << 4 | (uint64_t)(digit - 'a' + 10);
        } else {
            return 0;
        }
    }
    return epoch;
}

static enum client_error read_since(struct reader *reader, struct json_value value)
{
    static const char *const names[] = {"epoch", "offset"};
    enum { EPOCH, OFFSET, BOTH = 1 << EPOCH | 1 << OFFSET };
    struct json_value found[2];
    const struct bytes lookup[] = {bytes_of_str(names[EPOCH]), bytes_of_str(names[OFFSET])};
    if (value.kind != JSON_KIND_OBJECT) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    struct json_members members = json_members(value, lookup, 2, found);
    struct since since = {.present = true};
    if (members.seen != BOTH || members.repeated != 0 || found[EPOCH].kind != JSON_KIND_STRING ||
        !json_read_integer(found[OFFSET], INTEGER_MAX, &since.offset)) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    struct bytes epoch = BYTES_EMPTY;
    enum client_error error = decode(reader, found[EPOCH].raw, &epoch);
    if (error == CLIENT_ERROR_INTERNAL) {
        return error;
    }
    since.epoch = parse_epoch(epoch);
    reader->command->since = since;
    return CLIENT_ERROR_NONE;
}

static enum client_error read_limit(struct json_value value, uint32_t *ret_limit)
{
    uint64_t limit = 0;
    if (!json_read_integer(value, COMMAND_HISTORY_MAX, &limit) || limit == 0) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    *ret_limit = (uint32_t)limit;
    return CLIENT_ERROR_NONE;
}

static enum client_error read_id(struct reader *reader, struct json_value value)
{
    uint64_t number = 0;
    struct bytes text;
    if (value.kind == JSON_KIND_STRING) {
        enum client_error error = read_text(reader, value, COMMAND_ID_MAX, &text);
        if (error != CLIENT_ERROR_NONE) {
            return error;
        }
    } else if (!json_read_integer(value, INTEGER_MAX, &number) || number == 0) {
        return CLIENT_ERROR_INVALID_MESSAGE;
    }
    reader->command->id = value.raw;
    return CLIENT_ERROR_NONE;
}

/* What it does not say is the room's policy. */
static enum client_error read_echo(struct json_value value, struct command *command)
{
    enum client_error error = read_bool(value, &command->echo);
    command->no_echo = !command->echo;
    return error;
}

static enum client_error read_field(struct reader *reader, enum field field,
                                    struct json_value value)
{
    struct command *command = reader->command;
    switch (field) {
    case FIELD_ID:
        return read_id(reader, value);
    case FIELD_ROOM:
        return read_name(reader, value, &command->room);
    case FIELD_TARGET:
        return read_name(reader, value, &command->user);
    case FIELD_USERS:
        return read_users(reader, value);
    case FIELD_INBOX:
        return read_bool(value, &reader->inbox);
    case FIELD_PAYLOAD:
        command->payload = value.raw;
        return CLIENT_ERROR_NONE;
    case FIELD_SINCE:
        return read_since(reader, value);
    case FIELD_LIMIT:
        return read_limit(value, &command->limit);
    case FIELD_MEMBERS:
        return read_bool(value, &command->want_members);
    case FIELD_ECHO:
        return read_echo(value, command);
    case FIELD_KEY:
        return read_text(reader, value, COMMAND_KEY_MAX, &command->key);
    case FIELD_TOKEN:
        return read_text(reader, value, TOKEN_BYTES_MAX, &command->token);
    case FIELD_TYPE:
    case FIELD_COUNT:
        break;
    }
    assert(false && "the type is read before any field");
    return CLIENT_ERROR_INTERNAL;
}

/* Complains about the first of the fields in `mask`; true when there is none. */
static bool none_of(struct command *command, uint32_t mask, bool repeated)
{
    if (mask == 0) {
        return true;
    }
    const struct field_texts *texts = &field_texts[__builtin_ctz(mask)];
    bad(command, CLIENT_ERROR_INVALID_MESSAGE, repeated ? texts->repeated : texts->missing);
    return false;
}

static bool read_fields(struct reader *reader, uint32_t mask, const struct json_value *values)
{
    for (; mask != 0; mask &= mask - 1) {
        int field = __builtin_ctz(mask);
        enum client_error error = read_field(reader, (enum field)field, values[field]);
        if (error != CLIENT_ERROR_NONE) {
            bad(reader->command, error,
                error == CLIENT_ERROR_INTERNAL ? NULL : field_texts[field].wrong);
            return false;
        }
    }
    return true;
}

/* presence asks about a room or users, history about a room or the inbox: exactly one. */
static void choose_target(const struct reader *reader, uint32_t seen)
{
    struct command *command = reader->command;
    bool room = (seen & BIT_ROOM) != 0;
    bool other = command->kind == COMMAND_HISTORY_ROOM ? reader->inbox : (seen & BIT_USERS) != 0;
    if (command->kind == COMMAND_PRESENCE_ROOM) {
        if (room == other) {
            bad(command, CLIENT_ERROR_INVALID_MESSAGE, "Give exactly one of 'room' and 'users'");
        } else if (other) {
            command->kind = COMMAND_PRESENCE_USERS;
        }
    } else if (command->kind == COMMAND_HISTORY_ROOM) {
        if (room == other) {
            bad(command, CLIENT_ERROR_INVALID_MESSAGE,
                "Give exactly one of 'room' and 'inbox': true");
        } else if (other) {
            command->kind = COMMAND_HISTORY_INBOX;
        }
    }
}

static const struct command_row *find_row(struct json_value type)
{
    size_t i = json_string_find(type.raw, command_types, COMMAND_ROWS);
    return i == COMMAND_ROWS ? NULL : &command_rows[i];
}

static void read_members(struct reader *reader, struct json_members members,
                         const struct json_value *values)
{
    enum { BIT_TYPE = 1 << FIELD_TYPE, BIT_ID = 1 << FIELD_ID };
    struct command *command = reader->command;
    /* Two ids are none. The id comes first, so that every complaint below carries it. */
    bool id_read = read_fields(reader, members.seen & ~members.repeated & BIT_ID, values);
    if (!none_of(command, members.repeated & BIT_TYPE, true)) {
        return;
    }
    const struct command_row *row = NULL;
    if ((members.seen & BIT_TYPE) != 0) {
        if (values[FIELD_TYPE].kind != JSON_KIND_STRING) {
            bad(command, CLIENT_ERROR_INVALID_MESSAGE, field_texts[FIELD_TYPE].wrong);
            return;
        }
        row = find_row(values[FIELD_TYPE]);
    }
    if (row == NULL) {
        bad(command, CLIENT_ERROR_UNKNOWN_TYPE, NULL);
        return;
    }
    uint32_t known = row->required | row->optional;
    if (!id_read || !none_of(command, members.repeated & (known | BIT_ID), true)) {
        return;
    }
    command->kind = row->kind;
    if (read_fields(reader, members.seen & known, values) &&
        none_of(command, row->required & ~members.seen, false)) {
        choose_target(reader, members.seen);
    }
}

void json_read_command(struct bytes text, struct buf *scratch, struct command *ret_command)
{
    struct json_value values[FIELD_COUNT];
    const struct json_lookup lookup = {field_names, FIELD_COUNT, values};
    struct json_members members;
    struct reader reader = {ret_command, scratch, text.len, false};
    buf_clear(scratch);
    memset(ret_command, 0, offsetof(struct command, users)); /* most of it is users */
    ret_command->kind = COMMAND_BAD;
    if (!json_scan_object(text, &lookup, &members)) {
        bad(ret_command, CLIENT_ERROR_INVALID_JSON, NULL);
        return;
    }
    read_members(&reader, members, values);
}
