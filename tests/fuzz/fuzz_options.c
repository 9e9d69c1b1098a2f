/* The options file and one flag: any text gives either values in their ranges, the same when read
 * again, or one line of text that says what is wrong. Input: length of the flag's value (1), its
 * row (1), the value, then the file. */
#include "common/mem.h"
#include "common/options.h"
#include "common/options_source.h"
#include "common/options_value.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

struct values {
    bool flag;
    int64_t number;
    int64_t time;
    int64_t size;
    char *text;
    struct option_list list;
    int64_t choice;
    int64_t secret;
};

static const struct option_spec specs[] = {
    {"flag", OPTION_BOOL, offsetof(struct values, flag), "off", 0, 0, "", 0, ""},
    {"number", OPTION_INT, offsetof(struct values, number), "1", -5, INT64_MAX, "", 0, ""},
    {"time", OPTION_TIME, offsetof(struct values, time), "1s", 0, 100000, "", 0, ""},
    {"size", OPTION_SIZE, offsetof(struct values, size), "1KiB", 1, INT64_MAX, "", 0, ""},
    {"text", OPTION_STRING, offsetof(struct values, text), "", 0, 0, "", 0, ""},
    {"list", OPTION_LIST, offsetof(struct values, list), "a,b", 0, 0, "", OPTION_LIVE, ""},
    {"choice", OPTION_CHOICE, offsetof(struct values, choice), "one", 0, 0, "one two", 0, ""},
    {"secret", OPTION_INT, offsetof(struct values, secret), "7", 0, 9, "", OPTION_SECRET, ""},
};
enum { ROWS = sizeof(specs) / sizeof(specs[0]) };
static const struct option_program program = {"fuzz", "", specs, ROWS, NULL};

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static bool fill(struct values *values, struct bytes flag, size_t row, struct bytes file,
                 struct buf *text)
{
    uint8_t levels[ROWS] = {0};
    struct option_source source = {&program, values, levels, text};
    for (size_t i = 0; i < ROWS; i++) {
        require(option_set_row(&source, i, OPTION_LEVEL_DEFAULT, bytes_of_str(specs[i].fallback),
                               BYTES_LIT("default")));
    }
    return option_set_lines(&source, "file", file) &&
           option_set_row(&source, row, OPTION_LEVEL_FLAG, flag, BYTES_LIT("--flag"));
}

static void check_values(const struct values *values)
{
    require(values->number >= -5);
    require(values->time >= 0 && values->time <= 100000);
    require(values->size >= 1);
    require(values->text == NULL || values->text[0] != '\0');
    require(values->choice == 0 || values->choice == 1);
    require(values->secret >= 0 && values->secret <= 9);
    for (size_t i = 0; i < values->list.count; i++) {
        require(values->list.items[i][0] != '\0');
    }
}

static void check_message(const struct buf *text)
{
    require(text->len > 1 && text->data[text->len - 1] == '\n');
    for (size_t i = 0; i + 1 < text->len; i++) {
        require(text->data[i] >= ' ' && text->data[i] != 0x7F);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct values first = {0};
    struct values again = {0};
    struct buf text;
    if (size < 2) {
        return 0;
    }
    struct bytes flag = bytes_slice(bytes_of(data, size), 2, data[0]);
    struct bytes file = bytes_slice(bytes_of(data, size), 2 + flag.len, size);
    buf_init(&text, 0);
    bool good = fill(&first, flag, data[1] % ROWS, file, &text);
    if (good) {
        check_values(&first);
    } else {
        check_message(&text);
    }
    require(fill(&again, flag, data[1] % ROWS, file, &text) == good);
    for (size_t i = 0; i < ROWS; i++) {
        require(option_value_equal(&specs[i], &first, &again));
    }
    option_fini(&program, &first);
    option_fini(&program, &again);
    buf_fini(&text);
    return 0;
}
