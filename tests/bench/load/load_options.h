/* The options of splitrail-bench, and what follows from them. */
#ifndef BENCH_LOAD_LOAD_OPTIONS_H
#define BENCH_LOAD_LOAD_OPTIONS_H

#include "common/options.h"
#include "tests/bench/load/plan.h"
#include "tests/bench/load/template.h"
#include "tests/bench/load/token_file.h"

#include <netinet/in.h>

struct load_options {
#define OPTION(field, name, type, fallback, min, max, choices, flags, help)                        \
    OPTION_CTYPE_##type field;
#include "tests/bench/load/options.def"
#undef OPTION
};

extern const struct option_program load_option_program;

/* A server that connections go to. */
struct load_target {
    struct sockaddr_in address;
    char *host; /* HOST:PORT as given */
    struct template *path;
};

struct load_config {
    struct load_options options;
    struct plan plan;
    struct load_target *targets;
    size_t target_count;
    struct template *headers; /* complete lines */
    struct template *hello;   /* NULL: nothing is said first */
    struct template *join;    /* NULL: being connected is enough */
    struct buf joined;        /* text in each answer to a join; empty: there are none */
    struct template *publish;
    struct token_file *tokens; /* NULL: none are wanted */
};

/* Completes `config` from its options. False: `text` says which option cannot be. */
bool load_config_complete(struct load_config *config, struct buf *text);
void load_config_fini(struct load_config *config);

/* True when messages are too small for a whole stamp, and have a compact one. */
bool load_config_compact(const struct load_config *config);

/* The token of a connection, empty without --token-file. */
struct bytes load_config_token(const struct load_config *config, uint32_t conn);

/* HOST:PORT, names included. False when it is none or does not resolve. */
bool load_resolve(struct bytes host_port, struct sockaddr_in *ret_address);

#endif
