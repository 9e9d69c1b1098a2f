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
    [TEMPLATE_CONN] = BYTES_INIT("{conn}"),   [TEMPLATE_USER] = BYTES_INIT("{user}"),
    [TEMPLATE_ROOM] = BYTES_INIT("{room}"),   [TEMPLATE_ID] = BYTES_INIT("{id}"),
    [TEMPLATE_STAMP] = BYTES_INIT("{stamp}"), [TEMPLATE_TOKEN] = BYTES_INIT("{token}"),
    [TEMPLATE_PAD] = BYTES_INIT("{pad}"),
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

void template_fill(const struct template *template, const struct template_values *values,
                   struct buf *out)
{
    for (size_t i = 0; i < template->part_count; i++) {
        const struct part *part = &template->parts[i];
        buf_append(out, bytes_of(template->text + part->start, part->len));
        fill_name(part->name, values, out);
    }
}
