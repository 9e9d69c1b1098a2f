/* The --config file: lines of `name = value`, # comments. */
#include "common/options_source.h"
#include "common/options_value.h"

#include <errno.h>
#include <stdio.h>

enum { FILE_LEN_MAX = 1024 * 1024 };

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct bytes trimmed(struct bytes text)
{
    while (text.len != 0 && is_blank(text.data[0])) {
        text = bytes_slice(text, 1, text.len);
    }
    while (text.len != 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

/* `place` holds `file:line` and is extended by the name. */
static bool set_file_line(struct option_source *source, struct bytes line, struct buf *place)
{
    const uint8_t *equals = line.len == 0 ? NULL : memchr(line.data, '=', line.len);
    if (line.len == 0 || line.data[0] == '#') {
        return true;
    }
    if (equals == NULL) {
        return option_fail(source, buf_bytes(place), "there is no = in this line", "name = value");
    }
    struct bytes name = trimmed(bytes_of(line.data, (size_t)(equals - line.data)));
    struct bytes value = trimmed(bytes_slice(line, (size_t)(equals - line.data) + 1, line.len));
    size_t row = option_find_row(source->program, name);
    buf_append_str(place, ": ");
    if (row == source->program->spec_count) {
        option_quote(name, place);
        return option_fail(source, buf_bytes(place), "unknown option",
                           "the options that --help lists, without the --");
    }
    buf_append(place, name);
    if (source->levels[row] == OPTION_LEVEL_FILE &&
        source->program->specs[row].type != OPTION_LIST) {
        return option_fail(source, buf_bytes(place), "is set twice", "one line for each option");
    }
    return option_set_row(source, row, OPTION_LEVEL_FILE, value, buf_bytes(place));
}

bool option_set_lines(struct option_source *source, const char *path, struct bytes rest)
{
    bool good = true;
    struct buf place;
    buf_init(&place, 0);
    for (uint64_t number = 1; good && rest.len != 0; number++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
        buf_clear(&place);
        buf_append_str(&place, path);
        buf_append_byte(&place, ':');
        buf_append_u64(&place, number);
        good = set_file_line(source, trimmed(bytes_slice(rest, 0, len)), &place);
        rest = bytes_slice(rest, len + 1, rest.len);
    }
    buf_fini(&place);
    return good;
}

static bool fail_file(struct option_source *source, const char *path, const char *why)
{
    option_begin_message(source, BYTES_LIT("--config"));
    option_quote(bytes_of_str(path), source->text);
    buf_append_str(source->text, " cannot be read (");
    buf_append_str(source->text, why);
    buf_append_str(source->text, "); allowed: a file of name = value lines, at most 1MiB\n");
    return false;
}

static bool read_file(struct option_source *source, const char *path, struct buf *content)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return fail_file(source, path, strerror(errno));
    }
    uint8_t *room = buf_extend(content, FILE_LEN_MAX + 1);
    content->len = fread(room, 1, FILE_LEN_MAX + 1, file);
    int error = ferror(file) != 0 ? errno : 0;
    (void)fclose(file); /* only read from */
    if (error != 0) {
        return fail_file(source, path, strerror(error));
    }
    return content->len <= FILE_LEN_MAX || fail_file(source, path, "it is too large");
}

bool option_set_file(struct option_source *source, const char *path)
{
    struct buf content;
    buf_init(&content, 0);
    bool good =
        read_file(source, path, &content) && option_set_lines(source, path, buf_bytes(&content));
    buf_fini(&content);
    return good;
}
