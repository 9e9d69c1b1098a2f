#include "router/ctl/ctl_colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOLD "\033[1m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

bool ctl_colour_on(int fd)
{
    const char *none = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    return (none == NULL || none[0] == 0) && kind != NULL && kind[0] != 0 &&
           strcmp(kind, "dumb") != 0 && isatty(fd);
}

/* Titles have capitals, blanks and slashes only, and at least three of them. */
static bool is_title(struct bytes line)
{
    size_t capitals = 0;
    for (size_t i = 0; i < line.len; i++) {
        uint8_t byte = line.data[i];
        capitals += byte >= 'A' && byte <= 'Z';
        if ((byte < 'A' || byte > 'Z') && byte != ' ' && byte != '/' && byte != '#') {
            return false;
        }
    }
    return capitals >= 3;
}

static bool is_wrong(struct bytes line)
{
    static const char *const starts[] = {"  NO   ", "ready    no", "reason   "};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        if (bytes_starts_with(line, bytes_of_str(starts[i]))) {
            return true;
        }
    }
    return false;
}

void ctl_colour_paint(struct bytes text, struct buf *out)
{
    size_t start = 0;
    while (start < text.len) {
        const uint8_t *end = memchr(text.data + start, '\n', text.len - start);
        size_t stop = end == NULL ? text.len : (size_t)(end - text.data);
        struct bytes line = bytes_slice(text, start, stop - start);
        const char *style = is_title(line) ? BOLD : is_wrong(line) ? RED : "";
        buf_append_str(out, style);
        buf_append(out, line);
        buf_append_str(out, style[0] == 0 ? "" : PLAIN);
        buf_append_str(out, end == NULL ? "" : "\n");
        start = stop + 1;
    }
}
