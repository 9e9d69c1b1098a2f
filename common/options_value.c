#include "common/options_value.h"

#include "common/mem.h"

#include <assert.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: that is how values are shown. */
static const struct unit time_units[] = {
    {"h", INT64_C(3600000)}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit size_units[] = {{"GiB", INT64_C(1) << 30},
                                         {"MiB", INT64_C(1) << 20},
                                         {"KiB", INT64_C(1) << 10},
                                         {"B", 1},
                                         {NULL, 0}};
static const struct unit no_units[] = {{NULL, 0}};

static const struct {
    const char *word;
    bool value;
} bool_words[] = {{"on", true},  {"off", false}, {"true", true}, {"false", false},
                  {"yes", true}, {"no", false},  {"1", true},    {"0", false}};

enum { QUOTED_LEN_MAX = 64 };

static void *field_of(const struct option_spec *spec, void *target)
{
    return (char *)target + spec->offset;
}

static const void *const_field_of(const struct option_spec *spec, const void *target)
{
    return (const char *)target + spec->offset;
}

void option_quote(struct bytes text, struct buf *out)
{
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len && i < QUOTED_LEN_MAX; i++) {
        uint8_t byte = text.data[i];
        buf_append_byte(out, byte < 0x20 || byte == 0x7F ? '?' : byte);
    }
    buf_append_str(out, text.len > QUOTED_LEN_MAX ? "...\"" : "\"");
}

static bool refuse(const struct option_spec *spec, struct bytes text, const char *reason,
                   struct buf *why)
{
    if ((spec->flags & OPTION_SECRET) != 0) {
        buf_append_str(why, "the value (not shown)");
    } else {
        option_quote(text, why);
    }
    buf_append_byte(why, ' ');
    buf_append_str(why, reason);
    return false;
}

/* Decimal digits at the start of `*text`, which moves past them. False without digits or when the
 * number does not fit. */
static bool take_digits(struct bytes *text, int64_t *ret_value)
{
    int64_t value = 0;
    size_t i = 0;
    for (; text->data != NULL && i < text->len && text->data[i] >= '0' && text->data[i] <= '9';
         i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text->data[i] - '0', &value)) {
            return false;
        }
    }
    if (i == 0) {
        return false;
    }
    *text = bytes_slice(*text, i, text->len);
    *ret_value = value;
    return true;
}

static const struct unit *units_of(enum option_type type)
{
    return type == OPTION_TIME ? time_units : type == OPTION_SIZE ? size_units : no_units;
}

/* What a number without a unit is multiplied by; 0 = it is refused. */
static int64_t bare_factor(enum option_type type, int64_t value)
{
    return type == OPTION_TIME && value != 0 ? 0 : 1;
}

static bool scale(enum option_type type, struct bytes unit, int64_t *value)
{
    int64_t factor = unit.len == 0 ? bare_factor(type, *value) : 0;
    for (const struct unit *it = units_of(type); it->name != NULL; it++) {
        if (bytes_equal(unit, bytes_of_str(it->name))) {
            factor = it->factor;
        }
    }
    return factor != 0 && !__builtin_mul_overflow(*value, factor, value);
}

static bool number_of(const struct option_spec *spec, struct bytes text, int64_t *ret_value)
{
    if (spec->type == OPTION_TIME && spec->min == 0 && bytes_equal(text, BYTES_LIT("off"))) {
        *ret_value = 0;
        return true;
    }
    bool negative = spec->type == OPTION_INT && bytes_starts_with(text, BYTES_LIT("-"));
    struct bytes rest = bytes_slice(text, negative ? 1 : 0, text.len);
    int64_t value = 0;
    if (!take_digits(&rest, &value) || !scale(spec->type, rest, &value)) {
        return false;
    }
    *ret_value = negative ? -value : value;
    return true;
}

static bool parse_number(const struct option_spec *spec, int64_t *field, struct bytes text,
                         struct buf *why)
{
    int64_t value = 0;
    if (!number_of(spec, text, &value)) {
        return refuse(spec, text,
                      spec->type == OPTION_TIME   ? "is not a duration (number and unit)"
                      : spec->type == OPTION_SIZE ? "is not a size"
                                                  : "is not a number",
                      why);
    }
    if (value < spec->min || value > spec->max) {
        return refuse(spec, text, "is out of range", why);
    }
    *field = value;
    return true;
}

static bool parse_bool(const struct option_spec *spec, bool *field, struct bytes text,
                       struct buf *why)
{
    for (size_t i = 0; i < sizeof(bool_words) / sizeof(bool_words[0]); i++) {
        if (bytes_equal(text, bytes_of_str(bool_words[i].word))) {
            *field = bool_words[i].value;
            return true;
        }
    }
    return refuse(spec, text, "is neither on nor off", why);
}

/* The part of `*rest` before `separator`; `*rest` moves behind it. False when nothing is left. */
static bool next_part(struct bytes *rest, uint8_t separator, struct bytes *ret_part)
{
    if (rest->data == NULL) {
        return false;
    }
    const uint8_t *end = memchr(rest->data, separator, rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->data);
    *ret_part = bytes_slice(*rest, 0, len);
    *rest = end == NULL ? BYTES_EMPTY : bytes_slice(*rest, len + 1, rest->len);
    return true;
}

static bool parse_choice(const struct option_spec *spec, int64_t *field, struct bytes text,
                         struct buf *why)
{
    struct bytes rest = bytes_of_str(spec->choices);
    struct bytes choice;
    for (int64_t index = 0; next_part(&rest, ' ', &choice); index++) {
        if (bytes_equal(text, choice)) {
            *field = index;
            return true;
        }
    }
    return refuse(spec, text, "is not one of the choices", why);
}

static void parse_string(char **field, struct bytes text)
{
    mem_free(*field);
    *field = text.len == 0 ? NULL : mem_copy_str(text);
}

static struct bytes trimmed(struct bytes text)
{
    while (text.len != 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = bytes_slice(text, 1, text.len);
    }
    while (text.len != 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

static bool parse_list(const struct option_spec *spec, struct option_list *list, struct bytes text,
                       struct buf *why)
{
    struct bytes part;
    struct bytes rest = text;
    while (text.len != 0 && next_part(&rest, ',', &part)) {
        if (trimmed(part).len == 0) {
            return refuse(spec, text, "has an empty item", why);
        }
    }
    rest = text;
    while (text.len != 0 && next_part(&rest, ',', &part)) {
        list->items = mem_resize(list->items, list->count + 1, sizeof(*list->items));
        list->items[list->count++] = mem_copy_str(trimmed(part));
    }
    return true;
}

bool option_value_parse(const struct option_spec *spec, void *target, struct bytes text,
                        struct buf *why)
{
    void *field = field_of(spec, target);
    if (text.len != 0 && memchr(text.data, '\0', text.len) != NULL) {
        return refuse(spec, text, "holds a zero byte", why);
    }
    switch (spec->type) {
    case OPTION_BOOL:
        return parse_bool(spec, field, text, why);
    case OPTION_INT:
    case OPTION_TIME:
    case OPTION_SIZE:
        return parse_number(spec, field, text, why);
    case OPTION_CHOICE:
        return parse_choice(spec, field, text, why);
    case OPTION_STRING:
        parse_string(field, text);
        return true;
    case OPTION_LIST:
        return parse_list(spec, field, text, why);
    }
    return refuse(spec, text, "belongs to a row of unknown type", why);
}

void option_value_clear(const struct option_spec *spec, void *target)
{
    void *field = field_of(spec, target);
    if (spec->type == OPTION_STRING) {
        char **string = field;
        mem_free(*string);
    } else if (spec->type == OPTION_LIST) {
        struct option_list *list = field;
        for (size_t i = 0; i < list->count; i++) {
            mem_free(list->items[i]);
        }
        mem_free(list->items);
    }
    memset(field, 0, option_value_size(spec->type));
}

static bool lists_equal(const struct option_list *a, const struct option_list *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0) {
            return false;
        }
    }
    return true;
}

bool option_value_equal(const struct option_spec *spec, const void *a, const void *b)
{
    const void *field_a = const_field_of(spec, a);
    const void *field_b = const_field_of(spec, b);
    if (spec->type == OPTION_LIST) {
        return lists_equal(field_a, field_b);
    }
    if (spec->type == OPTION_STRING) {
        const char *const *string_a = field_a;
        const char *const *string_b = field_b;
        return bytes_equal(bytes_of_str(*string_a), bytes_of_str(*string_b));
    }
    return memcmp(field_a, field_b, option_value_size(spec->type)) == 0;
}

void option_value_swap(const struct option_spec *spec, void *a, void *b)
{
    unsigned char kept[sizeof(struct option_list)];
    size_t size = option_value_size(spec->type);
    memcpy(kept, field_of(spec, a), size);
    memcpy(field_of(spec, a), field_of(spec, b), size);
    memcpy(field_of(spec, b), kept, size);
}

size_t option_value_size(enum option_type type)
{
    switch (type) {
    case OPTION_BOOL:
        return sizeof(OPTION_CTYPE_BOOL);
    case OPTION_STRING:
        return sizeof(OPTION_CTYPE_STRING);
    case OPTION_LIST:
        return sizeof(OPTION_CTYPE_LIST);
    case OPTION_INT:
    case OPTION_TIME:
    case OPTION_SIZE:
    case OPTION_CHOICE:
        break;
    }
    return sizeof(int64_t);
}

/* With the largest unit that leaves no rest. */
static void append_number(enum option_type type, int64_t value, struct buf *out)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    const struct unit *unit = units_of(type);
    while (unit->name != NULL && (value == 0 || value % unit->factor != 0)) {
        unit++;
    }
    if (value < 0) {
        buf_append_byte(out, '-');
    }
    buf_append_u64(out, unit->name == NULL ? magnitude : magnitude / (uint64_t)unit->factor);
    buf_append_str(out, unit->name == NULL ? "" : unit->name);
}

/* The choice number `index`. */
static void append_choice(const struct option_spec *spec, int64_t index, struct buf *out)
{
    struct bytes rest = bytes_of_str(spec->choices);
    struct bytes choice;
    int64_t at = 0;
    while (next_part(&rest, ' ', &choice)) {
        if (at++ == index) {
            buf_append(out, choice);
            return;
        }
    }
    buf_append_str(out, "unset");
}

static void append_list(const struct option_list *list, struct buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        buf_append_str(out, i == 0 ? "" : ",");
        buf_append_str(out, list->items[i]);
    }
}

void option_value_show(const struct option_spec *spec, const void *target, struct buf *out)
{
    const void *field = const_field_of(spec, target);
    int64_t number = 0;
    switch (spec->type) {
    case OPTION_BOOL:
        buf_append_str(out, *(const bool *)field ? "on" : "off");
        return;
    case OPTION_STRING:
        buf_append(out, bytes_of_str(*(const char *const *)field));
        return;
    case OPTION_LIST:
        append_list(field, out);
        return;
    case OPTION_CHOICE:
    case OPTION_TIME:
    case OPTION_INT:
    case OPTION_SIZE:
        memcpy(&number, field, sizeof(number));
        break;
    }
    if (spec->type == OPTION_CHOICE) {
        append_choice(spec, number, out);
    } else if (spec->type == OPTION_TIME && number == 0) {
        buf_append_str(out, "off");
    } else {
        append_number(spec->type, number, out);
    }
}

static void append_range(const struct option_spec *spec, struct buf *out)
{
    append_number(spec->type, spec->min, out);
    if (spec->type == OPTION_TIME && spec->min == 0) {
        buf_append_str(out, " (off)");
    }
    if (spec->max == INT64_MAX) {
        buf_append_str(out, " or more");
        return;
    }
    buf_append_str(out, " to ");
    append_number(spec->type, spec->max, out);
}

static void append_choices(const struct option_spec *spec, struct buf *out)
{
    struct bytes rest = bytes_of_str(spec->choices);
    struct bytes choice;
    for (bool first = true; next_part(&rest, ' ', &choice); first = false) {
        buf_append_str(out, first ? "" : ", ");
        buf_append(out, choice);
    }
}

void option_value_allowed(const struct option_spec *spec, struct buf *out)
{
    switch (spec->type) {
    case OPTION_BOOL:
        buf_append_str(out, "on, off");
        break;
    case OPTION_INT:
    case OPTION_TIME:
    case OPTION_SIZE:
        append_range(spec, out);
        break;
    case OPTION_CHOICE:
        append_choices(spec, out);
        break;
    case OPTION_STRING:
        buf_append_str(out, "text");
        break;
    case OPTION_LIST:
        buf_append_str(out, "items separated by commas");
        break;
    }
}

void option_env_name(const char *name, struct buf *out)
{
    buf_append_str(out, "SPLITRAIL_");
    for (; *name != '\0'; name++) {
        bool lower = *name >= 'a' && *name <= 'z';
        buf_append_byte(out, (uint8_t)(*name == '-' ? '_' : lower ? *name - 'a' + 'A' : *name));
    }
}
