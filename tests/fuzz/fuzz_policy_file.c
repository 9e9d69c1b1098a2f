/* A policy file of any bytes: refused with one printable line that says what is allowed, or a table
 * whose values are all in range. */
#include "router/policy_file.h"
#include "tests/support/fuzz.h"

#include <stdlib.h>

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void check_policy(const struct namespace_policy *policy)
{
    require(policy->class >= 0 && policy->class <= ROOM_CLASS_UNSET);
    require(policy->history_messages >= 0 && policy->history_messages <= 1000000);
    require(policy->history_age_ms >= 0);
    require(policy->slow_reader >= 0 && policy->slow_reader <= SLOW_READER_GAP);
}

static void check_table(const struct policy_table *table)
{
    check_policy(&table->fallback);
    for (size_t i = 0; i < table->count; i++) {
        check_policy(&table->namespaces[i].policy);
        struct buf room;
        buf_init(&room, 0);
        buf_append(&room, table->namespaces[i].name);
        buf_append_byte(&room, ':');
        require(policy_table_find(table, buf_bytes(&room)) == &table->namespaces[i].policy);
        buf_fini(&room);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct namespace_policy built_in = {.class = ROOM_CLASS_UNSET};
    struct policy_table table;
    struct buf text;
    buf_init(&text, 0);
    if (policy_file_parse(bytes_of(data, size), "F", &built_in, &table, &text) == STATUS_OK) {
        require(text.len == 0);
        check_table(&table);
        policy_table_fini(&table);
    } else {
        require(text.len != 0);
        for (size_t i = 0; i < text.len; i++) {
            require(text.data[i] >= 0x20 && text.data[i] != 0x7F);
        }
    }
    buf_fini(&text);
    return 0;
}
