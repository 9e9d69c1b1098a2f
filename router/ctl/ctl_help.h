/* Texts about splitrailctl itself, and its guesses at what somebody meant. */
#ifndef ROUTER_CTL_CTL_HELP_H
#define ROUTER_CTL_CTL_HELP_H

#include "common/buf.h"
#include "common/options.h"

#include <stddef.h>

enum {
    CTL_TAKES_PREFIX = 1,
    CTL_TAKES_SORT = 2,
    CTL_TAKES_LIMIT = 4,
    CTL_TAKES_USER = 8,
    CTL_TAKES_EDGE = 16,
    CTL_TAKES_IP = 32,
    CTL_TAKES_ROOM = 64,
    CTL_TAKES_REASON = 128,
    CTL_TAKES_FROM = 256,
    CTL_TAKES_KEY = 512
};

struct ctl_command_spec {
    const char *words;
    const char *operands;
    size_t operands_min;
    size_t operands_max;
    unsigned takes;
    const char *help;
};

/* By enum ctl_command. */
extern const struct ctl_command_spec ctl_command_specs[];
extern const struct option_program ctl_program;

/* --help: a line for each command and flag, and the exit codes. */
void ctl_help(struct buf *out);

/* --help-markdown: the same for docs/. */
void ctl_help_markdown(struct buf *out);

/* Appends "; did you mean X?" for the known word nearest to `word`, if any is near, else "; see
 * splitrailctl --help". */
void ctl_suggest_command(const char *word, struct buf *out);
void ctl_suggest_flag(const char *flag, struct buf *out);

#endif
