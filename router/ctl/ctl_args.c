/* Flags may stand anywhere, which common/options.h does not do by itself: they are sorted to the
 * front first, then read by it like those of every other program. */
#include "router/ctl/ctl_args.h"

#include "common/mem.h"
#include "router/ctl/ctl_help.h"

#include <stdio.h>
#include <string.h>

enum { INTERVAL_DEFAULT = 2000, OFFSET_DIGITS_MAX = 19 };

/* argv after sorting: [0] name, flags, then operands from `first_operand`. */
struct sorted {
    char **words;
    int count;
    int first_operand;
};

static enum ctl_args_outcome bad(struct buf *text, const char *what, const char *which)
{
    buf_clear(text);
    buf_append_str(text, "splitrailctl: ");
    buf_append_str(text, what);
    buf_append_str(text, which);
    return CTL_ARGS_BAD;
}

static const struct option_spec *find_flag(const char *word)
{
    size_t len = strcspn(word, "=");
    for (size_t i = 0; i < ctl_program.spec_count; i++) {
        const char *name = ctl_program.specs[i].name;
        if (strlen(name) == len && strncmp(name, word, len) == 0) {
            return &ctl_program.specs[i];
        }
    }
    return NULL;
}

/* Moves the flag at argv[*at], and its value, behind the flags that are there. */
static bool take_flag(int argc, char **argv, int *at, struct sorted *sorted, struct buf *text)
{
    char *word = argv[*at];
    const struct option_spec *spec = find_flag(word + 2);
    if (spec == NULL) {
        bad(text, "unknown flag ", word);
        ctl_suggest("--", ctl_nearest_flag(word + 2), text);
        return false;
    }
    sorted->words[sorted->count++] = word;
    if (spec->type != OPTION_BOOL && strchr(word, '=') == NULL && *at + 1 < argc) {
        sorted->words[sorted->count++] = argv[++*at];
    }
    return true;
}

static bool sort_words(int argc, char **argv, struct sorted *sorted, struct buf *text)
{
    sorted->words = mem_new((size_t)argc + 2, sizeof(char *));
    char **operands = mem_new((size_t)argc + 1, sizeof(char *));
    int operand_count = 0;
    bool flags_end = false;
    bool good = true;
    sorted->words[sorted->count++] = argv[0];
    for (int at = 1; good && at < argc; at++) {
        if (!flags_end && strcmp(argv[at], "--") == 0) {
            flags_end = true;
        } else if (!flags_end && strncmp(argv[at], "--", 2) == 0) {
            good = take_flag(argc, argv, &at, sorted, text);
        } else {
            operands[operand_count++] = argv[at];
        }
    }
    sorted->first_operand = sorted->count;
    for (int i = 0; i < operand_count; i++) {
        sorted->words[sorted->count++] = operands[i];
    }
    mem_free(operands);
    return good;
}

/* How many of `operands` are the words of this command; 0 = it is another. */
static size_t match_words(const char *words, char *const *operands, size_t count)
{
    const char *space = strchr(words, ' ');
    if (space == NULL) {
        return count >= 1 && strcmp(operands[0], words) == 0 ? 1 : 0;
    }
    size_t first = (size_t)(space - words);
    bool same = count >= 2 && strlen(operands[0]) == first &&
                strncmp(operands[0], words, first) == 0 && strcmp(operands[1], space + 1) == 0;
    return same ? 2 : 0;
}

/* Two words first: "prsence user" is nearer to a command than its parts. */
static const char *nearest_command(const struct ctl_args *args)
{
    const char *nearest = NULL;
    if (args->operand_count >= 2) {
        struct buf words;
        buf_init(&words, 0);
        buf_append_str(&words, args->operands[0]);
        buf_append_byte(&words, ' ');
        buf_append_str(&words, args->operands[1]);
        buf_append_byte(&words, 0);
        nearest = ctl_nearest_command((const char *)words.data);
        buf_fini(&words);
    }
    return nearest == NULL ? ctl_nearest_command(args->operands[0]) : nearest;
}

static enum ctl_args_outcome find_command(struct ctl_args *args, struct buf *text)
{
    if (args->operand_count == 0) {
        return bad(text, "which command? see splitrailctl --help", "");
    }
    for (size_t i = 0; i < CTL_COMMAND_COUNT; i++) {
        size_t words = match_words(ctl_command_specs[i].words, args->operands, args->operand_count);
        if (words > 0) {
            args->command = (enum ctl_command)i;
            args->operands += words;
            args->operand_count -= words;
            return CTL_ARGS_RUN;
        }
    }
    bad(text, "unknown command ", args->operands[0]);
    ctl_suggest("", nearest_command(args), text);
    return CTL_ARGS_BAD;
}

static enum ctl_args_outcome check_operands(const struct ctl_args *args, struct buf *text)
{
    const struct ctl_command_spec *spec = &ctl_command_specs[args->command];
    if (args->operand_count >= spec->operands_min && args->operand_count <= spec->operands_max) {
        return CTL_ARGS_RUN;
    }
    bad(text, spec->words,
        args->operand_count < spec->operands_min ? ": too few operands" : ": too many operands");
    buf_append_str(text, "; usage: splitrailctl ");
    buf_append_str(text, spec->words);
    if (spec->operands[0] != 0) {
        buf_append_byte(text, ' ');
        buf_append_str(text, spec->operands);
    }
    return CTL_ARGS_BAD;
}

static enum ctl_args_outcome check_flags(const struct ctl_args *args, struct buf *text)
{
    const struct {
        const char *name;
        unsigned flag;
        bool given;
    } rows[] = {
        {"--prefix", CTL_TAKES_PREFIX, args->prefix != NULL},
        {"--sort", CTL_TAKES_SORT, args->sort != NULL},
        {"--limit", CTL_TAKES_LIMIT, args->limit != 0},
        {"--user", CTL_TAKES_USER, args->user != NULL},
        {"--edge", CTL_TAKES_EDGE, args->edge != NULL},
        {"--ip", CTL_TAKES_IP, args->ip != NULL},
        {"--room", CTL_TAKES_ROOM, args->room != NULL},
        {"--reason", CTL_TAKES_REASON, args->reason != NULL},
        {"--scope", CTL_TAKES_SCOPE, args->scope != NULL},
        {"--from", CTL_TAKES_FROM, args->from != NULL},
        {"--key", CTL_TAKES_KEY, args->key != NULL},
        {"--ban", CTL_TAKES_BAN, args->ban != 0},
        {"--interval", CTL_TAKES_INTERVAL, args->interval != INTERVAL_DEFAULT},
        {"--connections", CTL_TAKES_PLAN, args->connections != 100000},
        {"--rooms-each", CTL_TAKES_PLAN, args->rooms_each != 1},
        {"--messages", CTL_TAKES_PLAN, args->messages != 100},
        {"--fanout", CTL_TAKES_PLAN, args->fanout != 10},
        {"--payload", CTL_TAKES_PLAN, args->payload != 256},
        {"--edge-connections", CTL_TAKES_PLAN, args->edge_connections != 50000},
        {"--tls", CTL_TAKES_PLAN, args->tls},
        {"--since", CTL_TAKES_SINCE, args->since >= 0},
        {"--for", CTL_TAKES_FOR, args->ban_for != 0},
    };
    const struct ctl_command_spec *spec = &ctl_command_specs[args->command];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].given && (spec->takes & rows[i].flag) == 0) {
            bad(text, spec->words, ": does not take ");
            buf_append_str(text, rows[i].name);
            buf_append_str(text, "; see splitrailctl --help");
            return CTL_ARGS_BAD;
        }
    }
    return CTL_ARGS_RUN;
}

static bool asks_for_text(int argc, char **argv, struct buf *text)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            ctl_help(text);
            return true;
        }
        if (strcmp(argv[i], "--help-markdown") == 0) {
            ctl_help_markdown(text);
            return true;
        }
        if (strcmp(argv[i], "--help-man") == 0) {
            ctl_man(text);
            return true;
        }
        if (strcmp(argv[i], "--version") == 0) {
            buf_append_str(text, "splitrailctl " SPLITRAIL_VERSION "\n");
            return true;
        }
    }
    return false;
}

/* Only what says where and how to connect has a variable: an answer must not depend on what else is
 * in the environment. */
static bool read_flags(struct ctl_args *args, struct sorted *sorted, char *const *env,
                       struct buf *text)
{
    static const char *const names[] = {
        "SPLITRAIL_ROUTER=", "SPLITRAIL_CURVE_KEY_FILE=", "SPLITRAIL_CURVE_SERVER_KEY_FILE=",
        "SPLITRAIL_INSECURE_PLANE="};
    enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };
    char *ours[NAME_COUNT + 1] = {NULL};
    size_t count = 0;
    int used = 0;
    for (size_t i = 0; i < NAME_COUNT; i++) {
        for (char *const *at = env; *at != NULL; at++) {
            if (strncmp(*at, names[i], strlen(names[i])) == 0) {
                ours[count++] = *at;
                break;
            }
        }
    }
    enum option_outcome outcome =
        option_parse(&ctl_program, sorted->first_operand, sorted->words, ours, args, &used, text);
    if (outcome != OPTION_RUN && text->len > 0 && text->data[text->len - 1] == '\n') {
        text->len--;
    }
    return outcome == OPTION_RUN;
}

static enum ctl_args_outcome check_offset(const struct ctl_args *args, struct buf *text)
{
    if (args->command != CTL_TRACE_MESSAGE) {
        return CTL_ARGS_RUN;
    }
    const char *offset = args->operands[1];
    size_t digits = strspn(offset, "0123456789");
    if (digits == 0 || digits > OFFSET_DIGITS_MAX || offset[digits] != '\0') {
        return bad(text, "trace message: an offset is a number from 1 on, not ", offset);
    }
    return CTL_ARGS_RUN;
}

enum ctl_args_outcome ctl_args_parse(int argc, char **argv, char *const *env, struct ctl_args *args,
                                     struct buf *text)
{
    if (asks_for_text(argc, argv, text)) {
        return CTL_ARGS_PRINT;
    }
    struct sorted sorted = {0};
    bool good = sort_words(argc, argv, &sorted, text);
    args->sorted = sorted.words;
    if (!good || !read_flags(args, &sorted, env, text)) {
        return CTL_ARGS_BAD;
    }
    args->operands = sorted.words + sorted.first_operand;
    args->operand_count = (size_t)(sorted.count - sorted.first_operand);
    enum ctl_args_outcome outcome = find_command(args, text);
    if (outcome == CTL_ARGS_RUN) {
        outcome = check_operands(args, text);
    }
    if (outcome == CTL_ARGS_RUN) {
        outcome = check_flags(args, text);
    }
    if (outcome == CTL_ARGS_RUN) {
        outcome = check_offset(args, text);
    }
    return outcome;
}

void ctl_args_fini(struct ctl_args *args)
{
    option_fini(&ctl_program, args);
    mem_free(args->sorted);
    args->sorted = NULL;
}
