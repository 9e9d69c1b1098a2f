/* What the sources of option values share: how a value is set and how a mistake is told. Only the
 * files of the options module include this. */
#ifndef COMMON_OPTIONS_SOURCE_H
#define COMMON_OPTIONS_SOURCE_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rising: a higher source writes over a lower one. */
enum option_level {
    OPTION_LEVEL_NONE,
    OPTION_LEVEL_DEFAULT,
    OPTION_LEVEL_FILE,
    OPTION_LEVEL_ENV,
    OPTION_LEVEL_FLAG
};

struct option_source {
    const struct option_program *program;
    void *target;
    uint8_t *levels;  /* enum option_level of the last writer, for each row */
    struct buf *text; /* one line when something is wrong */
};

/* Empties the text and writes `program: place: `. */
void option_begin_message(struct option_source *source, struct bytes place);

/* Writes the line `program: place: why; allowed: …`. Always false. */
bool option_fail(struct option_source *source, struct bytes place, const char *why,
                 const char *allowed);

/* Index of the row of that name, or spec_count. */
size_t option_find_row(const struct option_program *program, struct bytes name);

/* Sets a row from `level`; the first value of a higher level replaces what lower ones said, also of
 * a LIST. `place` is where the value stands: `--max-message`, `SPLITRAIL_…`, `file:3: max-message`.
 * False when the line is written. */
bool option_set_row(struct option_source *source, size_t row, enum option_level level,
                    struct bytes value, struct bytes place);

/* Takes the lines of a file whose text is `rest`. False when the line is written. */
bool option_set_lines(struct option_source *source, const char *path, struct bytes rest);

/* Reads the file. False when the line is written. */
bool option_set_file(struct option_source *source, const char *path);

#endif
