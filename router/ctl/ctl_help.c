/* Everything here comes from the two tables, so that help cannot lag behind. */
#include "router/ctl/ctl_help.h"

#include "router/ctl/ctl_args.h"

#include <string.h>

enum { WORD_MAX = 64, HELP_COLUMN = 28 };

const struct ctl_command_spec ctl_command_specs[] = {
#define CTL_COMMAND(id, words, operands, min, max, flags, help)                                    \
    {words, operands, min, max, flags, help},
#include "router/ctl/ctl_commands.def"
#undef CTL_COMMAND
};

static const struct option_spec flag_specs[] = {
#define OPTION(field, name, type, fallback, min, max, choices, flags, help)                        \
    {name,  OPTION_##type, offsetof(struct ctl_args, field), fallback, min, max, choices,          \
     flags, help},
#include "router/ctl/ctl_flags.def"
#undef OPTION
};

const struct option_program ctl_program = {
    "splitrailctl", "Asks and tells a splitrail-router.",
    flag_specs,     sizeof(flag_specs) / sizeof(flag_specs[0]),
    NULL,
};

static const struct {
    const char *code;
    const char *meaning;
} exits[] = {
    {"0", "done"},      {"1", "the command line is wrong"}, {"2", "no answer from the router"},
    {"3", "not found"}, {"4", "refused, or not ready"},
};

enum { EXIT_ROWS = sizeof(exits) / sizeof(exits[0]) };

static void append_spaces(struct buf *out, size_t used, size_t column)
{
    do {
        buf_append_byte(out, ' ');
    } while (++used < column);
}

static void append_command(const struct ctl_command_spec *spec, struct buf *out)
{
    buf_append_str(out, spec->words);
    if (spec->operands[0] != 0) {
        buf_append_byte(out, ' ');
        buf_append_str(out, spec->operands);
    }
}

static void append_flag(const struct option_spec *spec, struct buf *out)
{
    buf_append_str(out, "--");
    buf_append_str(out, spec->name);
    if (spec->type != OPTION_BOOL) {
        buf_append_str(out, spec->type == OPTION_STRING ? " TEXT"
                            : spec->type == OPTION_TIME ? " TIME"
                                                        : " N");
    }
}

void ctl_help(struct buf *out)
{
    buf_append_str(out, "Usage: splitrailctl [--router ENDPOINT] [--json] [--timeout 5s] COMMAND\n"
                        "\nCommands\n");
    for (size_t i = 0; i < CTL_COMMAND_COUNT; i++) {
        size_t start = out->len;
        buf_append_str(out, "  ");
        append_command(&ctl_command_specs[i], out);
        append_spaces(out, out->len - start, HELP_COLUMN);
        buf_append_str(out, ctl_command_specs[i].help);
        buf_append_byte(out, '\n');
    }
    buf_append_str(out, "\nFlags\n");
    for (size_t i = 0; i < ctl_program.spec_count; i++) {
        size_t start = out->len;
        buf_append_str(out, "  ");
        append_flag(&flag_specs[i], out);
        append_spaces(out, out->len - start, HELP_COLUMN);
        buf_append_str(out, flag_specs[i].help);
        buf_append_byte(out, '\n');
    }
    buf_append_str(out, "\nExit codes\n");
    for (size_t i = 0; i < EXIT_ROWS; i++) {
        buf_append_str(out, "  ");
        buf_append_str(out, exits[i].code);
        buf_append_str(out, "  ");
        buf_append_str(out, exits[i].meaning);
        buf_append_byte(out, '\n');
    }
}

/* The flags that mean something for a command. */
static void append_takes(unsigned takes, struct buf *out)
{
    static const char plan[] = "connections` `--rooms-each` `--messages` `--fanout` "
                               "`--payload` `--edge-connections` `--tls";
    static const char *const names[] = {"prefix", "sort",   "limit",    "user", "edge", "ip",
                                        "room",   "reason", "from",     "key",  "ban",  "for",
                                        "scope",  "since",  "interval", plan};
    bool first = true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((takes >> i & 1) != 0) {
            buf_append_str(out, first ? "`--" : " `--");
            buf_append_str(out, names[i]);
            buf_append_byte(out, '`');
            first = false;
        }
    }
}

void ctl_help_markdown(struct buf *out)
{
    buf_append_str(out, "| command | flags | what it does |\n|---|---|---|\n");
    for (size_t i = 0; i < CTL_COMMAND_COUNT; i++) {
        buf_append_str(out, "| `");
        append_command(&ctl_command_specs[i], out);
        buf_append_str(out, "` | ");
        append_takes(ctl_command_specs[i].takes, out);
        buf_append_str(out, " | ");
        buf_append_str(out, ctl_command_specs[i].help);
        buf_append_str(out, " |\n");
    }
    buf_append_str(out, "\n| flag | meaning |\n|---|---|\n");
    for (size_t i = 0; i < ctl_program.spec_count; i++) {
        buf_append_str(out, "| `");
        append_flag(&flag_specs[i], out);
        buf_append_str(out, "` | ");
        buf_append_str(out, flag_specs[i].help);
        buf_append_str(out, " |\n");
    }
    buf_append_str(out, "\n| exit code | meaning |\n|---|---|\n");
    for (size_t i = 0; i < EXIT_ROWS; i++) {
        buf_append_str(out, "| ");
        buf_append_str(out, exits[i].code);
        buf_append_str(out, " | ");
        buf_append_str(out, exits[i].meaning);
        buf_append_str(out, " |\n");
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace a byte) from a to b; long words are cut, they are near nothing. */
static size_t distance(const char *a, const char *b)
{
    size_t a_len = strnlen(a, WORD_MAX);
    size_t b_len = strnlen(b, WORD_MAX);
    size_t row[WORD_MAX + 1];
    for (size_t k = 0; k <= b_len; k++) {
        row[k] = k;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            size_t replaced = diagonal + (a[i - 1] != b[k - 1]);
            diagonal = row[k];
            row[k] = least(replaced, least(row[k], row[k - 1]) + 1);
        }
    }
    return row[b_len];
}

/* Half a word may be wrong, but not more than three letters of it. */
static bool is_near(size_t edits, const char *word, size_t best)
{
    return edits < best && edits <= 3 && edits * 2 <= strlen(word) + 1;
}

const char *ctl_nearest_command(const char *word)
{
    const char *nearest = NULL;
    size_t best = WORD_MAX;
    for (size_t i = 0; i < CTL_COMMAND_COUNT; i++) {
        const char *known = ctl_command_specs[i].words;
        /* A word that only began, as "pres" or "kick", is as near as can be. */
        bool began = strncmp(known, word, strlen(word)) == 0;
        size_t edits = began ? 0 : distance(word, known);
        if (is_near(edits, word, best)) {
            best = edits;
            nearest = known;
        }
    }
    return nearest;
}

const char *ctl_nearest_flag(const char *word)
{
    const char *nearest = NULL;
    size_t best = WORD_MAX;
    for (size_t i = 0; i < ctl_program.spec_count; i++) {
        size_t edits = distance(word, flag_specs[i].name);
        if (is_near(edits, word, best)) {
            best = edits;
            nearest = flag_specs[i].name;
        }
    }
    return nearest;
}

void ctl_suggest(const char *before, const char *nearest, struct buf *out)
{
    if (nearest == NULL) {
        buf_append_str(out, "; see splitrailctl --help");
        return;
    }
    buf_append_str(out, "; did you mean ");
    buf_append_str(out, before);
    buf_append_str(out, nearest);
    buf_append_byte(out, '?');
}
