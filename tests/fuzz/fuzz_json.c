/* The JSON front-end on any bytes: slices stay inside the text, what is accepted is accepted again
 * piece by piece, and what was read survives being written and read. */
#include "router/json.h"
#include "router/json_scan.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

static bool inside(struct bytes whole, struct bytes part)
{
    return part.len == 0 || (part.data >= whole.data && part.len <= whole.len &&
                             part.data + part.len <= whole.data + whole.len);
}

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

/* Recursion is bounded by the scanner's depth limit. */
static void walk(struct json_value value)
{
    size_t cursor = 0;
    struct bytes key;
    struct json_value item;
    struct json_value again;
    while (json_next(value, &cursor, &key, &item)) {
        require(inside(value.raw, item.raw) && inside(value.raw, key));
        require((value.kind == JSON_KIND_OBJECT) == (key.len != 0));
        require(key.len == 0 || (json_scan(key, &again) && again.kind == JSON_KIND_STRING));
        require(json_scan(item.raw, &again) && again.kind == item.kind);
        require(bytes_equal(again.raw, item.raw));
        walk(item);
    }
}

static void check_string(struct json_value value)
{
    struct buf text;
    struct buf raw;
    buf_init(&text, 0);
    buf_init(&raw, 0);
    if (value.kind == JSON_KIND_STRING && json_string_decode(value.raw, &text)) {
        require(text.len <= value.raw.len - 2);
        require(json_string_equals(value.raw, buf_bytes(&text)));
        json_write_string(buf_bytes(&text), &raw);
        require(json_scan(buf_bytes(&raw), &value));
        require(json_string_equals(value.raw, buf_bytes(&text)));
    }
    buf_fini(&raw);
    buf_fini(&text);
}

static void check_object(struct bytes text)
{
    static const struct bytes names[] = {BYTES_INIT("type"), BYTES_INIT("a")};
    struct json_value once[2];
    struct json_value twice[2];
    const struct json_lookup lookup = {names, 2, once};
    struct json_members members;
    struct json_value value;
    bool object = json_scan(text, &value) && value.kind == JSON_KIND_OBJECT;
    require(json_scan_object(text, &lookup, &members) == object);
    if (!object) {
        return;
    }
    struct json_members expected = json_members(value, names, 2, twice);
    require(members.seen == expected.seen && members.repeated == expected.repeated);
    for (size_t i = 0; i < 2; i++) {
        require((members.seen >> i & 1) == 0 || bytes_equal(once[i].raw, twice[i].raw));
    }
}

static void check_scan(struct bytes text)
{
    struct json_value value;
    struct json_value again;
    check_object(text);
    if (!json_scan(text, &value)) {
        return;
    }
    require(value.raw.len != 0 && inside(text, value.raw));
    require(json_scan(value.raw, &again) && bytes_equal(again.raw, value.raw));
    walk(value);
    check_string(value);
}

static void check_views(struct bytes text, struct bytes scratch, const struct command *command)
{
    const struct bytes decoded[] = {command->room, command->user, command->key, command->token};
    require(inside(text, command->id) && inside(text, command->payload));
    for (size_t i = 0; i < sizeof(decoded) / sizeof(decoded[0]); i++) {
        require(inside(text, decoded[i]) || inside(scratch, decoded[i]));
    }
    require(command->user_count <= COMMAND_USERS_MAX);
    for (size_t i = 0; i < command->user_count; i++) {
        struct bytes user = command->users[i];
        require(inside(text, user) || inside(scratch, user));
        require(command->kind == COMMAND_BAD || client_name_valid(user));
    }
}

/* The answer to the command is JSON and carries the id as it came. */
static void check_answer(const struct command *command, struct buf *out)
{
    const struct bytes names[] = {BYTES_LIT("id"), BYTES_LIT("type")};
    struct json_value values[2];
    struct json_value answer;
    struct push push = {.kind = command->kind == COMMAND_BAD ? PUSH_ERROR : PUSH_OK,
                        .command = command->kind,
                        .id = command->id,
                        .room = command->room,
                        .error = command->error,
                        .text = command->detail};
    buf_clear(out);
    json_write_push(&push, out);
    require(json_scan(buf_bytes(out), &answer));
    struct json_members members = json_members(answer, names, 2, values);
    require(members.repeated == 0);
    require((command->id.len != 0) == ((members.seen & 1) != 0));
    require(command->id.len == 0 || bytes_equal(values[0].raw, command->id));
}

/* A message as its receivers get it: the payload byte for byte, the name as it was meant. */
static void check_delivery(const struct command *command, struct buf *out)
{
    const struct bytes names[] = {BYTES_LIT("payload"), BYTES_LIT("roomId")};
    struct json_value values[2];
    struct json_value delivery;
    struct push push = {.kind = PUSH_ROOM_MESSAGE, .room = command->room};
    if (command->kind != COMMAND_ROOM_MESSAGE) {
        return;
    }
    push.message.payload = command->payload;
    buf_clear(out);
    json_write_push(&push, out);
    require(json_scan(buf_bytes(out), &delivery));
    struct json_members members = json_members(delivery, names, 2, values);
    require(members.seen == 3 && members.repeated == 0);
    require(bytes_equal(values[0].raw, command->payload));
    require(json_string_equals(values[1].raw, command->room));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    struct command command;
    struct buf scratch;
    struct buf out;
    buf_init(&scratch, 0);
    buf_init(&out, 0);
    check_scan(text);
    json_read_command(text, &scratch, &command);
    require((command.kind == COMMAND_BAD) == (command.error != CLIENT_ERROR_NONE));
    require(command.error != CLIENT_ERROR_INTERNAL);
    check_views(text, buf_bytes(&scratch), &command);
    check_answer(&command, &out);
    check_delivery(&command, &out);
    buf_fini(&out);
    buf_fini(&scratch);
    return 0;
}
