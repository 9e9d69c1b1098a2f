#include "router/rights_json.h"

enum { ROOMS, DIRECT, INFO, MEMBERS };

static const char *read_list(struct json_value list, unsigned *ret_bits)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {{"join", RIGHT_JOIN},
                 {"publish", RIGHT_PUBLISH},
                 {"history", RIGHT_HISTORY},
                 {"presence", RIGHT_PRESENCE}};
    size_t cursor = 0;
    struct bytes no_key;
    struct json_value item;
    if (list.kind != JSON_KIND_ARRAY) {
        return "rights of a room are not an array";
    }
    while (json_next(list, &cursor, &no_key, &item)) {
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (item.kind == JSON_KIND_STRING &&
                json_string_equals(item.raw, bytes_of_str(names[i].name))) {
                bit = names[i].bit;
            }
        }
        if (bit == 0) {
            return "a right is none of join publish history presence";
        }
        *ret_bits |= bit;
    }
    return NULL;
}

static const char *read_rooms(struct json_value rooms, size_t begin, struct buf *out)
{
    size_t cursor = 0;
    size_t count = 0;
    struct bytes key;
    struct json_value list;
    struct buf pattern;
    const char *why = rooms.kind == JSON_KIND_OBJECT ? NULL : "rights.rooms is not an object";
    buf_init(&pattern, 0);
    while (why == NULL && json_next(rooms, &cursor, &key, &list)) {
        unsigned bits = 0;
        buf_clear(&pattern);
        if (++count > RIGHTS_ROOMS_MAX) {
            why = "rights.rooms has more than 64 patterns";
        } else if (!json_string_decode(key, &pattern) || pattern.len == 0 ||
                   pattern.len > RIGHTS_PATTERN_MAX) {
            why = "a pattern of rights.rooms has not 1 to 128 bytes";
        } else {
            why = read_list(list, &bits);
        }
        if (why == NULL) {
            rights_add_room(out, begin, buf_bytes(&pattern), bits);
        }
    }
    buf_fini(&pattern);
    return why;
}

/* Whether every member of the object has one of the names. */
static bool knows_all(struct json_value object, const struct bytes *names)
{
    size_t cursor = 0;
    struct bytes key;
    struct json_value value;
    while (json_next(object, &cursor, &key, &value)) {
        bool known = false;
        for (size_t i = 0; i < MEMBERS; i++) {
            known = known || json_string_equals(key, names[i]);
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

const char *rights_read(struct json_value claim, struct buf *out)
{
    const struct bytes names[MEMBERS] = {BYTES_LIT("rooms"), BYTES_LIT("direct"),
                                         BYTES_LIT("info")};
    struct json_value values[MEMBERS] = {{JSON_KIND_NULL, BYTES_EMPTY}};
    if (claim.kind != JSON_KIND_OBJECT || !knows_all(claim, names)) {
        return "rights is not an object of rooms, direct and info";
    }
    struct json_members members = json_members(claim, names, MEMBERS, values);
    bool has_rooms = (members.seen & 1U << ROOMS) != 0;
    bool has_direct = (members.seen & 1U << DIRECT) != 0;
    bool direct = !has_direct || values[DIRECT].kind == JSON_KIND_TRUE;
    if (members.repeated != 0) {
        return "rights names something twice";
    }
    if (has_direct && !direct && values[DIRECT].kind != JSON_KIND_FALSE) {
        return "rights.direct is not true or false";
    }
    size_t begin = out->len;
    rights_begin(out, has_rooms, direct);
    const char *why = has_rooms ? read_rooms(values[ROOMS], begin, out) : NULL;
    if (why == NULL && (members.seen & 1U << INFO) != 0) {
        if (values[INFO].raw.len > RIGHTS_INFO_MAX) {
            return "rights.info is larger than 1024 bytes";
        }
        rights_add_info(out, values[INFO].raw);
    }
    return why;
}
