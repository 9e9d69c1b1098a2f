/* RFC 7692 section 7.1 and RFC 6455 section 9.1: each row is the lines of the field and what is
 * agreed. */
#include "edge/ws_extensions.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"

#include <check.h>
#include <string.h>

#define BOTH "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
#define BITS(number) BOTH "; server_max_window_bits=" number
#define PMD "permessage-deflate"

static const char declined[] = "declined";
static const char malformed[] = "malformed";

struct row {
    const char *name;
    const char *lines[3];
    const char *answer;
};

static const struct row rows[] = {
    {"7692 7.1 no parameters", {PMD}, BOTH},
    {"7692 7.1.1.1 server_no_context_takeover", {PMD "; server_no_context_takeover"}, BOTH},
    {"7692 7.1.1.2 client_no_context_takeover", {PMD "; client_no_context_takeover"}, BOTH},
    {"7692 7.1.1 both, other order",
     {PMD "; client_no_context_takeover; server_no_context_takeover"},
     BOTH},
    {"7692 7.1.2.2 client_max_window_bits without a value", {PMD "; client_max_window_bits"}, BOTH},
    {"7692 7.1.2.2 client_max_window_bits 8", {PMD ";client_max_window_bits=8"}, BOTH},
    {"7692 7.1.2.2 client_max_window_bits 15", {PMD ";client_max_window_bits=15"}, BOTH},
    {"7692 7.1.2.1 8", {PMD "; server_max_window_bits=8"}, BITS("8")},
    {"7692 7.1.2.1 9", {PMD "; server_max_window_bits=9"}, BITS("9")},
    {"7692 7.1.2.1 10", {PMD "; server_max_window_bits=10"}, BITS("10")},
    {"7692 7.1.2.1 15", {PMD "; server_max_window_bits=15"}, BITS("15")},
    {"7692 7.1 all four",
     {PMD "; server_max_window_bits=12; client_max_window_bits=9; server_no_context_takeover; "
          "client_no_context_takeover"},
     BITS("12")},
    /* forms */
    {"6455 9.1 quoted value", {PMD "; server_max_window_bits=\"11\""}, BITS("11")},
    {"6455 9.1 quoted value with an escape", {PMD "; server_max_window_bits=\"1\\1\""}, BITS("11")},
    {"2616 2.1 white space everywhere",
     {" \t" PMD " ; server_max_window_bits = 9 \t; client_max_window_bits "},
     BITS("9")},
    {"2616 2.1 no white space at all",
     {PMD ";server_max_window_bits=9;client_max_window_bits"},
     BITS("9")},
    {"9110 5.6.1 empty elements", {", ,", " , " PMD ",,"}, BOTH},
    {"9110 5.6.1 nothing", {""}, declined},
    /* several offers */
    {"7692 7.1 the first one counts", {PMD "; server_max_window_bits=9, " PMD}, BITS("9")},
    {"7692 7.1 the first on another line", {PMD, PMD "; server_max_window_bits=9"}, BOTH},
    {"7692 7.1 a fallback is taken", {PMD "; server_max_window_bits=20, " PMD}, BOTH},
    {"7692 7.1 a fallback on another line",
     {PMD "; x", PMD "; server_max_window_bits=10"},
     BITS("10")},
    {"6455 9.1 other extensions are passed over",
     {"foo; a=b; c=\"d\", bar", "x-webkit-deflate-frame", PMD},
     BOTH},
    {"6455 9.1 only other extensions", {"foo, bar; baz=1"}, declined},
    {"7692 7 the name has one case", {"Permessage-Deflate"}, declined},
    /* offers that are declined */
    {"7692 7.1 unknown parameter", {PMD "; window=9"}, declined},
    {"7692 7.1 parameters have one case", {PMD "; Server_Max_Window_Bits=9"}, declined},
    {"7692 7.1 repeated parameter",
     {PMD "; client_max_window_bits; client_max_window_bits"},
     declined},
    {"7692 7.1 repeated, other value",
     {PMD "; server_max_window_bits=9; server_max_window_bits=10"},
     declined},
    {"7692 7.1 repeated flag",
     {PMD "; server_no_context_takeover; server_no_context_takeover"},
     declined},
    {"7692 7.1.1.1 flag with a value", {PMD "; server_no_context_takeover=true"}, declined},
    {"7692 7.1.1.2 flag with a value", {PMD "; client_no_context_takeover=\"1\""}, declined},
    {"7692 7.1.2.1 no value", {PMD "; server_max_window_bits"}, declined},
    {"7692 7.1.2 7", {PMD "; server_max_window_bits=7"}, declined},
    {"7692 7.1.2 16", {PMD "; server_max_window_bits=16"}, declined},
    {"7692 7.1.2 0", {PMD "; client_max_window_bits=0"}, declined},
    {"7692 7.1.2 16 for the client", {PMD "; client_max_window_bits=16"}, declined},
    {"7692 7.1.2 leading zero", {PMD "; server_max_window_bits=09"}, declined},
    {"7692 7.1.2 three digits", {PMD "; server_max_window_bits=150"}, declined},
    {"7692 7.1.2 very long", {PMD "; server_max_window_bits=10000000000000000000000008"}, declined},
    {"7692 7.1.2 sign", {PMD "; server_max_window_bits=+9"}, declined},
    {"7692 7.1.2 hexadecimal", {PMD "; client_max_window_bits=a"}, declined},
    {"7692 7.1.2 a digit and a letter", {PMD "; server_max_window_bits=1x"}, declined},
    /* not the grammar of RFC 6455 section 9.1 */
    {"6455 9.1 nothing but a semicolon", {";"}, malformed},
    {"6455 9.1 empty parameter", {PMD "; ; server_max_window_bits=9"}, malformed},
    {"6455 9.1 semicolon at the end", {PMD ";"}, malformed},
    {"6455 9.1 empty value", {PMD "; server_max_window_bits="}, malformed},
    {"6455 9.1 empty quoted value", {PMD "; server_max_window_bits=\"\""}, malformed},
    {"6455 9.1 quote not closed", {PMD "; server_max_window_bits=\"9"}, malformed},
    {"6455 9.1 quote closed by an escape", {PMD "; server_max_window_bits=\"9\\\""}, malformed},
    {"6455 9.1 escape at the end", {PMD "; server_max_window_bits=\"9\\"}, malformed},
    {"6455 9.1 quoted value that is no token", {PMD "; a=\"b c\""}, malformed},
    {"6455 9.1 two names", {"foo bar"}, malformed},
    {"6455 9.1 text after a quote", {PMD "; a=\"b\"c"}, malformed},
    {"6455 9.1 not a token", {"foo/bar"}, malformed},
    {"6455 9.1 equals sign without a parameter", {PMD "=9"}, malformed},
    {"6455 9.1 bad after a good one", {PMD ", ;"}, malformed},
    {"6455 9.1 bad on the second line", {PMD, "a b"}, malformed},
    {"6455 9.1 bad in another extension", {"foo; =1, " PMD}, malformed},
};

struct policy_row {
    const char *name;
    enum ws_context context;
    uint8_t window_bits;
    const char *offer; /* behind the name */
    const char *answer;
};

#define SERVER_ALONE "; server_no_context_takeover"
#define CLIENT_ALONE "; client_no_context_takeover"
#define SERVER_BITS(number) "; server_max_window_bits=" number
#define CLIENT_BITS(number) "; client_max_window_bits=" number

static const struct policy_row policy_rows[] = {
    {"off: a small window", WS_CONTEXT_OFF, 10, "", SERVER_ALONE CLIENT_ALONE},
    {"off: the smaller window counts, ours", WS_CONTEXT_OFF, 10, SERVER_BITS("12"),
     SERVER_ALONE CLIENT_ALONE SERVER_BITS("10")},
    {"off: the smaller window counts, theirs", WS_CONTEXT_OFF, 10, SERVER_BITS("9"),
     SERVER_ALONE CLIENT_ALONE SERVER_BITS("9")},
    {"off: nobody keeps a window of the client", WS_CONTEXT_OFF, 10, CLIENT_BITS("9"),
     SERVER_ALONE CLIENT_ALONE},
    {"client: takes over", WS_CONTEXT_CLIENT, 15, "", SERVER_ALONE},
    {"client: 7.1.1.2 a client that wants to stand alone does", WS_CONTEXT_CLIENT, 15, CLIENT_ALONE,
     SERVER_ALONE CLIENT_ALONE},
    {"client: 7.1.1.1", WS_CONTEXT_CLIENT, 15, SERVER_ALONE, SERVER_ALONE},
    {"client: 7.1.2.2 who cannot be told is not told", WS_CONTEXT_CLIENT, 10, "", SERVER_ALONE},
    {"client: 7.1.2.2 who can be told is", WS_CONTEXT_CLIENT, 10, "; client_max_window_bits",
     SERVER_ALONE CLIENT_BITS("10")},
    {"client: 7.1.2.2 the smaller window counts, ours", WS_CONTEXT_CLIENT, 10, CLIENT_BITS("12"),
     SERVER_ALONE CLIENT_BITS("10")},
    {"client: 7.1.2.2 the smaller window counts, theirs", WS_CONTEXT_CLIENT, 15, CLIENT_BITS("9"),
     SERVER_ALONE CLIENT_BITS("9")},
    {"client: 7.1.2.2 eight", WS_CONTEXT_CLIENT, 15, CLIENT_BITS("8"),
     SERVER_ALONE CLIENT_BITS("8")},
    {"client: the largest needs no word", WS_CONTEXT_CLIENT, 15, "; client_max_window_bits",
     SERVER_ALONE},
    {"client: one who stands alone needs no window", WS_CONTEXT_CLIENT, 10,
     "; client_max_window_bits" CLIENT_ALONE, SERVER_ALONE CLIENT_ALONE},
    {"both: take over", WS_CONTEXT_BOTH, 15, "", ""},
    {"both: 7.1.1.1 the server stands alone when asked to", WS_CONTEXT_BOTH, 15, SERVER_ALONE,
     SERVER_ALONE},
    {"both: 7.1.1.2", WS_CONTEXT_BOTH, 15, CLIENT_ALONE, CLIENT_ALONE},
    {"both: 7.1 all four", WS_CONTEXT_BOTH, 15,
     SERVER_ALONE CLIENT_ALONE SERVER_BITS("9") CLIENT_BITS("9"),
     SERVER_ALONE CLIENT_ALONE SERVER_BITS("9")},
    {"both: both windows", WS_CONTEXT_BOTH, 11, SERVER_BITS("13") CLIENT_BITS("12"),
     SERVER_BITS("11") CLIENT_BITS("11")},
    {"both: 7.1.2.1 a window that zlib has not stands alone", WS_CONTEXT_BOTH, 15, SERVER_BITS("8"),
     SERVER_ALONE SERVER_BITS("8")},
};

START_TEST(each_policy_gives_its_answer)
{
    const struct policy_row *row = &policy_rows[_i];
    const struct ws_deflate_policy policy = {true, row->context, row->window_bits};
    struct ws_deflate_terms terms = {.agreed = false};
    struct buf offer;
    struct buf answer;
    buf_init(&offer, 0);
    buf_init(&answer, 0);
    buf_append_str(&offer, PMD);
    buf_append_str(&offer, row->offer);
    ck_assert(ws_extensions_read(buf_bytes(&offer), &terms));
    ws_extensions_settle(&terms, &policy);
    ws_extensions_answer(&terms, &answer);
    struct bytes parameters = bytes_slice(buf_bytes(&answer), strlen(PMD), answer.len);
    ck_assert_msg(bytes_equal(parameters, bytes_of_str(row->answer)), "%s: %.*s", row->name,
                  (int)answer.len, (const char *)answer.data);
    ck_assert_uint_le(terms.window_bits, row->window_bits);
    buf_fini(&answer);
    buf_fini(&offer);
}
END_TEST

START_TEST(without_compression_nothing_is_agreed)
{
    const struct ws_deflate_policy policy = {.enabled = false, .window_bits = 15};
    struct ws_deflate_terms terms = {.agreed = false};
    ck_assert(ws_extensions_read(BYTES_LIT(PMD), &terms));
    ws_extensions_settle(&terms, &policy);
    ck_assert(!terms.agreed);
}
END_TEST

static void read_lines(const struct row *row, struct buf *ret_answer)
{
    static const struct ws_deflate_policy policy = {true, WS_CONTEXT_OFF, WS_WINDOW_BITS_MAX};
    struct ws_deflate_terms terms = {.agreed = false};
    struct guard_page page = {0};
    bool good = true;
    for (size_t i = 0; i < 3 && row->lines[i] != NULL; i++) {
        good =
            good && ws_extensions_read(guard_page_copy(&page, bytes_of_str(row->lines[i])), &terms);
    }
    ws_extensions_settle(&terms, &policy);
    if (good && terms.agreed) {
        ws_extensions_answer(&terms, ret_answer);
    } else {
        buf_append_str(ret_answer, good ? declined : malformed);
    }
    guard_page_free(&page);
}

START_TEST(each_offer_gets_its_answer)
{
    struct buf answer;
    buf_init(&answer, 0);
    read_lines(&rows[_i], &answer);
    ck_assert_msg(bytes_equal(buf_bytes(&answer), bytes_of_str(rows[_i].answer)), "%s: %.*s",
                  rows[_i].name, (int)answer.len, (const char *)answer.data);
    buf_fini(&answer);
}
END_TEST

START_TEST(every_window_is_agreed_as_it_was_asked_for)
{
    for (unsigned bits = 0; bits <= 20; bits++) {
        struct ws_deflate_terms terms = {.agreed = false};
        struct buf line;
        buf_init(&line, 0);
        buf_append_str(&line, PMD "; server_max_window_bits=");
        buf_append_u64(&line, bits);
        ck_assert(ws_extensions_read(buf_bytes(&line), &terms));
        ck_assert(terms.agreed == (bits >= 8 && bits <= 15));
        ck_assert_uint_eq(terms.window_bits, terms.agreed ? bits : 0);
        buf_fini(&line);
    }
}
END_TEST

START_TEST(a_malformed_line_changes_nothing)
{
    struct ws_deflate_terms terms = {.agreed = false};
    ck_assert(!ws_extensions_read(BYTES_LIT(PMD ", a b"), &terms));
    ck_assert(!terms.agreed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_extensions");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, each_offer_gets_its_answer, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_loop_test(tcase, each_policy_gives_its_answer, 0,
                        (int)(sizeof(policy_rows) / sizeof(policy_rows[0])));
    tcase_add_test(tcase, without_compression_nothing_is_agreed);
    tcase_add_test(tcase, every_window_is_agreed_as_it_was_asked_for);
    tcase_add_test(tcase, a_malformed_line_changes_nothing);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
