#include "router/ctl/ctl_table.h"

#include "common/mem.h"
#include "router/ctl/ctl_text.h"

#include <assert.h>

struct cell {
    size_t at; /* in text */
    size_t len;
    size_t width;
};

struct ctl_table {
    const char *titles[CTL_TABLE_COLUMNS_MAX];
    bool right[CTL_TABLE_COLUMNS_MAX];
    size_t widths[CTL_TABLE_COLUMNS_MAX];
    size_t columns;
    struct buf text;
    struct cell *cells;
    size_t count;
    size_t capacity;
};

struct ctl_table *ctl_table_new(const char *const *headers)
{
    struct ctl_table *table = mem_new(1, sizeof(*table));
    buf_init(&table->text, 0);
    for (; headers[table->columns] != NULL; table->columns++) {
        size_t column = table->columns;
        assert(column < CTL_TABLE_COLUMNS_MAX);
        table->right[column] = headers[column][0] == '>';
        table->titles[column] = headers[column] + (table->right[column] ? 1 : 0);
        table->widths[column] = ctl_text_width(bytes_of_str(table->titles[column]));
    }
    return table;
}

void ctl_table_free(struct ctl_table **table)
{
    if (*table == NULL) {
        return;
    }
    buf_fini(&(*table)->text);
    mem_free((*table)->cells);
    mem_free(*table);
    *table = NULL;
}

void ctl_table_cell(struct ctl_table *table, struct bytes text)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        table->cells = mem_resize(table->cells, table->capacity, sizeof(struct cell));
    }
    size_t at = table->text.len;
    ctl_text_clean(text.len == 0 ? BYTES_LIT("-") : text, &table->text);
    struct bytes cleaned = bytes_slice(buf_bytes(&table->text), at, table->text.len);
    struct cell *cell = &table->cells[table->count];
    *cell = (struct cell){at, cleaned.len, ctl_text_width(cleaned)};
    size_t *width = &table->widths[table->count % table->columns];
    *width = cell->width > *width ? cell->width : *width;
    table->count++;
}

void ctl_table_str(struct ctl_table *table, const char *text)
{
    ctl_table_cell(table, bytes_of_str(text));
}

void ctl_table_u64(struct ctl_table *table, uint64_t value)
{
    struct buf digits;
    buf_init(&digits, 0);
    buf_append_u64(&digits, value);
    ctl_table_cell(table, buf_bytes(&digits));
    buf_fini(&digits);
}

static void append_padding(struct buf *out, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        buf_append_byte(out, ' ');
    }
}

static void append_cell(const struct ctl_table *table, size_t column, struct bytes text,
                        size_t width, struct buf *out)
{
    size_t padding = table->widths[column] - width;
    bool last = column + 1 == table->columns;
    append_padding(out, table->right[column] ? padding : 0);
    buf_append(out, text);
    if (!last) {
        append_padding(out, (table->right[column] ? 0 : padding) + 2);
    }
}

void ctl_table_print(struct ctl_table *table, struct buf *out)
{
    while (table->count % table->columns != 0) {
        ctl_table_str(table, "");
    }
    for (size_t column = 0; column < table->columns; column++) {
        struct bytes title = bytes_of_str(table->titles[column]);
        append_cell(table, column, title, ctl_text_width(title), out);
    }
    buf_append_byte(out, '\n');
    for (size_t i = 0; i < table->count; i++) {
        const struct cell *cell = &table->cells[i];
        struct bytes text = bytes_slice(buf_bytes(&table->text), cell->at, cell->len);
        append_cell(table, i % table->columns, text, cell->width, out);
        if (i % table->columns + 1 == table->columns) {
            buf_append_byte(out, '\n');
        }
    }
}
