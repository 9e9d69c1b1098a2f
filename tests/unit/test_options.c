#include "common/options.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>
#include <unistd.h>

struct sample {
    bool verbose;
    int64_t workers;
    int64_t grace;
    int64_t max_message;
    char *path;
    char *api_key;
    struct option_list router;
    int64_t format;
};

#define OPTION(field, name, type, fallback, min, max, choices, flags, help)                        \
    {name, OPTION_##type, offsetof(struct sample, field), fallback, min, max, choices, flags, help},
static const struct option_spec specs[] = {
    OPTION(verbose, "verbose", BOOL, "off", 0, 0, "", OPTION_LIVE, "Say more.")
        OPTION(workers, "workers", INT, "2", -4, 64, "", 0, "How many | of them.")
            OPTION(grace, "grace", TIME, "30s", 0, 3600000, "", OPTION_LIVE, "How long to wait.")
                OPTION(max_message, "max-message", SIZE, "64KiB", 1, 16 << 20, "", OPTION_LIVE,
                       "Longest.") OPTION(path, "path", STRING, "/ws", 0, 0, "", 0, "Where.")
                    OPTION(api_key, "api-key", STRING, "", 0, 0, "", OPTION_SECRET, "Keep it.")
                        OPTION(router, "router", LIST, "tcp://127.0.0.1:7400", 0, 0, "",
                               OPTION_LIVE, "Whom.") OPTION(format, "log-format", CHOICE, "text", 0,
                                                            0, "text json", 0, "How lines look.")};
#undef OPTION

static const struct option_program program = {"sample", "Shows options.", specs,
                                              sizeof(specs) / sizeof(specs[0]), NULL};

enum { WORDS_MAX = 12 };

/* One call of option_parse: words of the command line and of the environment, separated by blanks.
 */
struct call {
    char *argv[WORDS_MAX + 1];
    int argc;
    char *env[WORDS_MAX + 1];
    char words[512];
    char env_words[512];
    struct sample sample;
    struct buf text;
};

static int cut_words(char *text, const char *source, char **words, int count)
{
    char *rest = NULL;
    snprintf(text, 512, "%s", source);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        ck_assert_int_lt(count, WORDS_MAX);
        words[count++] = word;
    }
    words[count] = NULL;
    return count;
}

static void prepare(struct call *call, const char *arguments, const char *env)
{
    static char name[] = "sample";
    *call = (struct call){.argc = 0};
    call->argv[0] = name;
    call->argc = cut_words(call->words, arguments, call->argv, 1);
    cut_words(call->env_words, env, call->env, 0);
    buf_init(&call->text, 0);
}

static enum option_outcome parse(struct call *call, const char *arguments, const char *env)
{
    prepare(call, arguments, env);
    return option_parse(&program, call->argc, call->argv, call->env, &call->sample, NULL,
                        &call->text);
}

static void finish(struct call *call)
{
    option_fini(&program, &call->sample);
    buf_fini(&call->text);
}

static void assert_text(struct call *call, const char *expected)
{
    buf_append_byte(&call->text, '\0');
    ck_assert_str_eq((const char *)call->text.data, expected);
}

START_TEST(without_arguments_every_field_has_its_default)
{
    struct call call;
    ck_assert_int_eq(parse(&call, "", ""), OPTION_RUN);
    ck_assert(!call.sample.verbose);
    ck_assert_int_eq(call.sample.workers, 2);
    ck_assert_int_eq(call.sample.grace, 30000);
    ck_assert_int_eq(call.sample.max_message, 65536);
    ck_assert_str_eq(call.sample.path, "/ws");
    ck_assert_ptr_null(call.sample.api_key);
    ck_assert_uint_eq(call.sample.router.count, 1);
    ck_assert_str_eq(call.sample.router.items[0], "tcp://127.0.0.1:7400");
    ck_assert_int_eq(call.sample.format, 0);
    ck_assert_uint_eq(call.text.len, 0);
    finish(&call);
}
END_TEST

static const struct {
    const char *arguments;
    int64_t grace;
    int64_t max_message;
    int64_t workers;
} good_numbers[] = {
    {"--grace 500ms --max-message 100B --workers 1", 500, 100, 1},
    {"--grace=2m --max-message=1MiB --workers=-3", 120000, 1 << 20, -3},
    {"--grace 1h --max-message 2048 --workers 64", 3600000, 2048, 64},
    {"--grace 0 --max-message 16MiB --workers 0", 0, 16 << 20, 0},
    {"--grace off --max-message 1 --workers 1 --workers 7", 0, 1, 7},
};

START_TEST(numbers_take_their_units)
{
    struct call call;
    ck_assert_int_eq(parse(&call, good_numbers[_i].arguments, ""), OPTION_RUN);
    ck_assert_int_eq(call.sample.grace, good_numbers[_i].grace);
    ck_assert_int_eq(call.sample.max_message, good_numbers[_i].max_message);
    ck_assert_int_eq(call.sample.workers, good_numbers[_i].workers);
    finish(&call);
}
END_TEST

#define SIZE_ALLOWED "; allowed: 1B to 16MiB, for example 64KiB\n"
#define TIME_ALLOWED "; allowed: 0 (off) to 1h, for example 30s\n"

static const struct {
    const char *arguments;
    const char *env;
    const char *text;
} refusals[] = {
    {"--max-message 10XB", "", "sample: --max-message: \"10XB\" is not a size" SIZE_ALLOWED},
    {"--max-message=32MiB", "", "sample: --max-message: \"32MiB\" is out of range" SIZE_ALLOWED},
    {"--max-message 0", "", "sample: --max-message: \"0\" is out of range" SIZE_ALLOWED},
    {"--max-message -1", "", "sample: --max-message: \"-1\" is not a size" SIZE_ALLOWED},
    {"--max-message=", "", "sample: --max-message: \"\" is not a size" SIZE_ALLOWED},
    {"--max-message KiB", "", "sample: --max-message: \"KiB\" is not a size" SIZE_ALLOWED},
    {"--max-message 99999999999999999999", "",
     "sample: --max-message: \"99999999999999999999\" is not a size" SIZE_ALLOWED},
    {"--max-message 9223372036854775807GiB", "",
     "sample: --max-message: \"9223372036854775807GiB\" is not a size" SIZE_ALLOWED},
    {"--grace 10", "", "sample: --grace: \"10\" is not a duration (number and unit)" TIME_ALLOWED},
    {"--grace 2h", "", "sample: --grace: \"2h\" is out of range" TIME_ALLOWED},
    {"--workers 1s", "",
     "sample: --workers: \"1s\" is not a number; allowed: -4 to 64, for example 2\n"},
    {"--workers -5", "",
     "sample: --workers: \"-5\" is out of range; allowed: -4 to 64, for example 2\n"},
    {"--workers", "", "sample: --workers: needs a value; allowed: -4 to 64\n"},
    {"--path --verbose", "", "sample: --path: needs a value; allowed: text\n"},
    {"--verbose=maybe", "",
     "sample: --verbose: \"maybe\" is neither on nor off; allowed: on, off\n"},
    {"--log-format xml", "",
     "sample: --log-format: \"xml\" is not one of the choices; allowed: text, json\n"},
    {"--router a,,b", "",
     "sample: --router: \"a,,b\" has an empty item; allowed: items separated by commas, for "
     "example tcp://127.0.0.1:7400\n"},
    {"--api-key secret", "",
     "sample: --api-key: a secret does not belong on a command line; allowed: the environment or "
     "the --config file\n"},
    {"--wrokers=3", "",
     "sample: --wrokers: unknown option; allowed: the options that --help lists\n"},
    {"-x", "", "sample: -x: unknown option; allowed: the options that --help lists\n"},
    {"stray", "", "sample: stray: unexpected argument; allowed: options that start with --\n"},
    {"--config /nowhere/at/all", "",
     "sample: --config: \"/nowhere/at/all\" cannot be read (No such file or directory); allowed: "
     "a file of name = value lines, at most 1MiB\n"},
    {"--config", "", "sample: --config: needs a value; allowed: a file of name = value lines\n"},
    {"", "SPLITRAIL_WORKERS=many",
     "sample: SPLITRAIL_WORKERS: \"many\" is not a number; allowed: -4 to 64, for example 2\n"},
    {"--max-message \x1b[31m", "", "sample: --max-message: \"?[31m\" is not a size" SIZE_ALLOWED},
};

START_TEST(a_bad_option_gives_one_line_that_says_which_why_and_what_is_allowed)
{
    struct call call;
    ck_assert_int_eq(parse(&call, refusals[_i].arguments, refusals[_i].env), OPTION_EXIT_USAGE);
    assert_text(&call, refusals[_i].text);
    finish(&call);
}
END_TEST

/* Every prefix of every bad line: whatever comes out, nothing breaks and one line says why. */
START_TEST(cut_off_command_lines_are_refused_or_taken_but_never_break)
{
    size_t len = strlen(refusals[_i].arguments);
    for (size_t at = 0; at < len; at++) {
        struct call call;
        char cut[128];
        snprintf(cut, sizeof(cut), "%.*s", (int)at, refusals[_i].arguments);
        enum option_outcome outcome = parse(&call, cut, "");
        ck_assert(outcome == OPTION_RUN || outcome == OPTION_EXIT_USAGE);
        ck_assert(outcome == OPTION_RUN || call.text.data[call.text.len - 1] == '\n');
        ck_assert(outcome == OPTION_RUN || memchr(call.text.data, '\n', call.text.len - 1) == NULL);
        finish(&call);
    }
}
END_TEST

static void write_file(char *path, const char *content)
{
    strcpy(path, "/tmp/test_options.XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
}

static void rewrite_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    fclose(file);
}

START_TEST(flags_beat_the_environment_beats_the_file_beats_the_default)
{
    struct call call;
    char path[32];
    char arguments[128];
    write_file(path, "# a comment\n\n workers = 3 \r\ngrace=3s\npath = /file#not-a-comment\n");
    snprintf(arguments, sizeof(arguments), "--config %s --workers 5", path);
    ck_assert_int_eq(
        parse(&call, arguments, "SPLITRAIL_WORKERS=4 SPLITRAIL_GRACE=4s SPLITRAIL_X=1"),
        OPTION_RUN);
    ck_assert_int_eq(call.sample.workers, 5);
    ck_assert_int_eq(call.sample.grace, 4000);
    ck_assert_str_eq(call.sample.path, "/file#not-a-comment");
    ck_assert_int_eq(call.sample.max_message, 65536);
    finish(&call);
    unlink(path);
}
END_TEST

START_TEST(a_repeated_flag_appends_to_the_list_and_the_first_replaces_lower_sources)
{
    struct call call;
    ck_assert_int_eq(parse(&call, "--router c --router=d", "SPLITRAIL_ROUTER=a,b"), OPTION_RUN);
    ck_assert_uint_eq(call.sample.router.count, 2);
    ck_assert_str_eq(call.sample.router.items[0], "c");
    ck_assert_str_eq(call.sample.router.items[1], "d");
    finish(&call);
    ck_assert_int_eq(parse(&call, "", "SPLITRAIL_ROUTER=a,b"), OPTION_RUN);
    ck_assert_uint_eq(call.sample.router.count, 2);
    ck_assert_str_eq(call.sample.router.items[1], "b");
    finish(&call);
}
END_TEST

START_TEST(a_secret_comes_from_the_environment_and_is_not_shown)
{
    struct call call;
    ck_assert_int_eq(parse(&call, "", "SPLITRAIL_API_KEY=hunter2"), OPTION_RUN);
    ck_assert_str_eq(call.sample.api_key, "hunter2");
    finish(&call);
}
END_TEST

START_TEST(an_empty_variable_counts_as_not_set)
{
    struct call call;
    ck_assert_int_eq(parse(&call, "", "SPLITRAIL_WORKERS= SPLITRAIL_PATH="), OPTION_RUN);
    ck_assert_int_eq(call.sample.workers, 2);
    ck_assert_str_eq(call.sample.path, "/ws");
    finish(&call);
}
END_TEST

START_TEST(a_bare_flag_means_on_and_a_word_may_follow)
{
    struct call call;
    ck_assert_int_eq(parse(&call, "--verbose --workers 3", ""), OPTION_RUN);
    ck_assert(call.sample.verbose);
    ck_assert_int_eq(call.sample.workers, 3);
    finish(&call);
    ck_assert_int_eq(parse(&call, "--verbose --verbose off", ""), OPTION_RUN);
    ck_assert(!call.sample.verbose);
    finish(&call);
}
END_TEST

static const struct {
    const char *content;
    const char *message; /* after the file's name */
} bad_files[] = {
    {"workers = 3\nwrokers = 4\n",
     ":2: \"wrokers\": unknown option; allowed: the options that --help lists, without the --\n"},
    {"workers\n", ":1: there is no = in this line; allowed: name = value\n"},
    {"\n\nworkers = x", ":3: workers: \"x\" is not a number; allowed: -4 to 64, for example 2\n"},
    {"workers = 1\nworkers = 2\n",
     ":2: workers: is set twice; allowed: one line for each option\n"},
    {"config = other\n",
     ":1: \"config\": unknown option; allowed: the options that --help lists, without the --\n"},
};

START_TEST(a_bad_line_of_the_file_is_named_with_its_number)
{
    struct call call;
    char path[32];
    char arguments[64];
    char expected[256];
    write_file(path, bad_files[_i].content);
    snprintf(arguments, sizeof(arguments), "--config=%s", path);
    snprintf(expected, sizeof(expected), "sample: %s%s", path, bad_files[_i].message);
    ck_assert_int_eq(parse(&call, arguments, ""), OPTION_EXIT_USAGE);
    assert_text(&call, expected);
    finish(&call);
    unlink(path);
}
END_TEST

START_TEST(help_lists_every_option_and_version_says_who)
{
    struct call call;
    ck_assert_int_eq(parse(&call, "--workers 3 --help --workers 4", ""), OPTION_EXIT_OK);
    buf_append_byte(&call.text, '\0');
    for (size_t i = 0; i < program.spec_count; i++) {
        ck_assert_ptr_nonnull(strstr((const char *)call.text.data, specs[i].help));
    }
    ck_assert_ptr_nonnull(strstr((const char *)call.text.data, "--max-message SIZE"));
    ck_assert_ptr_null(strstr((const char *)call.text.data, "--api-key"));
    finish(&call);
    ck_assert_int_eq(parse(&call, "--version", ""), OPTION_EXIT_OK);
    assert_text(&call, "sample " SPLITRAIL_VERSION "\n");
    finish(&call);
}
END_TEST

START_TEST(operands_begin_at_the_first_word_that_is_no_option)
{
    struct call call;
    int used = 0;
    prepare(&call, "--verbose --workers 3 on --workers 4", "");
    ck_assert_int_eq(
        option_parse(&program, call.argc, call.argv, call.env, &call.sample, &used, &call.text),
        OPTION_RUN);
    ck_assert_int_eq(used, 4);
    ck_assert(call.sample.verbose);
    ck_assert_int_eq(call.sample.workers, 3);
    finish(&call);
}
END_TEST

START_TEST(a_reload_applies_live_rows_and_names_the_others)
{
    struct call call;
    char path[32];
    char arguments[64];
    write_file(path, "workers = 3\n");
    snprintf(arguments, sizeof(arguments), "--config %s --grace 9s", path);
    ck_assert_int_eq(parse(&call, arguments, ""), OPTION_RUN);
    rewrite_file(path, "workers = 4\ngrace = 1s\nmax-message = 1KiB\nrouter = x, y\npath = /new\n");
    ck_assert_int_eq(
        option_reload(&program, call.argc, call.argv, call.env, &call.sample, &call.text),
        STATUS_OK);
    ck_assert_int_eq(call.sample.workers, 3);
    ck_assert_int_eq(call.sample.grace, 9000);
    ck_assert_int_eq(call.sample.max_message, 1024);
    ck_assert_uint_eq(call.sample.router.count, 2);
    ck_assert_str_eq(call.sample.router.items[1], "y");
    ck_assert_str_eq(call.sample.path, "/ws");
    assert_text(&call, "workers\npath\n");
    finish(&call);
    unlink(path);
}
END_TEST

START_TEST(a_reload_with_a_mistake_changes_nothing)
{
    struct call call;
    char path[32];
    char arguments[64];
    write_file(path, "grace = 3s\n");
    snprintf(arguments, sizeof(arguments), "--config %s", path);
    ck_assert_int_eq(parse(&call, arguments, ""), OPTION_RUN);
    rewrite_file(path, "grace = 4s\nmax-message = huge\n");
    ck_assert_int_eq(
        option_reload(&program, call.argc, call.argv, call.env, &call.sample, &call.text),
        STATUS_MALFORMED);
    ck_assert_int_eq(call.sample.grace, 3000);
    ck_assert_ptr_nonnull(memmem(call.text.data, call.text.len, ":2: max-message", 15));
    finish(&call);
    unlink(path);
}
END_TEST

static enum status refuse_four(const void *options, struct buf *text)
{
    const struct sample *sample = options;
    if (sample->grace != 4000) {
        return STATUS_OK;
    }
    buf_append_str(text, "not four");
    return STATUS_MALFORMED;
}

START_TEST(a_reload_that_the_program_refuses_changes_nothing)
{
    struct call call;
    char path[32];
    char arguments[64];
    struct option_program checked = program;
    checked.check = refuse_four;
    write_file(path, "grace = 3s\n");
    snprintf(arguments, sizeof(arguments), "--config %s", path);
    ck_assert_int_eq(parse(&call, arguments, ""), OPTION_RUN);
    rewrite_file(path, "grace = 4s\nmax-message = 1KiB\n");
    ck_assert_int_eq(
        option_reload(&checked, call.argc, call.argv, call.env, &call.sample, &call.text),
        STATUS_MALFORMED);
    ck_assert_int_eq(call.sample.grace, 3000);
    assert_text(&call, "not four");
    rewrite_file(path, "grace = 5s\n");
    ck_assert_int_eq(
        option_reload(&checked, call.argc, call.argv, call.env, &call.sample, &call.text),
        STATUS_OK);
    ck_assert_int_eq(call.sample.grace, 5000);
    finish(&call);
    unlink(path);
}
END_TEST

START_TEST(the_reference_is_a_table_with_a_row_for_each_option)
{
    struct buf out;
    buf_init(&out, 0);
    option_reference(&program, &out);
    buf_append_byte(&out, '\0');
    const char *text = (const char *)out.data;
    ck_assert_ptr_nonnull(strstr(text, "| `--max-message` | `SPLITRAIL_MAX_MESSAGE` | `64KiB` | "
                                       "1B to 16MiB | yes | Longest. |\n"));
    ck_assert_ptr_nonnull(strstr(text, "| How many \\| of them. |\n"));
    ck_assert_ptr_nonnull(strstr(text, "| `api-key` (no flag) | `SPLITRAIL_API_KEY` | none |"));
    buf_fini(&out);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, without_arguments_every_field_has_its_default);
    tcase_add_loop_test(tcase, numbers_take_their_units, 0, ROWS(good_numbers));
    tcase_add_loop_test(tcase, a_bad_option_gives_one_line_that_says_which_why_and_what_is_allowed,
                        0, ROWS(refusals));
    tcase_add_loop_test(tcase, cut_off_command_lines_are_refused_or_taken_but_never_break, 0,
                        ROWS(refusals));
    tcase_add_test(tcase, flags_beat_the_environment_beats_the_file_beats_the_default);
    tcase_add_test(tcase, a_repeated_flag_appends_to_the_list_and_the_first_replaces_lower_sources);
    tcase_add_test(tcase, a_secret_comes_from_the_environment_and_is_not_shown);
    tcase_add_test(tcase, an_empty_variable_counts_as_not_set);
    tcase_add_test(tcase, a_bare_flag_means_on_and_a_word_may_follow);
    tcase_add_loop_test(tcase, a_bad_line_of_the_file_is_named_with_its_number, 0, ROWS(bad_files));
    tcase_add_test(tcase, help_lists_every_option_and_version_says_who);
    tcase_add_test(tcase, operands_begin_at_the_first_word_that_is_no_option);
    tcase_add_test(tcase, a_reload_applies_live_rows_and_names_the_others);
    tcase_add_test(tcase, a_reload_with_a_mistake_changes_nothing);
    tcase_add_test(tcase, a_reload_that_the_program_refuses_changes_nothing);
    tcase_add_test(tcase, the_reference_is_a_table_with_a_row_for_each_option);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
