/* Where values come from, in rising order: default, file, environment, flags. Each source writes
 * over what lower ones said; `levels` remembers who wrote last, so that the first item of a LIST
 * from a higher source replaces the list instead of adding to it. */
#include "common/options.h"

#include "common/mem.h"
#include "common/options_source.h"
#include "common/options_value.h"

#include <assert.h>

/* One element of argv after its meaning. */
enum argument_kind {
    ARGUMENT_END, /* also the first operand */
    ARGUMENT_ROW,
    ARGUMENT_CONFIG,
    ARGUMENT_HELP,
    ARGUMENT_VERSION,
    ARGUMENT_BAD /* the message is written */
};

struct argument {
    enum argument_kind kind;
    size_t row;
    struct bytes value;
    const char *flag; /* the word as given */
};

struct arguments {
    int argc;
    char **argv;
    int at;
    bool operands; /* allowed */
};

static void set_defaults(struct option_source *source)
{
    for (size_t row = 0; row < source->program->spec_count; row++) {
        const struct option_spec *spec = &source->program->specs[row];
        bool good = option_set_row(source, row, OPTION_LEVEL_DEFAULT, bytes_of_str(spec->fallback),
                                   bytes_of_str(spec->name));
        assert(good && "the default of a row is not a value of its type and range");
        (void)good;
    }
}

/* flags */

static bool is_bool_word(const char *word)
{
    static const char *const words[] = {"on", "off", "true", "false", "yes", "no", "1", "0"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static struct argument bad_argument(struct option_source *source, const char *flag, const char *why,
                                    const char *allowed)
{
    const char *equals = strchr(flag, '=');
    size_t len = equals == NULL ? strlen(flag) : (size_t)(equals - flag);
    (void)option_fail(source, bytes_of(flag, len), why, allowed);
    return (struct argument){.kind = ARGUMENT_BAD, .flag = flag};
}

/* Takes the value of `flag`: what follows `=`, or the next word. A word that looks like a flag is
 * no value: it tells of a forgotten one. */
static struct argument take_value(struct option_source *source, struct arguments *arguments,
                                  struct argument argument)
{
    const char *equals = strchr(argument.flag, '=');
    const char *next = arguments->at < arguments->argc ? arguments->argv[arguments->at] : NULL;
    bool is_bool =
        argument.kind == ARGUMENT_ROW && source->program->specs[argument.row].type == OPTION_BOOL;
    if (equals != NULL) {
        argument.value = bytes_of_str(equals + 1);
    } else if (is_bool && (next == NULL || arguments->operands || !is_bool_word(next))) {
        argument.value = BYTES_LIT("on");
    } else if (next == NULL || strncmp(next, "--", 2) == 0) {
        struct buf allowed;
        buf_init(&allowed, 0);
        if (argument.kind == ARGUMENT_ROW) {
            option_value_allowed(&source->program->specs[argument.row], &allowed);
        } else {
            buf_append_str(&allowed, "a file of name = value lines");
        }
        buf_append_byte(&allowed, '\0');
        argument = bad_argument(source, argument.flag, "needs a value", (char *)allowed.data);
        buf_fini(&allowed);
    } else {
        argument.value = bytes_of_str(next);
        arguments->at++;
    }
    return argument;
}

static struct argument take_flag(struct option_source *source, struct arguments *arguments,
                                 const char *flag)
{
    const char *equals = strchr(flag, '=');
    struct bytes name =
        bytes_of(flag + 2, equals == NULL ? strlen(flag + 2) : (size_t)(equals - flag - 2));
    if (bytes_equal(name, BYTES_LIT("config"))) {
        return take_value(source, arguments,
                          (struct argument){.kind = ARGUMENT_CONFIG, .flag = flag});
    }
    size_t row = option_find_row(source->program, name);
    if (row == source->program->spec_count) {
        return bad_argument(source, flag, "unknown option", "the options that --help lists");
    }
    if ((source->program->specs[row].flags & OPTION_SECRET) != 0) {
        return bad_argument(source, flag, "a secret does not belong on a command line",
                            "the environment or the --config file");
    }
    return take_value(source, arguments,
                      (struct argument){.kind = ARGUMENT_ROW, .row = row, .flag = flag});
}

static struct argument next_argument(struct option_source *source, struct arguments *arguments)
{
    if (arguments->at >= arguments->argc) {
        return (struct argument){.kind = ARGUMENT_END};
    }
    const char *word = arguments->argv[arguments->at];
    if (word[0] != '-' || word[1] == '\0') {
        return arguments->operands ? (struct argument){.kind = ARGUMENT_END}
                                   : bad_argument(source, word, "unexpected argument",
                                                  "options that start with --");
    }
    arguments->at++;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return (struct argument){.kind = ARGUMENT_HELP};
    }
    if (strcmp(word, "--version") == 0) {
        return (struct argument){.kind = ARGUMENT_VERSION};
    }
    if (strcmp(word, "--") == 0 && arguments->operands) {
        return (struct argument){.kind = ARGUMENT_END};
    }
    if (strncmp(word, "--", 2) != 0) {
        return bad_argument(source, word, "unknown option", "the options that --help lists");
    }
    return take_flag(source, arguments, word);
}

static bool set_flags(struct option_source *source, struct arguments arguments)
{
    for (;;) {
        struct argument argument = next_argument(source, &arguments);
        if (argument.kind == ARGUMENT_END) {
            return true;
        }
        if (argument.kind == ARGUMENT_ROW) {
            struct bytes flag = bytes_of(argument.flag, strcspn(argument.flag, "="));
            if (!option_set_row(source, argument.row, OPTION_LEVEL_FLAG, argument.value, flag)) {
                return false;
            }
        }
    }
}

/* environment */

static const char *env_get(char **env, const char *name)
{
    size_t len = strlen(name);
    for (; env != NULL && *env != NULL; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') {
            return *env + len + 1;
        }
    }
    return NULL;
}

/* An empty variable counts as not set: that is what a compose file makes of a missing one. */
static bool set_env(struct option_source *source, char **env)
{
    bool good = true;
    struct buf name;
    buf_init(&name, 0);
    for (size_t row = 0; good && row < source->program->spec_count; row++) {
        buf_clear(&name);
        option_env_name(source->program->specs[row].name, &name);
        struct bytes place = buf_bytes(&name);
        buf_append_byte(&name, '\0');
        const char *value = env_get(env, (const char *)name.data);
        place.data = name.data;
        if (value != NULL && value[0] != '\0') {
            good = option_set_row(source, row, OPTION_LEVEL_ENV, bytes_of_str(value), place);
        }
    }
    buf_fini(&name);
    return good;
}

/* Looks through the flags for what decides before any value counts: a bad flag, --help, --version,
 * the file. */
static enum option_outcome scan_flags(struct option_source *source, struct arguments *arguments,
                                      const char **ret_config)
{
    for (;;) {
        struct argument argument = next_argument(source, arguments);
        switch (argument.kind) {
        case ARGUMENT_END:
            return OPTION_RUN;
        case ARGUMENT_BAD:
            return OPTION_EXIT_USAGE;
        case ARGUMENT_HELP:
            option_help(source->program, arguments->operands, source->text);
            return OPTION_EXIT_OK;
        case ARGUMENT_VERSION:
            buf_append_str(source->text, source->program->name);
            buf_append_str(source->text, " " SPLITRAIL_VERSION "\n");
            return OPTION_EXIT_OK;
        case ARGUMENT_CONFIG:
            *ret_config = (const char *)argument.value.data;
            break;
        case ARGUMENT_ROW:
            break;
        }
    }
}

static bool set_all(struct option_source *source, struct arguments arguments, char **env,
                    const char *config)
{
    set_defaults(source);
    return (config == NULL || config[0] == '\0' || option_set_file(source, config)) &&
           set_env(source, env) && set_flags(source, arguments);
}

/* Seven parameters: they are main's own four and what comes back. */
/* NOLINTNEXTLINE(readability-function-size) */
enum option_outcome option_parse(const struct option_program *program, int argc, char **argv,
                                 char **env, void *target, int *ret_used, struct buf *text)
{
    struct option_source source = {program, target, mem_new(program->spec_count, 1), text};
    const struct arguments arguments = {argc, argv, 1, ret_used != NULL};
    struct arguments scan = arguments;
    const char *config = env_get(env, "SPLITRAIL_CONFIG");
    enum option_outcome outcome = scan_flags(&source, &scan, &config);
    if (outcome == OPTION_RUN && !set_all(&source, arguments, env, config)) {
        option_fini(program, target);
        outcome = OPTION_EXIT_USAGE;
    }
    if (outcome == OPTION_RUN && ret_used != NULL) {
        *ret_used = scan.at;
    }
    mem_free(source.levels);
    return outcome;
}

static size_t target_size(const struct option_program *program)
{
    size_t size = 0;
    for (size_t row = 0; row < program->spec_count; row++) {
        size_t end = program->specs[row].offset + option_value_size(program->specs[row].type);
        size = end > size ? end : size;
    }
    return size;
}

/* Brings the LIVE differences over and names the others. */
static void apply_live(const struct option_program *program, void *target, void *fresh,
                       struct buf *text)
{
    for (size_t row = 0; row < program->spec_count; row++) {
        const struct option_spec *spec = &program->specs[row];
        if (option_value_equal(spec, target, fresh)) {
            continue;
        }
        if ((spec->flags & OPTION_LIVE) != 0) {
            option_value_swap(spec, target, fresh);
        } else {
            buf_append_str(text, spec->name);
            buf_append_byte(text, '\n');
        }
    }
}

enum status option_reload(const struct option_program *program, int argc, char **argv, char **env,
                          void *target, struct buf *text)
{
    void *fresh = mem_new(1, target_size(program));
    enum status status = STATUS_MALFORMED;
    if (option_parse(program, argc, argv, env, fresh, NULL, text) == OPTION_RUN) {
        status = program->check == NULL ? STATUS_OK : program->check(fresh, text);
        if (status == STATUS_OK) {
            apply_live(program, target, fresh, text);
        }
        option_fini(program, fresh);
    }
    mem_free(fresh);
    return status;
}

void option_fini(const struct option_program *program, void *target)
{
    for (size_t row = 0; row < program->spec_count; row++) {
        option_value_clear(&program->specs[row], target);
    }
}
