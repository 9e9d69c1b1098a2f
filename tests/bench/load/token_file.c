#include "tests/bench/load/token_file.h"

#include "common/buf.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

enum { CHUNK = 65536 };

struct token_file {
    struct buf text;
    struct bytes *lines;
    uint32_t count;
};

static bool read_all(const char *path, struct buf *text)
{
    FILE *file = fopen(path, "re");
    size_t got = 0;
    if (file == NULL) {
        return false;
    }
    do {
        size_t before = text->len;
        uint8_t *at = buf_extend(text, CHUNK);
        got = at == NULL ? 0 : fread(at, 1, CHUNK, file);
        text->len = before + got;
    } while (got != 0);
    fclose(file);
    return true;
}

/* Empty lines are none. */
static void cut(struct token_file *file)
{
    struct bytes rest = buf_bytes(&file->text);
    while (rest.len != 0) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
        if (len != 0) {
            file->lines = mem_resize(file->lines, file->count + 1, sizeof(*file->lines));
            file->lines[file->count++] = bytes_of(rest.data, len);
        }
        rest = bytes_slice(rest, end == NULL ? len : len + 1, rest.len);
    }
}

struct token_file *token_file_read(const char *path)
{
    struct token_file *file = mem_new(1, sizeof(*file));
    buf_init(&file->text, 0);
    if (read_all(path, &file->text)) {
        cut(file);
    }
    if (file->count == 0) {
        token_file_free(&file);
    }
    return file;
}

void token_file_free(struct token_file **file)
{
    if (*file != NULL) {
        buf_fini(&(*file)->text);
        mem_free((*file)->lines);
        mem_free(*file);
        *file = NULL;
    }
}

struct bytes token_file_line(const struct token_file *file, uint32_t n)
{
    return file->lines[n % file->count];
}
