#include "common/options_man.h"

#include "common/options_value.h"

#include <string.h>

void man_text(const char *text, struct buf *out)
{
    bool begins = true;
    for (; *text != 0; text++) {
        if (begins && (*text == '.' || *text == '\'')) {
            buf_append_str(out, "\\&");
        }
        if (*text == '\\') {
            buf_append_str(out, "\\e");
        } else if (*text == '-') {
            buf_append_str(out, "\\-");
        } else {
            buf_append_byte(out, (uint8_t)*text);
        }
        begins = *text == '\n';
    }
}

void man_section(const char *title, struct buf *out)
{
    buf_append_str(out, ".SH ");
    buf_append_str(out, title);
    buf_append_byte(out, '\n');
}

/* A paragraph for each line. */
static void paragraphs(const char *text, struct buf *out)
{
    while (*text != 0) {
        size_t len = strcspn(text, "\n");
        struct buf line;
        buf_init(&line, 0);
        buf_append(&line, bytes_of(text, len));
        buf_append_byte(&line, 0);
        buf_append_str(out, ".PP\n");
        man_text((const char *)line.data, out);
        buf_append_byte(out, '\n');
        buf_fini(&line);
        text += len + (text[len] == '\n');
    }
}

void man_item(const char *term, const char *argument, const char *text, struct buf *out)
{
    buf_append_str(out, ".TP\n\\fB");
    man_text(term, out);
    buf_append_str(out, "\\fR");
    if (argument[0] != 0) {
        buf_append_str(out, " \\fI");
        man_text(argument, out);
        buf_append_str(out, "\\fR");
    }
    buf_append_byte(out, '\n');
    man_text(text, out);
    buf_append_byte(out, '\n');
}

/* "-" instead of "\-", without the full stop: what whatis(1) expects. */
static void summary(const struct option_program *program, struct buf *out)
{
    size_t len = strlen(program->summary);
    while (len > 0 && program->summary[len - 1] == '.') {
        len--;
    }
    man_text(program->name, out);
    buf_append_str(out, " \\- ");
    buf_append(out, bytes_of(program->summary, len));
    buf_append_byte(out, '\n');
}

void man_begin(const struct man_page *page, const char *synopsis, struct buf *out)
{
    buf_append_str(out, ".\\\" Written by the program itself.\n.TH ");
    for (const char *at = page->program->name; *at != 0; at++) {
        buf_append_byte(out, (uint8_t)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at));
    }
    buf_append_str(out, " ");
    buf_append_str(out, page->section);
    buf_append_str(out, " \"\" \"splitrail " SPLITRAIL_VERSION "\" \"Splitrail\"\n.nh\n.ad l\n");
    man_section("NAME", out);
    summary(page->program, out);
    man_section("SYNOPSIS", out);
    buf_append_str(out, "\\fB");
    man_text(page->program->name, out);
    buf_append_str(out, "\\fR ");
    man_text(synopsis, out);
    buf_append_byte(out, '\n');
    man_section("DESCRIPTION", out);
    paragraphs(page->description, out);
}

static void option(const struct option_spec *spec, struct buf *out)
{
    static const char *const arguments[] = {"on|off", "N", "TIME", "SIZE", "TEXT", "ITEM", "WORD"};
    struct buf term;
    struct buf text;
    buf_init(&term, 0);
    buf_init(&text, 0);
    buf_append_str(&term, (spec->flags & OPTION_SECRET) != 0 ? "" : "--");
    buf_append_str(&term, spec->name);
    buf_append_byte(&term, 0);
    buf_append_str(&text, "Default: ");
    buf_append_str(&text, spec->fallback[0] == 0 ? "none" : spec->fallback);
    if (spec->type != OPTION_STRING) {
        buf_append_str(&text, "; allowed: ");
        option_value_allowed(spec, &text);
    }
    buf_append_str(&text, (spec->flags & OPTION_LIVE) != 0 ? "; live.\n" : ".\n");
    buf_append_byte(&text, 0);
    man_item((const char *)term.data, arguments[spec->type], spec->help, out);
    buf_append_str(out, ".br\n");
    man_text((const char *)text.data, out);
    buf_fini(&text);
    buf_fini(&term);
}

void man_options(const struct option_program *program, struct buf *out)
{
    for (size_t i = 0; i < program->spec_count; i++) {
        option(&program->specs[i], out);
    }
}

void man_end(const struct man_page *page, struct buf *out)
{
    man_section("EXIT STATUS", out);
    for (const char *row = page->exits; *row != 0;) {
        size_t tab = strcspn(row, "\t");
        size_t len = strcspn(row, "\n");
        struct buf code;
        struct buf text;
        buf_init(&code, 0);
        buf_init(&text, 0);
        buf_append(&code, bytes_of(row, tab));
        buf_append_byte(&code, 0);
        buf_append(&text, bytes_of(row + tab + 1, len - tab - 1));
        buf_append_byte(&text, 0);
        man_item((const char *)code.data, "", (const char *)text.data, out);
        buf_fini(&text);
        buf_fini(&code);
        row += len + (row[len] == '\n');
    }
    man_section("SEE ALSO", out);
    man_text(page->see_also, out);
    buf_append_byte(out, '\n');
}

void man_write(const struct man_page *page, struct buf *out)
{
    man_begin(page, "[OPTION]...", out);
    man_section("OPTIONS", out);
    man_item("--config", "FILE", "Lines of name = value; # starts a comment.", out);
    man_item("--help", "", "Prints the options and ends.", out);
    man_item("--version", "", "Prints the version and ends.", out);
    man_options(page->program, out);
    man_section("ENVIRONMENT", out);
    man_text(
        "Each option may also stand in the environment: SPLITRAIL_MAX_X=1 for --max-x 1. Flags "
        "beat the environment, which beats the file. SIGHUP reads environment and file again "
        "and takes over the options that are called live.\n",
        out);
    man_section("SIGNALS", out);
    man_item("SIGTERM, SIGINT", "", "Ends in order; a second one ends at once.", out);
    man_item("SIGHUP", "", "Reads the live options again.", out);
    man_end(page, out);
}
