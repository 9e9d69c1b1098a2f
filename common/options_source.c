#include "common/options_source.h"

#include "common/options_value.h"

void option_begin_message(struct option_source *source, struct bytes place)
{
    buf_clear(source->text);
    buf_append_str(source->text, source->program->name);
    buf_append_str(source->text, ": ");
    buf_append(source->text, place);
    buf_append_str(source->text, ": ");
}

bool option_fail(struct option_source *source, struct bytes place, const char *why,
                 const char *allowed)
{
    option_begin_message(source, place);
    buf_append_str(source->text, why);
    buf_append_str(source->text, "; allowed: ");
    buf_append_str(source->text, allowed);
    buf_append_byte(source->text, '\n');
    return false;
}

static void append_allowed(const struct option_spec *spec, struct buf *out)
{
    buf_append_str(out, "; allowed: ");
    option_value_allowed(spec, out);
    if (spec->fallback[0] != '\0' && spec->type != OPTION_CHOICE && spec->type != OPTION_BOOL) {
        buf_append_str(out, ", for example ");
        buf_append_str(out, spec->fallback);
    }
}

bool option_set_row(struct option_source *source, size_t row, enum option_level level,
                    struct bytes value, struct bytes place)
{
    const struct option_spec *spec = &source->program->specs[row];
    struct buf why;
    buf_init(&why, 0);
    if (source->levels[row] < level) {
        option_value_clear(spec, source->target);
        source->levels[row] = (uint8_t)level;
    }
    bool good = option_value_parse(spec, source->target, value, &why);
    if (!good) {
        option_begin_message(source, place);
        buf_append(source->text, buf_bytes(&why));
        append_allowed(spec, source->text);
        buf_append_byte(source->text, '\n');
    }
    buf_fini(&why);
    return good;
}

size_t option_find_row(const struct option_program *program, struct bytes name)
{
    size_t row = 0;
    while (row < program->spec_count &&
           !bytes_equal(name, bytes_of_str(program->specs[row].name))) {
        row++;
    }
    return row;
}
