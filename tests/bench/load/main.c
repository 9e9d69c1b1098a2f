/* splitrail-bench: options in, a run, a report out. Exit code 0: everybody became ready, nobody was
 * closed, every message came once and in order; 1: not so; 2: usage. */
#include "common/mem.h"
#include "tests/bench/load/run.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_CLEAN, EXIT_FLAWED, EXIT_USAGE };

extern char **environ;

static void write_report(const struct report *report)
{
    const char *path = report->config->options.json;
    bool to_stdout = path != NULL && strcmp(path, "-") == 0;
    if (!to_stdout && !report->config->options.progress_json) {
        report_table(report);
    }
    if (path == NULL) {
        return;
    }
    json_t *json = report_json(report);
    const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(6);
    int failed = to_stdout ? json_dumpf(json, stdout, flags) : json_dump_file(json, path, flags);
    if (failed != 0) {
        fprintf(stderr, "splitrail-bench: cannot write %s\n", path);
    }
    json_decref(json);
}

static int verdict(const struct report *report, bool complete)
{
    const struct shared_worker *end = &report->after.workers;
    const struct account_totals *account = &end->account;
    if (!complete) {
        fputs("splitrail-bench: a process of the run died\n", stderr);
    }
    bool clean = complete && end->counts.failed == 0 && end->counts.closed == 0 &&
                 account->lost == 0 && account->repeated == 0 && account->reordered == 0 &&
                 account->misrouted == 0;
    return clean ? EXIT_CLEAN : EXIT_FLAWED;
}

/* As many connections as this process may have at all. */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(struct load_config *config)
{
    struct report *report = mem_new(1, sizeof(*report));
    report->config = config;
    raise_limit();
    bool complete = run_all(config, report);
    write_report(report);
    int code = verdict(report, complete);
    mem_free(report);
    return code;
}

int main(int argc, char **argv)
{
    struct load_config config = {.target_count = 0};
    struct buf text;
    buf_init(&text, 0);
    enum option_outcome outcome =
        option_parse(&load_option_program, argc, argv, environ, &config.options, NULL, &text);
    int code = outcome == OPTION_EXIT_USAGE ? EXIT_USAGE : EXIT_CLEAN;
    if (outcome == OPTION_RUN && !load_config_complete(&config, &text)) {
        code = EXIT_USAGE;
    } else if (outcome == OPTION_RUN) {
        code = run(&config);
    }
    fwrite(text.data, 1, text.len, code == EXIT_USAGE ? stderr : stdout);
    buf_fini(&text);
    if (outcome == OPTION_RUN) {
        load_config_fini(&config);
    }
    return code;
}
