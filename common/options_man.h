/* Manual pages made from option tables, in man(7) macros. Pure. */
#ifndef COMMON_OPTIONS_MAN_H
#define COMMON_OPTIONS_MAN_H

#include "common/buf.h"
#include "common/options.h"

struct man_page {
    const struct option_program *program;
    const char *section;     /* "1", "8" */
    const char *description; /* paragraphs, each ended by a newline */
    const char *exits;       /* rows "0\tdone\n" */
    const char *see_also;    /* "splitrail-edge(8), splitrailctl(1)" */
};

/* The whole page of a program that takes options only. */
void man_write(const struct man_page *page, struct buf *out);

/* The parts of it, for a page that has more. */
void man_begin(const struct man_page *page, const char *synopsis, struct buf *out);
void man_section(const char *title, struct buf *out);
void man_options(const struct option_program *program, struct buf *out);
void man_end(const struct man_page *page, struct buf *out);

/* A tagged paragraph: a term in bold, with its argument in italics ("" = none). */
void man_item(const char *term, const char *argument, const char *text, struct buf *out);

/* Text with what troff would take for its own made harmless; newlines stay. */
void man_text(const char *text, struct buf *out);

#endif
