/* Texts for people made from the option table: --help and docs/OPTIONS.md. */
#include "common/options_value.h"

static const char *const type_words[] = {"on|off", "N", "TIME", "SIZE", "TEXT", "ITEM", "WORD"};

static void append_default(const struct option_spec *spec, struct buf *out)
{
    buf_append_str(out, spec->fallback[0] == '\0' ? "none" : spec->fallback);
}

static void append_help_row(const struct option_spec *spec, struct buf *out)
{
    if ((spec->flags & OPTION_SECRET) != 0) {
        buf_append_str(out, "  ");
        option_env_name(spec->name, out);
        buf_append_str(out, " (environment or file only)");
    } else {
        buf_append_str(out, "  --");
        buf_append_str(out, spec->name);
        buf_append_byte(out, ' ');
        buf_append_str(out, type_words[spec->type]);
    }
    buf_append_str(out, "\n      ");
    buf_append_str(out, spec->help);
    buf_append_str(out, "\n      default: ");
    append_default(spec, out);
    if (spec->type != OPTION_STRING) {
        buf_append_str(out, "; allowed: ");
        option_value_allowed(spec, out);
    }
    buf_append_str(out, (spec->flags & OPTION_LIVE) != 0 ? "; live\n" : "\n");
}

void option_help(const struct option_program *program, bool with_operands, struct buf *out)
{
    buf_append_str(out, program->name);
    buf_append_str(out, ": ");
    buf_append_str(out, program->summary);
    buf_append_str(out, "\n\nUsage: ");
    buf_append_str(out, program->name);
    buf_append_str(out, with_operands ? " [OPTION]... COMMAND...\n" : " [OPTION]...\n");
    buf_append_str(out, "\nEach option may also stand in the environment (SPLITRAIL_MAX_X=1 for "
                        "--max-x 1) or in the\nfile named by --config (max-x = 1). Flags beat the "
                        "environment, which beats the file.\nSIGHUP re-reads the options marked "
                        "live.\n\n"
                        "  --config FILE\n      Lines of name = value; # starts a comment.\n"
                        "  --help\n  --version\n");
    for (size_t i = 0; i < program->spec_count; i++) {
        append_help_row(&program->specs[i], out);
    }
}

/* Inside a table cell a bar ends the cell. */
static void append_cell(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        buf_append_str(out, *text == '|' ? "\\" : "");
        buf_append_byte(out, (uint8_t)(*text == '\n' ? ' ' : *text));
    }
}

static void append_code(const char *prefix, const char *text, struct buf *out)
{
    buf_append_byte(out, '`');
    buf_append_str(out, prefix);
    append_cell(text, out);
    buf_append_byte(out, '`');
}

static void append_reference_row(const struct option_spec *spec, struct buf *out)
{
    bool secret = (spec->flags & OPTION_SECRET) != 0;
    buf_append_str(out, "| ");
    append_code(secret ? "" : "--", spec->name, out);
    buf_append_str(out, secret ? " (no flag) | `" : " | `");
    option_env_name(spec->name, out);
    buf_append_str(out, "` | ");
    if (spec->fallback[0] == '\0') {
        buf_append_str(out, "none");
    } else {
        append_code("", spec->fallback, out);
    }
    buf_append_str(out, " | ");
    option_value_allowed(spec, out);
    buf_append_str(out, (spec->flags & OPTION_LIVE) != 0 ? " | yes | " : " | no | ");
    append_cell(spec->help, out);
    buf_append_str(out, " |\n");
}

void option_reference(const struct option_program *program, struct buf *out)
{
    buf_append_str(out, "## ");
    buf_append_str(out, program->name);
    buf_append_str(out, "\n\n");
    buf_append_str(out, program->summary);
    buf_append_str(out, "\n\n| Option | Environment | Default | Allowed | Live | What |\n"
                        "|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < program->spec_count; i++) {
        append_reference_row(&program->specs[i], out);
    }
}
