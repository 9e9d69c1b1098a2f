/* The command line of splitrailctl: flags anywhere, a command of one or two words, operands. */
#ifndef ROUTER_CTL_CTL_ARGS_H
#define ROUTER_CTL_CTL_ARGS_H

#include "common/buf.h"
#include "common/options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ctl_command {
#define CTL_COMMAND(id, words, operands, min, max, flags, help) CTL_##id,
#include "router/ctl/ctl_commands.def"
#undef CTL_COMMAND
    CTL_COMMAND_COUNT
};

struct ctl_args {
#define OPTION(field, name, type, fallback, min, max, choices, flags, help)                        \
    OPTION_CTYPE_##type field;
#include "router/ctl/ctl_flags.def"
#undef OPTION
    enum ctl_command command;
    const char *by;  /* who runs this, for the router's log; NULL = unknown; borrowed */
    char **operands; /* borrowed from argv */
    size_t operand_count;
    char **sorted; /* argv with the flags first; owned */
};

enum ctl_args_outcome {
    CTL_ARGS_RUN,
    CTL_ARGS_PRINT, /* help or version was asked for: `text` has it */
    CTL_ARGS_BAD    /* `text` has one line: what is wrong, and a suggestion */
};

/* Fills `args` (zeroed by the caller; argv must outlive it). `env` is environ. */
enum ctl_args_outcome ctl_args_parse(int argc, char **argv, char *const *env, struct ctl_args *args,
                                     struct buf *text);
void ctl_args_fini(struct ctl_args *args);

#endif
