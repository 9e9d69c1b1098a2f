/* router/otlp_write: the JSON form of OTLP. That a collector reads it is the matter of the
 * end-to-end tests. */
#include "router/admin_trace.h"
#include "router/json_scan.h"
#include "router/otlp_write.h"
#include "tests/support/check_main.h"

#include <string.h>

static struct trace_hop hops[] = {
    {.edge = "e1",
     .edge_len = 2,
     .told = true,
     .hop = {.began_us = 1700000000000400,
             .queued_first_us = 1,
             .queued_last_us = 2,
             .written_first_us = 3,
             .written_last_us = 9,
             .queued = 5,
             .written = 4}},
    {.edge = "e2", .edge_len = 2},
};

static struct message_trace trace_of(const char *room)
{
    struct message_trace trace = {.edges = 2,
                                  .members = 7,
                                  .offset = 12,
                                  .bytes = 3,
                                  .edge_at_us = 1700000000000000,
                                  .router_at_us = 1700000000000100,
                                  .sent_at_us = 1700000000000300,
                                  .hops = hops,
                                  .hop_count = 2,
                                  .hops_told = 1};
    trace.room_len = (uint8_t)strlen(room);
    memcpy(trace.room, room, trace.room_len);
    return trace;
}

static const struct otlp_source source = {.router_id = {(const uint8_t *)"r", 1},
                                          .version = {(const uint8_t *)"1.2", 3},
                                          .trace_id = {1, 2},
                                          .span_id = 0x1000};

/* The text, valid until the next call. */
static const char *text_of(const struct message_trace *trace)
{
    static struct buf out;
    static char text[8192];
    buf_init(&out, 0);
    buf_append_byte(&out, '[');
    otlp_write_trace(trace, &source, &out);
    buf_append_byte(&out, ']');
    struct json_value value;
    ck_assert(json_scan(buf_bytes(&out), &value));
    ck_assert_uint_lt(out.len, sizeof(text));
    memcpy(text, out.data, out.len);
    text[out.len] = 0;
    buf_fini(&out);
    return text;
}

static const char *const wanted[] = {
    "\"traceId\":\"00000000000000010000000000000002\"",
    "\"spanId\":\"0000000000001000\",\"name\":\"message\"",
    "\"parentSpanId\":\"0000000000001000\",\"name\":\"commit\"",
    "\"startTimeUnixNano\":\"1700000000000000000\",\"endTimeUnixNano\":\"1700000000000409000\"",
    "\"startTimeUnixNano\":\"1700000000000400000\",\"endTimeUnixNano\":\"1700000000000409000\"",
    "{\"key\":\"splitrail.edges.untold\",\"value\":{\"intValue\":\"1\"}}",
    "{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"e1\"}}",
    "{\"timeUnixNano\":\"1700000000000403000\",\"name\":\"first written\"}",
};

START_TEST(a_trace_is_written_as_spans)
{
    struct message_trace trace = trace_of("tea");
    ck_assert_msg(strstr(text_of(&trace), wanted[_i]) != NULL, "%s\nis not in\n%s", wanted[_i],
                  text_of(&trace));
}
END_TEST

START_TEST(names_of_rooms_are_escaped)
{
    struct message_trace trace = trace_of("a\"b\\");
    ck_assert_ptr_nonnull(strstr(text_of(&trace), "\"stringValue\":\"a\\\"b\\\\\""));
}
END_TEST

START_TEST(an_end_is_never_before_its_start)
{
    struct message_trace trace = trace_of("tea");
    trace.hop_count = 0;
    trace.router_at_us = trace.sent_at_us + 1000;
    ck_assert_ptr_nonnull(strstr(text_of(&trace), "\"name\":\"commit\",\"kind\":1,"
                                                  "\"startTimeUnixNano\":\"1700000000001300000\","
                                                  "\"endTimeUnixNano\":\"1700000000001300000\""));
}
END_TEST

START_TEST(who_said_it_is_not_told)
{
    struct message_trace trace = trace_of("");
    trace.user_len = 5;
    memcpy(trace.user, "alice", 5);
    trace.to_len = 3;
    memcpy(trace.to, "bob", 3);
    const char *text = text_of(&trace);
    ck_assert_ptr_null(strstr(text, "alice"));
    ck_assert_ptr_null(strstr(text, "bob"));
    ck_assert_ptr_null(strstr(text, "destination"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("otlp_write");
    TCase *tcase = tcase_create("spans");
    tcase_add_loop_test(tcase, a_trace_is_written_as_spans, 0, sizeof(wanted) / sizeof(wanted[0]));
    tcase_add_test(tcase, names_of_rooms_are_escaped);
    tcase_add_test(tcase, an_end_is_never_before_its_start);
    tcase_add_test(tcase, who_said_it_is_not_told);
    suite_add_tcase(suite, tcase);
    return check_main(suite);
}
