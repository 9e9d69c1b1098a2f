/* chaos_judge TRACE: what the judge says of a trace, for people and for the suite. Counts are lines
 * `name value`, complaints lines `! text`. Exit 0: nothing was wrong; 1: something was; 2: no
 * trace.
 */
#include "tests/judge/judge_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_times(const char *name, const struct judge_times *times)
{
    printf("%s_count %zu\n%s_median_us %" PRIu64 "\n%s_p99_us %" PRIu64 "\n%s_worst_us %" PRIu64
           "\n",
           name, times->count, name, times->median, name, times->p99, name, times->worst);
}

static void print_counts(const struct judge_counts *counts)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {{"opened", counts->opened},
                {"closed", counts->closed},
                {"sent", counts->sent},
                {"repeated", counts->repeated},
                {"ok", counts->ok},
                {"known", counts->known},
                {"errors", counts->errors},
                {"abandoned", counts->abandoned},
                {"delivered", counts->delivered},
                {"gaps", counts->gaps},
                {"left_out", counts->left_out},
                {"filled", counts->filled},
                {"joined", counts->joined},
                {"left", counts->left},
                {"faults", counts->faults},
                {"logged", counts->logged},
                {"complaints", counts->complaints}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        printf("%s %" PRIu64 "\n", rows[i].name, rows[i].value);
    }
    print_times("control", &counts->control);
    print_times("pause", &counts->pause);
    print_times("latency", &counts->latency);
    print_times("fault_latency", &counts->in_fault);
}

static void print_complaints(const struct judge *judge, const struct judge_counts *counts)
{
    for (size_t i = 1; i < JUDGE_RULES; i++) {
        if (counts->broken[i] != 0) {
            printf("! %" PRIu64 " times: %s\n", counts->broken[i],
                   judge_rule_text((enum judge_rule)i));
        }
    }
    const struct judge_complaint *at;
    for (size_t i = 0; (at = judge_complaint_at(judge, i)) != NULL; i++) {
        printf("! line %" PRIu64 " at %" PRIu64 " us: %s: client %" PRId64 " room %" PRId64
               " detail %" PRIu64 "\n",
               at->line, at->time_us, judge_rule_text(at->rule), (int64_t)at->client,
               (int64_t)at->room, at->detail);
    }
}

int main(int argc, char **argv)
{
    FILE *file = argc != 2 ? NULL : strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "r");
    if (file == NULL) {
        fprintf(stderr, "usage: chaos_judge TRACE (a file that can be read, or -)\n");
        return 2;
    }
    struct judge *judge = judge_new();
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    while ((len = getline(&line, &capacity, file)) >= 0) {
        judge_line(judge, bytes_of(line, (size_t)len - (len > 0 && line[len - 1] == '\n')));
    }
    struct judge_counts counts;
    judge_finish(judge, &counts);
    print_counts(&counts);
    print_complaints(judge, &counts);
    judge_free(&judge);
    free(line);
    fclose(file);
    return counts.complaints == 0 ? 0 : 1;
}
