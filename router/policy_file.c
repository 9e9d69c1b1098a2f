/* See policy_file.h. The file is a tree, the table a list of paths in it: an object is walked key
 * by key, and a key is a row's value, an object on the way to rows, or unknown. Values are read as
 * those of options are, so that 1h means the same in both. */
#include "router/policy_file.h"

#include "common/mem.h"
#include "common/options.h"
#include "common/options_value.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1024 * 1024, NAMESPACES_MAX = 10000, NAME_MAX_BYTES = 128 };

static const struct option_spec rows[] = {
#define POLICY(field, key, type, min, max, choices, help)                                          \
    {key,         OPTION_##type, offsetof(struct namespace_policy, field), "", min, max, choices,  \
     OPTION_LIVE, help},
#include "router/policy_file.def"
#undef POLICY
};

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

/* What is read, and where in it we are. */
struct reader {
    const char *file;
    struct buf path; /* from the root: namespaces.chat.history */
    size_t base;     /* length of the path to the namespace; behind it follows a row's key */
    struct buf *text;
};

/* Writes the line up to what is wrong. */
static void begin(struct reader *reader)
{
    buf_clear(reader->text);
    buf_append_str(reader->text, "--policy-file ");
    buf_append_str(reader->text, reader->file);
    buf_append_str(reader->text, ": ");
    if (reader->path.len != 0) {
        buf_append(reader->text, buf_bytes(&reader->path));
        buf_append_str(reader->text, ": ");
    }
}

/* Always false. */
static bool fail(struct reader *reader, const char *why, const char *allowed)
{
    begin(reader);
    buf_append_str(reader->text, why);
    buf_append_str(reader->text, "; allowed: ");
    buf_append_str(reader->text, allowed);
    return false;
}

/* Steps down; what a file's writer can choose is kept printable and short. Gives back the length to
 * step up to. */
static size_t enter(struct reader *reader, const char *key)
{
    enum { KEY_SHOWN_MAX = 128 };
    size_t before = reader->path.len;
    if (before != 0) {
        buf_append_byte(&reader->path, '.');
    }
    size_t len = strnlen(key, KEY_SHOWN_MAX);
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)key[i];
        buf_append_byte(&reader->path, byte < 0x20 || byte == 0x7F ? '?' : byte);
    }
    return before;
}

static void leave(struct reader *reader, size_t before)
{
    reader->path.len = before;
}

/* ---- values ---- */

static const char *kind_wanted(enum option_type type)
{
    return type == OPTION_INT ? "a number" : type == OPTION_BOOL ? "true or false" : "text";
}

/* The value as the options' own text. False when its JSON type is not the row's. */
static bool value_text(const struct option_spec *row, const json_t *value, struct buf *ret_text)
{
    if (row->type == OPTION_INT && json_is_integer(value)) {
        json_int_t number = json_integer_value(value);
        if (number < 0) {
            buf_append_byte(ret_text, '-');
        }
        buf_append_u64(ret_text, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
        return true;
    }
    if (row->type == OPTION_BOOL && json_is_boolean(value)) {
        buf_append_str(ret_text, json_is_true(value) ? "on" : "off");
        return true;
    }
    if (row->type != OPTION_INT && row->type != OPTION_BOOL && json_is_string(value)) {
        buf_append(ret_text, bytes_of(json_string_value(value), json_string_length(value)));
        return true;
    }
    return false;
}

static bool read_value(struct reader *reader, const struct option_spec *row, const json_t *value,
                       struct namespace_policy *policy)
{
    struct buf given;
    struct buf why;
    buf_init(&given, 0);
    buf_init(&why, 0);
    bool good = value_text(row, value, &given);
    if (!good) {
        buf_append_str(&why, "must be ");
        buf_append_str(&why, kind_wanted(row->type));
    } else {
        good = option_value_parse(row, policy, buf_bytes(&given), &why);
    }
    if (!good) {
        begin(reader);
        buf_append(reader->text, buf_bytes(&why));
        buf_append_str(reader->text, "; allowed: ");
        option_value_allowed(row, reader->text);
    }
    buf_fini(&given);
    buf_fini(&why);
    return good;
}

/* ---- objects ---- */

static struct bytes key_of(const struct reader *reader)
{
    size_t start = reader->base + (reader->base != 0);
    return bytes_slice(buf_bytes(&reader->path), start, reader->path.len);
}

static const struct option_spec *find_row(struct bytes key)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (bytes_equal(bytes_of_str(rows[i].name), key)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* True when rows lie below the key. */
static bool is_on_the_way(struct bytes key)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct bytes name = bytes_of_str(rows[i].name);
        if (name.len > key.len && name.data[key.len] == '.' &&
            bytes_equal(bytes_slice(name, 0, key.len), key)) {
            return true;
        }
    }
    return false;
}

/* Appends what may stand in the object whose key is `above`, each once. */
static void append_keys(struct bytes above, struct buf *out)
{
    struct bytes last = BYTES_EMPTY;
    size_t skip = above.len + (above.len != 0);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        struct bytes name = bytes_of_str(rows[i].name);
        if (name.len <= skip || !bytes_equal(bytes_slice(name, 0, above.len), above) ||
            (above.len != 0 && name.data[above.len] != '.')) {
            continue;
        }
        name = bytes_slice(name, skip, name.len);
        const uint8_t *dot = memchr(name.data, '.', name.len);
        name = dot == NULL ? name : bytes_slice(name, 0, (size_t)(dot - name.data));
        if (!bytes_equal(name, last)) {
            buf_append_str(out, last.len == 0 ? "" : ", ");
            buf_append(out, name);
            last = name;
        }
    }
}

static bool fail_unknown(struct reader *reader, size_t above_len)
{
    begin(reader);
    buf_append_str(reader->text, "unknown key; allowed: ");
    size_t start = reader->base + (reader->base != 0);
    struct bytes above = above_len <= start
                             ? BYTES_EMPTY
                             : bytes_slice(buf_bytes(&reader->path), start, above_len - start);
    append_keys(above, reader->text);
    return false;
}

/* The objects of rows are as deep as the longest key has dots. */
static bool read_object(struct reader *reader, json_t *object,
                        struct namespace_policy *policy) // NOLINT(misc-no-recursion)
{
    if (!json_is_object(object)) {
        return fail(reader, "must be an object", "{…}");
    }
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        size_t before = enter(reader, key);
        bool dotted = strchr(key, '.') != NULL; /* no way round an object */
        const struct option_spec *row = dotted ? NULL : find_row(key_of(reader));
        bool good = row != NULL ? read_value(reader, row, value, policy)
                    : !dotted && is_on_the_way(key_of(reader)) ? read_object(reader, value, policy)
                                                               : fail_unknown(reader, before);
        if (!good) {
            return false;
        }
        leave(reader, before);
    }
    return true;
}

static bool read_policy(struct reader *reader, json_t *object, struct namespace_policy *policy)
{
    reader->base = reader->path.len;
    return read_object(reader, object, policy);
}

/* ---- the file ---- */

static bool name_good(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = (uint8_t)name[i];
        if (byte < 0x20 || byte == 0x7F || byte == ':') {
            return false;
        }
    }
    return len <= NAME_MAX_BYTES - 1; /* the ':' belongs to the room's name */
}

static bool read_namespaces(struct reader *reader, json_t *object, struct policy_table *table)
{
    if (!json_is_object(object)) {
        return fail(reader, "must be an object", "{\"NAMESPACE\": {…}}");
    }
    if (json_object_size(object) > NAMESPACES_MAX) {
        return fail(reader, "too many namespaces", "at most 10000");
    }
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(object, name, value)
    {
        size_t before = enter(reader, name);
        if (!name_good(name)) {
            return fail(reader, "is not the beginning of a room's name",
                        "up to 127 bytes without ':' and control characters");
        }
        struct namespace_policy policy = table->fallback;
        if (!read_policy(reader, value, &policy)) {
            return false;
        }
        (void)policy_table_add(table, bytes_of_str(name), &policy); /* jansson refuses the second */
        leave(reader, before);
    }
    return true;
}

/* "default" first, wherever it stands: namespaces inherit from it. */
static bool read_root(struct reader *reader, json_t *root, struct policy_table *table)
{
    if (!json_is_object(root)) {
        return fail(reader, "must be an object", "{\"default\": {…}, \"namespaces\": {…}}");
    }
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "default") != 0 && strcmp(key, "namespaces") != 0) {
            (void)enter(reader, key);
            return fail(reader, "unknown key", "default, namespaces");
        }
    }
    value = json_object_get(root, "default");
    if (value != NULL) {
        size_t before = enter(reader, "default");
        if (!read_policy(reader, value, &table->fallback)) {
            return false;
        }
        leave(reader, before);
    }
    value = json_object_get(root, "namespaces");
    if (value != NULL) {
        (void)enter(reader, "namespaces");
        return read_namespaces(reader, value, table);
    }
    return true;
}

/* jansson's words hold bytes of the file. */
static void fail_json(struct reader *reader, const json_error_t *error)
{
    begin(reader);
    buf_append_str(reader->text, "line ");
    buf_append_u64(reader->text, error->line < 0 ? 0 : (uint64_t)error->line);
    buf_append_str(reader->text, ": ");
    for (const char *at = error->text; *at != '\0'; at++) {
        bool printable = *at >= 0x20 && *at < 0x7F;
        buf_append_byte(reader->text, (uint8_t)(printable ? *at : '?'));
    }
    buf_append_str(reader->text, "; allowed: JSON, each key once");
}

enum status policy_file_parse(struct bytes content, const char *file,
                              const struct namespace_policy *built_in,
                              struct policy_table *ret_table, struct buf *text)
{
    struct reader reader = {.file = file, .text = text};
    struct policy_table table = {.fallback = *built_in};
    json_error_t error;
    buf_init(&reader.path, 0);
    const char *start = content.len == 0 ? "" : (const char *)content.data;
    json_t *root = json_loadb(start, content.len, JSON_REJECT_DUPLICATES, &error);
    bool good = false;
    if (root == NULL) {
        fail_json(&reader, &error);
    } else {
        good = read_root(&reader, root, &table);
    }
    json_decref(root);
    buf_fini(&reader.path);
    if (good) {
        *ret_table = table;
    } else {
        policy_table_fini(&table);
    }
    return good ? STATUS_OK : STATUS_MALFORMED;
}

/* NULL, or what went wrong. */
static const char *load(const char *file, struct buf *content)
{
    FILE *stream = fopen(file, "re");
    if (stream == NULL) {
        return strerror(errno);
    }
    uint8_t *room = buf_extend(content, FILE_BYTES_MAX + 1);
    content->len = fread(room, 1, FILE_BYTES_MAX + 1, stream);
    const char *why = ferror(stream) != 0 ? strerror(errno) : NULL;
    (void)fclose(stream); /* only read from */
    return why == NULL && content->len > FILE_BYTES_MAX ? "it is too large" : why;
}

enum status policy_file_read(const char *file, const struct namespace_policy *built_in,
                             struct policy_table *ret_table, struct buf *text)
{
    if (file == NULL) {
        *ret_table = (struct policy_table){.fallback = *built_in};
        return STATUS_OK;
    }
    struct buf content;
    buf_init(&content, 0);
    enum status status = STATUS_MALFORMED;
    const char *why = load(file, &content);
    if (why != NULL) {
        buf_clear(text);
        buf_append_str(text, "--policy-file ");
        buf_append_str(text, file);
        buf_append_str(text, ": cannot be read (");
        buf_append_str(text, why);
        buf_append_str(text, "); allowed: a JSON file of at most 1MiB");
    } else {
        status = policy_file_parse(buf_bytes(&content), file, built_in, ret_table, text);
    }
    buf_fini(&content);
    return status;
}

const struct option_spec *policy_file_rows(size_t *ret_count)
{
    *ret_count = ROW_COUNT;
    return rows;
}

void policy_file_reference(struct buf *out)
{
    buf_append_str(out, "| Key | Allowed | What |\n|---|---|---|\n");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        buf_append_str(out, "| `");
        buf_append_str(out, rows[i].name);
        buf_append_str(out, "` | ");
        option_value_allowed(&rows[i], out);
        buf_append_str(out, " | ");
        buf_append_str(out, rows[i].help);
        buf_append_str(out, " |\n");
    }
}
