/* Where values come from, in rising order: default, file, environment, flags. Each source writes
 * over what lower ones said; `levels` remembers who wrote last, so that the first item of a LIST
 * from a higher source replaces the list instead of adding to it. */
#include "common/options.h"

#include "common/mem.h"
#include "common/options_value.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

enum level { LEVEL_NONE, LEVEL_DEFAULT, LEVEL_FILE, LEVEL_ENV, LEVEL_FLAG };

enum { FILE_LEN_MAX = 1024 * 1024 };

struct parse {
    const struct option_program *program;
    void *target;
    uint8_t *levels; /* enum level per spec */
    struct buf *text;
};

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

static void begin_message(struct parse *parse, struct bytes source)
{
    buf_clear(parse->text);
    buf_append_str(parse->text, parse->program->name);
    buf_append_str(parse->text, ": ");
    buf_append(parse->text, source);
    buf_append_str(parse->text, ": ");
}

static bool fail(struct parse *parse, struct bytes source, const char *why, const char *allowed)
{
    begin_message(parse, source);
    buf_append_str(parse->text, why);
    buf_append_str(parse->text, "; allowed: ");
    buf_append_str(parse->text, allowed);
    buf_append_byte(parse->text, '\n');
    return false;
}

static void append_allowed(const struct option_spec *spec, struct buf *out)
{
    buf_append_str(out, "; allowed: ");
    option_value_allowed(spec, out);
    if (spec->fallback[0] != '\0' && spec->type != OPTION_CHOICE && spec->type != OPTION_BOOL) {
        buf_append_str(out, ", for example ");
        buf_append_str(out, spec->fallback);
    }
}

/* `source` is where the value stands: `--max-message`, `SPLITRAIL_…`, `file:3: max-message`. */
static bool set_row(struct parse *parse, size_t row, enum level level, struct bytes value,
                    struct bytes source)
{
    const struct option_spec *spec = &parse->program->specs[row];
    struct buf why;
    buf_init(&why, 0);
    if (parse->levels[row] < level) {
        option_value_clear(spec, parse->target);
        parse->levels[row] = (uint8_t)level;
    }
    bool good = option_value_parse(spec, parse->target, value, &why);
    if (!good) {
        begin_message(parse, source);
        buf_append(parse->text, buf_bytes(&why));
        append_allowed(spec, parse->text);
        buf_append_byte(parse->text, '\n');
    }
    buf_fini(&why);
    return good;
}

/* Index of the row, or spec_count. */
static size_t find_row(const struct option_program *program, struct bytes name)
{
    size_t row = 0;
    while (row < program->spec_count &&
           !bytes_equal(name, bytes_of_str(program->specs[row].name))) {
        row++;
    }
    return row;
}

static void set_defaults(struct parse *parse)
{
    for (size_t row = 0; row < parse->program->spec_count; row++) {
        const struct option_spec *spec = &parse->program->specs[row];
        bool good = set_row(parse, row, LEVEL_DEFAULT, bytes_of_str(spec->fallback),
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

static struct argument bad_argument(struct parse *parse, const char *flag, const char *why,
                                    const char *allowed)
{
    const char *equals = strchr(flag, '=');
    size_t len = equals == NULL ? strlen(flag) : (size_t)(equals - flag);
    (void)fail(parse, bytes_of(flag, len), why, allowed);
    return (struct argument){.kind = ARGUMENT_BAD, .flag = flag};
}

/* Takes the value of `flag`: what follows `=`, or the next word. A word that looks like a flag is
 * no value: it tells of a forgotten one. */
static struct argument take_value(struct parse *parse, struct arguments *arguments,
                                  struct argument argument)
{
    const char *equals = strchr(argument.flag, '=');
    const char *next = arguments->at < arguments->argc ? arguments->argv[arguments->at] : NULL;
    bool is_bool =
        argument.kind == ARGUMENT_ROW && parse->program->specs[argument.row].type == OPTION_BOOL;
    if (equals != NULL) {
        argument.value = bytes_of_str(equals + 1);
    } else if (is_bool && (next == NULL || arguments->operands || !is_bool_word(next))) {
        argument.value = BYTES_LIT("on");
    } else if (next == NULL || strncmp(next, "--", 2) == 0) {
        struct buf allowed;
        buf_init(&allowed, 0);
        if (argument.kind == ARGUMENT_ROW) {
            option_value_allowed(&parse->program->specs[argument.row], &allowed);
        } else {
            buf_append_str(&allowed, "a file of name = value lines");
        }
        buf_append_byte(&allowed, '\0');
        argument = bad_argument(parse, argument.flag, "needs a value", (char *)allowed.data);
        buf_fini(&allowed);
    } else {
        argument.value = bytes_of_str(next);
        arguments->at++;
    }
    return argument;
}

static struct argument take_flag(struct parse *parse, struct arguments *arguments, const char *flag)
{
    const char *equals = strchr(flag, '=');
    struct bytes name =
        bytes_of(flag + 2, equals == NULL ? strlen(flag + 2) : (size_t)(equals - flag - 2));
    if (bytes_equal(name, BYTES_LIT("config"))) {
        return take_value(parse, arguments,
                          (struct argument){.kind = ARGUMENT_CONFIG, .flag = flag});
    }
    size_t row = find_row(parse->program, name);
    if (row == parse->program->spec_count) {
        return bad_argument(parse, flag, "unknown option", "the options that --help lists");
    }
    if ((parse->program->specs[row].flags & OPTION_SECRET) != 0) {
        return bad_argument(parse, flag, "a secret does not belong on a command line",
                            "the environment or the --config file");
    }
    return take_value(parse, arguments,
                      (struct argument){.kind = ARGUMENT_ROW, .row = row, .flag = flag});
}

static struct argument next_argument(struct parse *parse, struct arguments *arguments)
{
    if (arguments->at >= arguments->argc) {
        return (struct argument){.kind = ARGUMENT_END};
    }
    const char *word = arguments->argv[arguments->at];
    if (word[0] != '-' || word[1] == '\0') {
        return arguments->operands
                   ? (struct argument){.kind = ARGUMENT_END}
                   : bad_argument(parse, word, "unexpected argument", "options that start with --");
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
        return bad_argument(parse, word, "unknown option", "the options that --help lists");
    }
    return take_flag(parse, arguments, word);
}

static bool set_flags(struct parse *parse, struct arguments arguments)
{
    for (;;) {
        struct argument argument = next_argument(parse, &arguments);
        if (argument.kind == ARGUMENT_END) {
            return true;
        }
        if (argument.kind == ARGUMENT_ROW) {
            struct bytes flag = bytes_of(argument.flag, strcspn(argument.flag, "="));
            if (!set_row(parse, argument.row, LEVEL_FLAG, argument.value, flag)) {
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
static bool set_env(struct parse *parse, char **env)
{
    bool good = true;
    struct buf name;
    buf_init(&name, 0);
    for (size_t row = 0; good && row < parse->program->spec_count; row++) {
        buf_clear(&name);
        option_env_name(parse->program->specs[row].name, &name);
        struct bytes source = buf_bytes(&name);
        buf_append_byte(&name, '\0');
        const char *value = env_get(env, (const char *)name.data);
        source.data = name.data;
        if (value != NULL && value[0] != '\0') {
            good = set_row(parse, row, LEVEL_ENV, bytes_of_str(value), source);
        }
    }
    buf_fini(&name);
    return good;
}

/* file */

static struct bytes trimmed(struct bytes text)
{
    while (text.len != 0 && memchr(" \t\r", text.data[0], 3) != NULL) {
        text = bytes_slice(text, 1, text.len);
    }
    while (text.len != 0 && memchr(" \t\r", text.data[text.len - 1], 3) != NULL) {
        text.len--;
    }
    return text;
}

/* `source` holds `file:line` and is extended by the name. */
static bool set_file_line(struct parse *parse, struct bytes line, struct buf *source)
{
    const uint8_t *equals = line.len == 0 ? NULL : memchr(line.data, '=', line.len);
    if (line.len == 0 || line.data[0] == '#') {
        return true;
    }
    if (equals == NULL) {
        return fail(parse, buf_bytes(source), "there is no = in this line", "name = value");
    }
    struct bytes name = trimmed(bytes_of(line.data, (size_t)(equals - line.data)));
    struct bytes value = trimmed(bytes_slice(line, (size_t)(equals - line.data) + 1, line.len));
    size_t row = find_row(parse->program, name);
    buf_append_str(source, ": ");
    if (row == parse->program->spec_count) {
        option_quote(name, source);
        return fail(parse, buf_bytes(source), "unknown option",
                    "the options that --help lists, without the --");
    }
    buf_append(source, name);
    if (parse->levels[row] == LEVEL_FILE && parse->program->specs[row].type != OPTION_LIST) {
        return fail(parse, buf_bytes(source), "is set twice", "one line for each option");
    }
    return set_row(parse, row, LEVEL_FILE, value, buf_bytes(source));
}

static bool set_file_lines(struct parse *parse, const char *path, struct bytes rest)
{
    bool good = true;
    struct buf source;
    buf_init(&source, 0);
    for (uint64_t number = 1; good && rest.len != 0; number++) {
        const uint8_t *end = memchr(rest.data, '\n', rest.len);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.data);
        buf_clear(&source);
        buf_append_str(&source, path);
        buf_append_byte(&source, ':');
        buf_append_u64(&source, number);
        good = set_file_line(parse, trimmed(bytes_slice(rest, 0, len)), &source);
        rest = bytes_slice(rest, len + 1, rest.len);
    }
    buf_fini(&source);
    return good;
}

static bool fail_file(struct parse *parse, const char *path, const char *why)
{
    begin_message(parse, BYTES_LIT("--config"));
    option_quote(bytes_of_str(path), parse->text);
    buf_append_str(parse->text, " cannot be read (");
    buf_append_str(parse->text, why);
    buf_append_str(parse->text, "); allowed: a file of name = value lines, at most 1MiB\n");
    return false;
}

static bool read_file(struct parse *parse, const char *path, struct buf *content)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return fail_file(parse, path, strerror(errno));
    }
    uint8_t *room = buf_extend(content, FILE_LEN_MAX + 1);
    content->len = fread(room, 1, FILE_LEN_MAX + 1, file);
    int error = ferror(file) != 0 ? errno : 0;
    (void)fclose(file); /* only read from */
    if (error != 0) {
        return fail_file(parse, path, strerror(error));
    }
    return content->len <= FILE_LEN_MAX || fail_file(parse, path, "it is too large");
}

static bool set_file(struct parse *parse, const char *path)
{
    struct buf content;
    buf_init(&content, 0);
    bool good =
        read_file(parse, path, &content) && set_file_lines(parse, path, buf_bytes(&content));
    buf_fini(&content);
    return good;
}

/* Looks through the flags for what decides before any value counts: a bad flag, --help, --version,
 * the file. */
static enum option_outcome scan_flags(struct parse *parse, struct arguments *arguments,
                                      const char **ret_config)
{
    for (;;) {
        struct argument argument = next_argument(parse, arguments);
        switch (argument.kind) {
        case ARGUMENT_END:
            return OPTION_RUN;
        case ARGUMENT_BAD:
            return OPTION_EXIT_USAGE;
        case ARGUMENT_HELP:
            option_help(parse->program, arguments->operands, parse->text);
            return OPTION_EXIT_OK;
        case ARGUMENT_VERSION:
            buf_append_str(parse->text, parse->program->name);
            buf_append_str(parse->text, " " SPLITRAIL_VERSION "\n");
            return OPTION_EXIT_OK;
        case ARGUMENT_CONFIG:
            *ret_config = (const char *)argument.value.data;
            break;
        case ARGUMENT_ROW:
            break;
        }
    }
}

static bool set_all(struct parse *parse, struct arguments arguments, char **env, const char *config)
{
    set_defaults(parse);
    return (config == NULL || config[0] == '\0' || set_file(parse, config)) &&
           set_env(parse, env) && set_flags(parse, arguments);
}

enum option_outcome option_parse(const struct option_program *program, int argc, char **argv,
                                 char **env, void *target, int *ret_used, struct buf *text)
{
    struct parse parse = {program, target, mem_new(program->spec_count, 1), text};
    const struct arguments arguments = {argc, argv, 1, ret_used != NULL};
    struct arguments scan = arguments;
    const char *config = env_get(env, "SPLITRAIL_CONFIG");
    enum option_outcome outcome = scan_flags(&parse, &scan, &config);
    if (outcome == OPTION_RUN && !set_all(&parse, arguments, env, config)) {
        option_fini(program, target);
        outcome = OPTION_EXIT_USAGE;
    }
    if (outcome == OPTION_RUN && ret_used != NULL) {
        *ret_used = scan.at;
    }
    mem_free(parse.levels);
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
        apply_live(program, target, fresh, text);
        option_fini(program, fresh);
        status = STATUS_OK;
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
