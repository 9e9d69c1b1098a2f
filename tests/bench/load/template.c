#include "tests/bench/load/template.h"

#include "common/mem.h"

struct part {
    size_t start; /* of the literal in the text */
    size_t len;
    enum template_name name; /* follows the literal; TEMPLATE_NAME_COUNT: nothing does */
};

struct template
{
    char *text;
    struct part *parts;
    size_t part_count;
};

static const struct bytes NAMES[TEMPLATE_NAME_COUNT] = {
    [TEMPLATE_CONN] = BYTES_INIT("{conn}"),      [TEMPLATE_USER] = BYTES_INIT("{user}"),
    [TEMPLATE_ROOM] = BYTES_INIT("{room}"),      [TEMPLATE_ID] = BYTES_INIT("{id}"),
    [TEMPLATE_TOKEN] = BYTES_INIT("{token}"),    [TEMPLATE_PEER] = BYTES_INIT("{peer}"),
    [TEMPLATE_BYTES] = BYTES_INIT("{bytes}"),    [TEMPLATE_STAMP] = BYTES_INIT("{stamp}"),
    [TEMPLATE_PAD] = BYTES_INIT("{pad}"),        [TEMPLATE_U16] = BYTES_INIT("{u16[}"),
    [TEMPLATE_VARINT] = BYTES_INIT("{varint[}"), [TEMPLATE_END] = BYTES_INIT("{]}"),
};

static enum template_name name_at(struct bytes text, size_t at)
{
    enum template_name name = 0;
    while (name < TEMPLATE_NAME_COUNT &&
           !bytes_starts_with(bytes_slice(text, at, text.len), NAMES[name])) {
        name++;
    }
    return name;
}

static void add_part(struct template *template, size_t start, size_t end, enum template_name name)
{
    template->parts =
        mem_resize(template->parts, template->part_count + 1, sizeof(*template->parts));
    template->parts[template->part_count++] = (struct part){start, end - start, name};
}

struct template *template_new(struct bytes text)
{
    struct template *template = mem_new(1, sizeof(*template));
    template->text = mem_copy_str(text);
    size_t start = 0;
    size_t at = 0;
    while (at < text.len) {
        enum template_name name = text.data[at] == '{' ? name_at(text, at) : TEMPLATE_NAME_COUNT;
        if (name == TEMPLATE_NAME_COUNT) {
            at++;
            continue;
        }
        add_part(template, start, at, name);
        at += NAMES[name].len;
        start = at;
    }
    add_part(template, start, at, TEMPLATE_NAME_COUNT);
    return template;
}

void template_free(struct template **template)
{
    if (*template != NULL) {
        mem_free((*template)->text);
        mem_free((*template)->parts);
        mem_free(*template);
        *template = NULL;
    }
}

bool template_has(const struct template *template, enum template_name name)
{
    for (size_t i = 0; i < template->part_count; i++) {
        if (template->parts[i].name == name) {
            return true;
        }
    }
    return false;
}

static void fill_name(enum template_name name, const struct template_values *values,
                      struct buf *out)
{
    if (name < TEMPLATE_STAMP) {
        buf_append_u64(out, values->numbers[name]);
    } else if (name == TEMPLATE_STAMP) {
        buf_append(out, values->stamp);
    } else if (name == TEMPLATE_TOKEN) {
        buf_append(out, values->token);
    } else if (name == TEMPLATE_PAD && values->pad != 0) {
        uint8_t *pad = buf_extend(out, values->pad);
        if (pad != NULL) {
            memset(pad, 'x', values->pad);
        }
    }
}

/* Lengths that are not known yet: where they go. */
struct lengths {
    enum template_name names[TEMPLATE_DEPTH_MAX];
    size_t starts[TEMPLATE_DEPTH_MAX];
    size_t depth;
};

static void open_length(struct lengths *lengths, enum template_name name, const struct buf *out)
{
    if (lengths->depth < TEMPLATE_DEPTH_MAX) {
        lengths->names[lengths->depth] = name;
        lengths->starts[lengths->depth] = out->len;
    }
    lengths->depth++;
}

static size_t put_length(uint8_t *at, enum template_name name, size_t len)
{
    if (name == TEMPLATE_U16) {
        at[0] = (uint8_t)(len >> 8);
        at[1] = (uint8_t)len;
        return 2;
    }
    size_t used = 0;
    do {
        at[used++] = (uint8_t)((len & 0x7F) | (len > 0x7F ? 0x80 : 0));
        len >>= 7;
    } while (len != 0);
    return used;
}

static void close_length(struct lengths *lengths, struct buf *out)
{
    uint8_t prefix[(sizeof(size_t) * 8 + 6) / 7];
    if (lengths->depth == 0 || --lengths->depth >= TEMPLATE_DEPTH_MAX) {
        return;
    }
    size_t start = lengths->starts[lengths->depth];
    size_t len = out->len - start;
    size_t used = put_length(prefix, lengths->names[lengths->depth], len);
    if (buf_extend(out, used) != NULL) {
        memmove(out->data + start + used, out->data + start, len);
        memcpy(out->data + start, prefix, used);
    }
}

void template_fill(const struct template *template, const struct template_values *values,
                   struct buf *out)
{
    struct lengths lengths = {.depth = 0};
    for (size_t i = 0; i < template->part_count; i++) {
        const struct part *part = &template->parts[i];
        buf_append(out, bytes_of(template->text + part->start, part->len));
        if (part->name == TEMPLATE_END) {
            close_length(&lengths, out);
        } else if (part->name == TEMPLATE_U16 || part->name == TEMPLATE_VARINT) {
            open_length(&lengths, part->name, out);
        } else {
            fill_name(part->name, values, out);
        }
    }
}

static int digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of the escape at the start of `text`, 0 when there is none. */
static size_t escape_at(struct bytes text, uint8_t *ret_byte)
{
    if (text.len < 2 || text.data[0] != '\\') {
        return 0;
    }
    switch (text.data[1]) {
    case 'r':
        *ret_byte = '\r';
        return 2;
    case 'n':
        *ret_byte = '\n';
        return 2;
    case '\\':
        *ret_byte = '\\';
        return 2;
    case 'x':
        if (text.len >= 4 && digit_of(text.data[2]) >= 0 && digit_of(text.data[3]) >= 0) {
            *ret_byte = (uint8_t)(digit_of(text.data[2]) << 4 | digit_of(text.data[3]));
            return 4;
        }
        return 0;
    default:
        return 0;
    }
}

void template_unescape(struct bytes text, struct buf *out)
{
    size_t at = 0;
    while (at < text.len) {
        uint8_t byte = text.data[at];
        size_t used = escape_at(bytes_slice(text, at, text.len), &byte);
        buf_append_byte(out, byte);
        at += used == 0 ? 1 : used;
    }
}
