#include "common/mem.h"
#include "router/json_scan.h"
#include "tests/support/check_main.h"
#include "tests/support/guard_page.h"
#include "tests/support/rng.h"

#include <check.h>
#include <jansson.h>
#include <string.h>

/* A row is a text with its length, because some hold NUL. */
#define ROW(text)                                                                                  \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

struct row {
    const char *text;
    size_t len;
};

static const struct row valid_rows[] = {
    ROW("null"),
    ROW("true"),
    ROW("false"),
    ROW("0"),
    ROW("-0"),
    ROW("-0.0e-0"),
    ROW("12345678901234567890123456789012345678901234567890"),
    ROW("1e400"),
    ROW("1E+9"),
    ROW("0.5e0"),
    ROW("\"\""),
    ROW("\"a\""),
    ROW("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uabCD\""),
    ROW("\"\\u0000\""),
    ROW("\"\\ud800\""),
    ROW("\"\\udc00\\ud800\""),
    ROW("\"\\ud83d\\ude00\""),
    ROW("\"\x7f\""),
    ROW("\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\""),
    ROW("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
    ROW("\"\xe2\x80\xa8\xe2\x80\xa9\""),
    ROW("\"long enough for eight at a time, twice over \xc3\xa9 and on\""),
    ROW("[]"),
    ROW("{}"),
    ROW(" \t\r\n[ \t\r\n] \t\r\n"),
    ROW(" { } "),
    ROW("[1,2 , 3]"),
    ROW("[[],{},[[]],\"\",0]"),
    ROW("{\"a\":1,\"a\":2,\"\":{}}"),
    ROW("{ \"a\" : [ { \"b\" : null } ] , \"c\" : -1.5 }"),
    ROW("[\"]\",\"}\",\"\\\"]\"]"),
};

static const struct row invalid_rows[] = {
    ROW(""),
    ROW(" "),
    ROW("\n\t"),
    ROW("\xef\xbb\xbf{}"),
    ROW("\xef\xbb\xbf"),
    ROW("\0"),
    ROW("{}\0"),
    ROW("\v1"),
    ROW("\f1"),
    ROW("\xc2\xa0"),
    ROW("1 2"),
    ROW("{}{}"),
    ROW("[]]"),
    ROW("{}}"),
    ROW("nul"),
    ROW("nulL"),
    ROW("nullx"),
    ROW("True"),
    ROW("tru"),
    ROW("fals"),
    ROW("falsee"),
    ROW("NaN"),
    ROW("Infinity"),
    ROW("-Infinity"),
    ROW("undefined"),
    ROW("-"),
    ROW("--1"),
    ROW("+1"),
    ROW("01"),
    ROW("-01"),
    ROW("00"),
    ROW("1."),
    ROW(".5"),
    ROW("1.e5"),
    ROW("1e"),
    ROW("1e+"),
    ROW("1e-"),
    ROW("1e1.5"),
    ROW("1e++1"),
    ROW("0x10"),
    ROW("1_000"),
    ROW("1,"),
    ROW("\""),
    ROW("\"a"),
    ROW("\"\\\""),
    ROW("\"\\"),
    ROW("\"\\x41\""),
    ROW("\"\\'\""),
    ROW("\"\\U0041\""),
    ROW("\"\\u\""),
    ROW("\"\\u1\""),
    ROW("\"\\u12\""),
    ROW("\"\\u123\""),
    ROW("\"\\u123g\""),
    ROW("\"\\u 123\""),
    ROW("\"\\u+123\""),
    ROW("\"\\0\""),
    ROW("\"\\\n\""),
    ROW("'a'"),
    ROW("\"a\nb\""),
    ROW("\"a\tb\""),
    ROW("\"\0\""),
    ROW("\"\x1f\""),
    ROW("\"\x80\""),
    ROW("\"\xbf\""),
    ROW("\"\xc0\x80\""),
    ROW("\"\xc1\xbf\""),
    ROW("\"\xc2\""),
    ROW("\"\xc2\x7f\""),
    ROW("\"\xc2\xc0\""),
    ROW("\"\xe0\x9f\xbf\""),
    ROW("\"\xe1\x80\""),
    ROW("\"\xe1\x80\xc0\""),
    ROW("\"\xed\xa0\x80\""),
    ROW("\"\xed\xbf\xbf\""),
    ROW("\"\xf0\x8f\xbf\xbf\""),
    ROW("\"\xf1\x80\x80\""),
    ROW("\"\xf4\x90\x80\x80\""),
    ROW("\"\xf5\x80\x80\x80\""),
    ROW("\"\xfe\""),
    ROW("\"\xff\""),
    ROW("\"\xf0\x9f\x98"),
    ROW("\"1234567\x01\""),
    ROW("\"12345678\x01\""),
    ROW("\"1234567890123456\xff\""),
    ROW("["),
    ROW("]"),
    ROW("[1"),
    ROW("[1,"),
    ROW("[1,]"),
    ROW("[,1]"),
    ROW("[,]"),
    ROW("[1 2]"),
    ROW("[1,,2]"),
    ROW("[1:2]"),
    ROW("[1}"),
    ROW("[\"a\":1]"),
    ROW("[[]"),
    ROW("{"),
    ROW("}"),
    ROW("{]"),
    ROW("{\"a\""),
    ROW("{\"a\":"),
    ROW("{\"a\":}"),
    ROW("{\"a\"}"),
    ROW("{\"a\",}"),
    ROW("{\"a\":1"),
    ROW("{\"a\":1,"),
    ROW("{\"a\":1,}"),
    ROW("{\"a\":1]"),
    ROW("{\"a\":1 \"b\":2}"),
    ROW("{\"a\":1;\"b\":2}"),
    ROW("{\"a\"::1}"),
    ROW("{\"a\" 1}"),
    ROW("{,}"),
    ROW("{,\"a\":1}"),
    ROW("{:1}"),
    ROW("{a:1}"),
    ROW("{1:1}"),
    ROW("{null:1}"),
    ROW("{[]:1}"),
    ROW("{\"a\":1,1}"),
    ROW("{\"a\":1,\"b\"}"),
    ROW("{'a':1}"),
    ROW("// c\n1"),
    ROW("/* c */1"),
    ROW("1 // c"),
    ROW("[1 /* c */]"),
    ROW("{\"\xff\":1}"),
    ROW("{\"\\q\":1}"),
};

enum {
    VALID_ROWS = sizeof(valid_rows) / sizeof(valid_rows[0]),
    INVALID_ROWS = sizeof(invalid_rows) / sizeof(invalid_rows[0])
};

static struct bytes row_bytes(const struct row *row)
{
    return bytes_of(row->text, row->len);
}

/* Scans a copy that ends at a guard page, so that a byte read too far is a crash. */
static bool scans(struct bytes text)
{
    struct guard_page page = {0};
    struct bytes copy = guard_page_copy(&page, text);
    struct json_value value;
    bool ok = json_scan(copy, &value);
    if (ok) {
        ck_assert(value.raw.len >= 1);
        ck_assert(value.raw.data >= copy.data);
        ck_assert(value.raw.data + value.raw.len <= copy.data + copy.len);
    }
    guard_page_free(&page);
    return ok;
}

START_TEST(valid_json_is_accepted)
{
    ck_assert_msg(scans(row_bytes(&valid_rows[_i])), "row %d: %s", _i, valid_rows[_i].text);
}
END_TEST

START_TEST(what_is_not_json_is_refused)
{
    ck_assert_msg(!scans(row_bytes(&invalid_rows[_i])), "row %d: %s", _i, invalid_rows[_i].text);
}
END_TEST

START_TEST(a_text_cut_anywhere_is_refused_unless_it_is_a_number)
{
    struct json_value value;
    struct bytes text = row_bytes(&valid_rows[_i]);
    ck_assert(json_scan(text, &value));
    if (value.kind == JSON_KIND_NUMBER) {
        return;
    }
    size_t end = (size_t)(value.raw.data + value.raw.len - text.data);
    for (size_t len = 0; len < end; len++) {
        ck_assert(!scans(bytes_slice(text, 0, len)));
    }
}
END_TEST

START_TEST(the_value_is_the_slice_without_surrounding_space)
{
    struct json_value value;
    ck_assert(json_scan(BYTES_LIT(" \n {\"a\" : 1 } \t"), &value));
    ck_assert_int_eq(value.kind, JSON_KIND_OBJECT);
    ck_assert(bytes_equal(value.raw, BYTES_LIT("{\"a\" : 1 }")));
}
END_TEST

START_TEST(a_refused_text_leaves_the_result_alone)
{
    struct json_value value = {JSON_KIND_TRUE, BYTES_LIT("before")};
    ck_assert(!json_scan(BYTES_LIT("{\"a\":1}x"), &value));
    ck_assert_int_eq(value.kind, JSON_KIND_TRUE);
    ck_assert(bytes_equal(value.raw, BYTES_LIT("before")));
}
END_TEST

static bool nested_scans(size_t depth, const char *open, const char *shut)
{
    struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < depth; i++) {
        buf_append_str(&text, open);
    }
    buf_append_str(&text, "1");
    for (size_t i = 0; i < depth; i++) {
        buf_append_str(&text, shut);
    }
    bool ok = scans(buf_bytes(&text));
    buf_fini(&text);
    return ok;
}

START_TEST(depth_is_limited_and_the_limit_itself_is_allowed)
{
    ck_assert(nested_scans(JSON_DEPTH_MAX, "[", "]"));
    ck_assert(!nested_scans(JSON_DEPTH_MAX + 1, "[", "]"));
    ck_assert(nested_scans(JSON_DEPTH_MAX, "{\"a\":", "}"));
    ck_assert(!nested_scans(JSON_DEPTH_MAX + 1, "{\"a\":", "}"));
    ck_assert(nested_scans(JSON_DEPTH_MAX / 2, "[{\"a\":", "}]"));
    ck_assert(!nested_scans(JSON_DEPTH_MAX / 2, "[{\"a\":", "]}"));
    ck_assert(!nested_scans(100000, "[", ""));
}
END_TEST

START_TEST(every_special_byte_is_seen_at_every_place_of_a_long_string)
{
    static const char special[] = {'\x01', '\x1f', '\xff', '\x80', '\\', '\0'};
    for (size_t at = 1; at < 40; at++) {
        for (size_t i = 0; i < sizeof(special); i++) {
            char text[42];
            memset(text, 'a', sizeof(text));
            text[0] = '"';
            text[41] = '"';
            ck_assert(scans(bytes_of(text, sizeof(text))));
            text[at] = special[i];
            ck_assert(!scans(bytes_of(text, sizeof(text))));
            text[at] = '"';
            ck_assert(!scans(bytes_of(text, sizeof(text))));
        }
    }
}
END_TEST

START_TEST(a_container_is_walked_value_by_value)
{
    static const char *const keys[] = {"\"a\"", "\"b,]}\"", "\"\\\"\"", "\"\""};
    static const char *const values[] = {"[1,{\"x\":\"]\"}]", "\"}\\\\\"", "-1.5e9", "null"};
    struct json_value object;
    struct json_value value;
    struct bytes key;
    size_t cursor = 0;
    ck_assert(json_scan(BYTES_LIT("{ \"a\" :[1,{\"x\":\"]\"}] , \"b,]}\":\"}\\\\\",\"\\\"\":-1.5e9 "
                                  ",\"\" : null\t}"),
                        &object));
    for (size_t i = 0; i < 4; i++) {
        ck_assert(json_next(object, &cursor, &key, &value));
        ck_assert(bytes_equal(key, bytes_of_str(keys[i])));
        ck_assert(bytes_equal(value.raw, bytes_of_str(values[i])));
    }
    ck_assert(!json_next(object, &cursor, &key, &value));
    ck_assert(!json_next(object, &cursor, &key, &value));
}
END_TEST

START_TEST(what_is_empty_or_no_container_has_nothing_to_walk)
{
    static const char *const texts[] = {"{}", "[ ]", "{\n}", "1", "\"ab\"", "null"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json_value value;
        struct bytes key;
        size_t cursor = 0;
        ck_assert(json_scan(bytes_of_str(texts[i]), &value));
        ck_assert(!json_next(value, &cursor, &key, &value));
    }
}
END_TEST

START_TEST(members_are_found_by_name_with_repeats_marked)
{
    const struct bytes names[] = {BYTES_LIT("a"), BYTES_LIT("b"), BYTES_LIT("type"),
                                  BYTES_LIT("none")};
    struct json_value values[4];
    struct json_value object;
    ck_assert(json_scan(
        BYTES_LIT("{\"x\":0,\"\\u0074ype\":1,\"b\":2,\"x\":3,\"a\":4,\"\\u0062\":5}"), &object));
    struct json_members members = json_members(object, names, 4, values);
    ck_assert_uint_eq(members.seen, 1 | 2 | 4);
    ck_assert_uint_eq(members.repeated, 2);
    ck_assert(bytes_equal(values[0].raw, BYTES_LIT("4")));
    ck_assert(bytes_equal(values[1].raw, BYTES_LIT("2")));
    ck_assert(bytes_equal(values[2].raw, BYTES_LIT("1")));
}
END_TEST

static const struct decode_row {
    struct row raw;
    struct row text; /* NULL: has no UTF-8 */
} decode_rows[] = {
    {ROW("\"\""), ROW("")},
    {ROW("\"abc\""), ROW("abc")},
    {ROW("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), ROW("\"\\/\b\f\n\r\t")},
    {ROW("\"\\u0041\\u00e9\\u20AC\""), ROW("A\xc3\xa9\xe2\x82\xac")},
    {ROW("\"a\\u0000b\""), ROW("a\0b")},
    {ROW("\"\\u007f\\u0080\\u07ff\\u0800\\uffff\""),
     ROW("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
    {ROW("\"\\ud83d\\ude00!\""), ROW("\xf0\x9f\x98\x80!")},
    {ROW("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""), ROW("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
    {ROW("\"\xf0\x9f\x98\x80\""), ROW("\xf0\x9f\x98\x80")},
    {ROW("\"\\ud800\""), {NULL, 0}},
    {ROW("\"\\udc00\""), {NULL, 0}},
    {ROW("\"\\udc00\\ud800\""), {NULL, 0}},
    {ROW("\"\\udc00\\udc00\""), {NULL, 0}},
    {ROW("\"\\udfff\\udfff\""), {NULL, 0}},
    {ROW("\"\\ud800x\""), {NULL, 0}},
    {ROW("\"\\ud800\\n\""), {NULL, 0}},
    {ROW("\"\\ud800\\u0041\""), {NULL, 0}},
    {ROW("\"\\ud800\\ud800\""), {NULL, 0}},
    {ROW("\"ok\\ud83d\\ude00\\ud83d\""), {NULL, 0}},
};

START_TEST(a_string_is_decoded_or_has_no_utf8)
{
    const struct decode_row *row = &decode_rows[_i];
    struct json_value value;
    struct buf out;
    buf_init(&out, 0);
    ck_assert(json_scan(row_bytes(&row->raw), &value));
    bool decoded = json_string_decode(value.raw, &out);
    ck_assert(decoded == (row->text.text != NULL));
    if (decoded) {
        ck_assert(bytes_equal(buf_bytes(&out), row_bytes(&row->text)));
        ck_assert(json_string_equals(value.raw, row_bytes(&row->text)));
        buf_append_byte(&out, 'x');
        ck_assert(!json_string_equals(value.raw, buf_bytes(&out)));
    }
    ck_assert(!json_string_equals(value.raw, BYTES_LIT("some other text")));
    buf_fini(&out);
}
END_TEST

START_TEST(strings_equal_by_what_they_mean)
{
    ck_assert(json_string_equals(BYTES_LIT("\"\\u0074ype\""), BYTES_LIT("type")));
    ck_assert(json_string_equals(BYTES_LIT("\"\\u0074\\u0079\\u0070\\u0065\""), BYTES_LIT("type")));
    ck_assert(!json_string_equals(BYTES_LIT("\"\\u0054ype\""), BYTES_LIT("type")));
    ck_assert(!json_string_equals(BYTES_LIT("\"typ\""), BYTES_LIT("type")));
    ck_assert(!json_string_equals(BYTES_LIT("\"types\""), BYTES_LIT("type")));
    ck_assert(!json_string_equals(BYTES_LIT("\"type\\u0000\""), BYTES_LIT("type")));
    ck_assert(json_string_equals(BYTES_LIT("\"\""), BYTES_LIT("")));
    ck_assert(!json_string_equals(BYTES_LIT("\"a\""), BYTES_LIT("")));
}
END_TEST

static const struct integer_row {
    const char *text;
    uint64_t max;
    bool ok;
    uint64_t number;
} integer_rows[] = {
    {"0", 0, true, 0},
    {"1", 1, true, 1},
    {"2", 1, false, 0},
    {"1000", 1000, true, 1000},
    {"1001", 1000, false, 0},
    {"9007199254740991", UINT64_C(9007199254740991), true, UINT64_C(9007199254740991)},
    {"9007199254740992", UINT64_C(9007199254740991), false, 0},
    {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
    {"18446744073709551616", UINT64_MAX, false, 0},
    {"99999999999999999999999999", UINT64_MAX, false, 0},
    {"-1", UINT64_MAX, false, 0},
    {"-0", UINT64_MAX, false, 0},
    {"1.0", UINT64_MAX, false, 0},
    {"1e1", UINT64_MAX, false, 0},
    {"\"1\"", UINT64_MAX, false, 0},
    {"true", UINT64_MAX, false, 0},
    {"[1]", UINT64_MAX, false, 0},
    {"null", UINT64_MAX, false, 0},
};

START_TEST(an_integer_is_plain_digits_within_its_maximum)
{
    const struct integer_row *row = &integer_rows[_i];
    struct json_value value;
    uint64_t number = 0;
    ck_assert(json_scan(bytes_of_str(row->text), &value));
    ck_assert(json_read_integer(value, row->max, &number) == row->ok);
    ck_assert_uint_eq(number, row->number);
}
END_TEST

/* The differential test. Documented differences: the other library converts numbers, so those that
 * do not fit are an error there; lone surrogates and NUL in a name are valid JSON text that it
 * refuses; a NUL byte after a number or word is swallowed there, which we refuse; its depth limit
 * is higher than ours. */
static const char *const seeds[] = {
    "{\"type\":\"join\",\"room\":\"lobby\",\"id\":7,\"since\":{\"epoch\":\"0f\",\"offset\":12}}",
    "{\"type\":\"room_message\",\"room\":\"r\\u00e9\",\"payload\":{\"a\":[1,2.5e-3,{}],\"b\":0}}",
    "[\"\\ud83d\\ude00\",\"\xf0\x9f\x98\x80\",\"\xc3\xa9\xe2\x82\xac\",\"\\n\\t\\\"\\\\\"]",
    " [ true , false , null , -0.0 , 1E+2 , 0 ] ",
    "{\"a\":{\"b\":{\"c\":[[[[]]],{\"d\":\"e\"}]}},\"f\":\"ggggggggggggggggggggggggg\"}",
    "{\"users\":[\"u1\",\"u2\",\"u3\",\"u4\"],\"n\":12345678901234,\"\":\"\"}",
    "\"just a string that is longer than one machine word\"",
    "-123.456e-7",
};

enum { SEEDS = sizeof(seeds) / sizeof(seeds[0]), MUTANTS = 20000, MUTANT_BYTES_MAX = 400 };

static const char alphabet[] = "{}[]:,\"\\ \t\nu0123456789abcdefDdE+-.tnrl/\x01\x80\xbf\xc3\xe2\xed"
                               "\xf0\xff\x7f";

static void mutate_once(struct rng *rng, uint8_t *text, size_t *len)
{
    size_t at = *len == 0 ? 0 : rng_below(rng, (uint32_t)*len);
    uint8_t byte = (uint8_t)alphabet[rng_below(rng, sizeof(alphabet))]; /* its NUL too */
    size_t some = 1 + rng_below(rng, 8);
    some = some > *len - at ? *len - at : some;
    switch (rng_below(rng, 5)) {
    case 0:
        text[at] = byte;
        *len += *len == 0;
        break;
    case 1:
        memmove(text + at, text + at + some, *len - at - some);
        *len -= some;
        break;
    case 2:
        memmove(text + at + 1, text + at, *len - at);
        text[at] = byte;
        *len += 1;
        break;
    case 3:
        memmove(text + at + some, text + at, *len - at);
        *len += some;
        break;
    default:
        memmove(text + at, text + (*len - some) / 2, some);
        break;
    }
}

static size_t make_mutant(struct rng *rng, uint8_t text[MUTANT_BYTES_MAX])
{
    const char *seed = seeds[rng_below(rng, SEEDS)];
    size_t len = strlen(seed);
    memcpy(text, seed, len);
    for (uint32_t left = rng_below(rng, 4); left > 0; left--) {
        mutate_once(rng, text, &len);
    }
    return len;
}

static bool same_value(struct json_value ours, const json_t *theirs);

static bool same_string(struct bytes raw, const char *text, size_t len)
{
    struct buf out;
    buf_init(&out, 0);
    bool same = json_string_decode(raw, &out) && bytes_equal(buf_bytes(&out), bytes_of(text, len));
    buf_fini(&out);
    return same;
}

static bool same_array(struct json_value ours, const json_t *theirs)
{
    struct json_value item;
    struct bytes key;
    size_t cursor = 0;
    size_t count = 0;
    while (json_next(ours, &cursor, &key, &item)) {
        if (key.len != 0 || !same_value(item, json_array_get(theirs, count++))) {
            return false;
        }
    }
    return count == json_array_size(theirs);
}

/* Of a repeated name the other library keeps the last: such objects are compared by names only. */
static bool same_object(struct json_value ours, const json_t *theirs)
{
    struct json_value item;
    struct bytes key;
    size_t cursor = 0;
    size_t count = 0;
    while (json_next(ours, &cursor, &key, &item)) {
        count++;
    }
    bool unique = count == json_object_size(theirs);
    cursor = 0;
    while (json_next(ours, &cursor, &key, &item)) {
        struct buf name;
        buf_init(&name, 0);
        bool decoded = json_string_decode(key, &name);
        buf_append_byte(&name, 0);
        const json_t *value = json_object_get(theirs, (const char *)name.data);
        buf_fini(&name);
        if (!decoded || value == NULL || (unique && !same_value(item, value))) {
            return false;
        }
    }
    return count >= json_object_size(theirs);
}

static bool same_value(struct json_value ours, const json_t *theirs)
{
    uint64_t number = 0;
    switch (ours.kind) {
    case JSON_KIND_NULL:
        return json_is_null(theirs);
    case JSON_KIND_FALSE:
        return json_is_false(theirs);
    case JSON_KIND_TRUE:
        return json_is_true(theirs);
    case JSON_KIND_NUMBER:
        return json_is_number(theirs) && (!json_read_integer(ours, INT64_MAX, &number) ||
                                          json_integer_value(theirs) == (json_int_t)number);
    case JSON_KIND_STRING:
        return json_is_string(theirs) &&
               same_string(ours.raw, json_string_value(theirs), json_string_length(theirs));
    case JSON_KIND_ARRAY:
        return json_is_array(theirs) && same_array(ours, theirs);
    case JSON_KIND_OBJECT:
        return json_is_object(theirs) && same_object(ours, theirs);
    }
    return false;
}

static bool documented_difference(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           strncmp(error->text, "invalid Unicode", strlen("invalid Unicode")) == 0;
}

/* One walk says what two walks say. */
static bool object_scan_agrees(struct bytes text)
{
    static const struct bytes names[] = {BYTES_INIT("a"), BYTES_INIT("type"), BYTES_INIT("")};
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    struct json_value once[COUNT];
    struct json_value twice[COUNT];
    const struct json_lookup lookup = {names, COUNT, once};
    struct json_members members;
    struct json_value value;
    bool object = json_scan_object(text, &lookup, &members);
    if (!json_scan(text, &value) || value.kind != JSON_KIND_OBJECT) {
        return !object;
    }
    struct json_members expected = json_members(value, names, COUNT, twice);
    bool same = object && members.seen == expected.seen && members.repeated == expected.repeated;
    for (size_t i = 0; same && i < COUNT; i++) {
        if ((members.seen >> i & 1) != 0) {
            same = once[i].kind == twice[i].kind && once[i].raw.data == twice[i].raw.data &&
                   once[i].raw.len == twice[i].raw.len;
        }
    }
    return same;
}

START_TEST(an_object_is_scanned_and_searched_in_one_walk)
{
    static const char *const texts[] = {"{}",
                                        " { } ",
                                        "{\"a\":1}",
                                        "{\"a\":1,\"a\":2,\"type\":{\"a\":[]}}",
                                        "[]",
                                        "{\"a\":[{}],\"\":\"\"}x",
                                        "{\"\\u0061\" : [1,{\"type\":2}] , \"type\":null}\n",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{,}",
                                        "{\"a\":1,}",
                                        "{\"a\":{\"a\":{}}",
                                        "{\"a\":1}}",
                                        "{\"a\":]}",
                                        "",
                                        "1"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (size_t len = 0; len <= strlen(texts[i]); len++) {
            ck_assert_msg(object_scan_agrees(bytes_of(texts[i], len)), "%.*s", (int)len, texts[i]);
        }
    }
}
END_TEST

START_TEST(twenty_thousand_mutants_are_judged_as_by_another_library)
{
    struct rng rng = {20260101};
    size_t accepted = 0;
    for (int i = 0; i < MUTANTS; i++) {
        uint8_t text[MUTANT_BYTES_MAX];
        size_t len = make_mutant(&rng, text);
        json_error_t error;
        struct json_value ours;
        bool ok = json_scan(bytes_of(text, len), &ours);
        json_t *theirs =
            json_loadb((const char *)text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        if (theirs == NULL) {
            ck_assert_msg(!ok || documented_difference(&error), "only we accept: %.*s (%s)",
                          (int)len, (const char *)text, error.text);
            continue;
        }
        if (!ok && memchr(text, 0, len) != NULL) {
            json_decref(theirs);
            continue;
        }
        ck_assert(object_scan_agrees(bytes_of(text, len)));
        ck_assert_msg(ok, "only we refuse: %.*s", (int)len, (const char *)text);
        ck_assert_msg(same_value(ours, theirs), "read differently: %.*s", (int)len,
                      (const char *)text);
        json_decref(theirs);
        accepted++;
    }
    ck_assert_uint_gt(accepted, MUTANTS / 5);
    ck_assert_uint_lt(accepted, MUTANTS - MUTANTS / 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json_scan");
    TCase *scan = tcase_create("scan");
    tcase_add_loop_test(scan, valid_json_is_accepted, 0, VALID_ROWS);
    tcase_add_loop_test(scan, what_is_not_json_is_refused, 0, INVALID_ROWS);
    tcase_add_loop_test(scan, a_text_cut_anywhere_is_refused_unless_it_is_a_number, 0, VALID_ROWS);
    tcase_add_test(scan, the_value_is_the_slice_without_surrounding_space);
    tcase_add_test(scan, a_refused_text_leaves_the_result_alone);
    tcase_add_test(scan, depth_is_limited_and_the_limit_itself_is_allowed);
    tcase_add_test(scan, every_special_byte_is_seen_at_every_place_of_a_long_string);
    suite_add_tcase(suite, scan);
    TCase *use = tcase_create("use");
    tcase_add_test(use, a_container_is_walked_value_by_value);
    tcase_add_test(use, what_is_empty_or_no_container_has_nothing_to_walk);
    tcase_add_test(use, an_object_is_scanned_and_searched_in_one_walk);
    tcase_add_test(use, members_are_found_by_name_with_repeats_marked);
    tcase_add_loop_test(use, a_string_is_decoded_or_has_no_utf8, 0,
                        sizeof(decode_rows) / sizeof(decode_rows[0]));
    tcase_add_test(use, strings_equal_by_what_they_mean);
    tcase_add_loop_test(use, an_integer_is_plain_digits_within_its_maximum, 0,
                        sizeof(integer_rows) / sizeof(integer_rows[0]));
    suite_add_tcase(suite, use);
    TCase *differential = tcase_create("differential");
    tcase_set_timeout(differential, 60);
    tcase_add_test(differential, twenty_thousand_mutants_are_judged_as_by_another_library);
    suite_add_tcase(suite, differential);
    return check_main(suite);
}
