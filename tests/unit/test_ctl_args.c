#include "router/ctl/ctl_args.h"
#include "router/ctl/ctl_help.h"
#include "tests/support/check_main.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 10 };

static struct ctl_args args;
static struct buf text;

static void setup(void)
{
    args = (struct ctl_args){0};
    buf_init(&text, 0);
}

static void teardown(void)
{
    ctl_args_fini(&args);
    buf_fini(&text);
}

static enum ctl_args_outcome parse(char *const *words, char *router_env)
{
    static char *argv[WORDS_MAX + 2];
    int argc = 1;
    argv[0] = "splitrailctl";
    while (words[argc - 1] != NULL) {
        argv[argc] = words[argc - 1];
        argc++;
    }
    argv[argc] = NULL;
    static char variable[128];
    snprintf(variable, sizeof(variable), "SPLITRAIL_ROUTER=%s",
             router_env == NULL ? "" : router_env);
    char *env[] = {"PATH=/bin", variable, NULL};
    return ctl_args_parse(argc, argv, env, &args, &text);
}

static void expect_text(const char *part)
{
    buf_append_byte(&text, 0);
    ck_assert_msg(strstr((const char *)text.data, part) != NULL, "\"%s\" has no \"%s\"",
                  (const char *)text.data, part);
}

static const struct {
    char *words[WORDS_MAX];
    enum ctl_command command;
    size_t operands;
} good[] = {
    {{"presence", "user", "a", "b", NULL}, CTL_PRESENCE_USER, 2},
    {{"--json", "presence", "room", "r", NULL}, CTL_PRESENCE_ROOM, 1},
    {{"presence", "--json", "room", "r", "--limit", "3", NULL}, CTL_PRESENCE_ROOM, 1},
    {{"users", "--sort=age", NULL}, CTL_USERS, 0},
    {{"conns", "--user", "u", "--edge", "e", "--ip", "::1", NULL}, CTL_CONNS, 0},
    {{"limits", NULL}, CTL_LIMITS, 0},
    {{"limits", "set", "max-rooms", "3", NULL}, CTL_LIMITS_SET, 2},
    {{"history", "r", "--since", "0", NULL}, CTL_HISTORY, 1},
    {{"tail", "room", "r", "--for", "3s", NULL}, CTL_TAIL_ROOM, 1},
    {{"top", "--interval", "1s", NULL}, CTL_TOP, 0},
    {{"kick", "conn", "e.1.2", "--reason", "two words", NULL}, CTL_KICK_CONN, 1},
    {{"publish", "r", "-5", NULL}, CTL_PUBLISH, 2},
    {{"room", "--", "--json", NULL}, CTL_ROOM, 1},
    {{"send", "users", "{}", NULL}, CTL_SEND, 2},
    {{"kick", "user", "u", "--ban", "10m", NULL}, CTL_KICK_USER, 1},
    {{"ban", "user", "u", "--for", "1h", "--reason", "r", NULL}, CTL_BAN_USER, 1},
    {{"ban", "ip", "192.0.2.0/24", NULL}, CTL_BAN_IP, 1},
    {{"bans", "--prefix", "192.", "--limit", "5", NULL}, CTL_BANS, 0},
    {{"unban", "user", "u", NULL}, CTL_UNBAN_USER, 1},
    {{"unban", "ip", "::1", NULL}, CTL_UNBAN_IP, 1},
};

START_TEST(flags_may_stand_anywhere_around_a_command)
{
    ck_assert_int_eq(parse(good[_i].words, NULL), CTL_ARGS_RUN);
    ck_assert_int_eq(args.command, good[_i].command);
    ck_assert_uint_eq(args.operand_count, good[_i].operands);
}
END_TEST

static const struct {
    char *words[WORDS_MAX];
    const char *text;
} bad[] = {
    {{NULL}, "which command?"},
    {{"usrs", NULL}, "did you mean users?"},
    {{"presense", "user", "a", NULL}, "did you mean presence user?"},
    {{"kick", NULL}, "did you mean kick user?"},
    {{"frobnicate", NULL}, "see splitrailctl --help"},
    {{"users", "--prefx", "a", NULL}, "did you mean --prefix?"},
    {{"users", "--colour", NULL}, "unknown flag --colour"},
    {{"users", "--limit", "many", NULL}, "--limit"},
    {{"users", "--limit", "10001", NULL}, "10000"},
    {{"users", "--limit", NULL}, "--limit"},
    {{"users", "--timeout", "5", NULL}, "--timeout"},
    {{"users", "x", NULL}, "too many operands"},
    {{"presence", "user", NULL}, "too few operands; usage: splitrailctl presence user USER..."},
    {{"publish", "r", NULL}, "too few operands"},
    {{"trace", "message", "r", "x", NULL}, "an offset is a number from 1 on, not x"},
    {{"trace", "message", "r", "1x", NULL}, "not 1x"},
    {{"trace", "message", "r", "", NULL}, "an offset is a number"},
    {{"trace", "message", "r", "12345678901234567890", NULL}, "an offset is a number"},
    {{"rooms", "--user", "u", NULL}, "rooms: does not take --user"},
    {{"health", "--reason", "u", NULL}, "does not take --reason"},
};

START_TEST(a_wrong_line_is_answered_with_what_to_do)
{
    ck_assert_int_eq(parse(bad[_i].words, NULL), CTL_ARGS_BAD);
    for (size_t i = 0; i < text.len; i++) {
        ck_assert_uint_ne(text.data[i], '\n');
    }
    expect_text(bad[_i].text);
}
END_TEST

START_TEST(values_of_flags_arrive)
{
    char *words[] = {"conns",   "--timeout", "250ms",  "--prefix", "p",
                     "--limit", "7",         "--json", NULL};
    ck_assert_int_eq(parse(words, NULL), CTL_ARGS_RUN);
    ck_assert_int_eq(args.timeout, 250);
    ck_assert_str_eq(args.prefix, "p");
    ck_assert_int_eq(args.limit, 7);
    ck_assert(args.json);
    ck_assert_ptr_null(args.router);
}
END_TEST

START_TEST(the_router_comes_from_the_flag_before_the_environment)
{
    char *with_flag[] = {"users", "--router", "tcp://a:1", NULL};
    ck_assert_int_eq(parse(with_flag, "tcp://b:2"), CTL_ARGS_RUN);
    ck_assert_str_eq(args.router, "tcp://a:1");
    ctl_args_fini(&args);
    args = (struct ctl_args){0};
    char *without[] = {"users", NULL};
    ck_assert_int_eq(parse(without, "tcp://b:2"), CTL_ARGS_RUN);
    ck_assert_str_eq(args.router, "tcp://b:2");
}
END_TEST

START_TEST(help_lists_every_command)
{
    char *words[] = {"--help", NULL};
    ck_assert_int_eq(parse(words, NULL), CTL_ARGS_PRINT);
    buf_append_byte(&text, 0);
    for (size_t i = 0; i < CTL_COMMAND_COUNT; i++) {
        ck_assert_ptr_nonnull(strstr((const char *)text.data, ctl_command_specs[i].words));
        ck_assert_ptr_nonnull(strstr((const char *)text.data, ctl_command_specs[i].help));
    }
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("ctl_args");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, flags_may_stand_anywhere_around_a_command, 0, ROWS(good));
    tcase_add_loop_test(tcase, a_wrong_line_is_answered_with_what_to_do, 0, ROWS(bad));
    tcase_add_test(tcase, values_of_flags_arrive);
    tcase_add_test(tcase, the_router_comes_from_the_flag_before_the_environment);
    tcase_add_test(tcase, help_lists_every_command);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
