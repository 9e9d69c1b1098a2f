/* A table with aligned columns, filled cell by cell. */
#ifndef ROUTER_CTL_CTL_TABLE_H
#define ROUTER_CTL_CTL_TABLE_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stddef.h>
#include <stdint.h>

enum { CTL_TABLE_COLUMNS_MAX = 12 };

struct ctl_table;

/* `headers` ends with NULL, holds at most CTL_TABLE_COLUMNS_MAX titles and must outlive the table;
 * a title that starts with '>' is of a column aligned to the right. */
struct ctl_table *ctl_table_new(const char *const *headers);
void ctl_table_free(struct ctl_table **table);

/* The next cell, row by row; the text is cleaned and copied. "-" stands for an empty one. */
void ctl_table_cell(struct ctl_table *table, struct bytes text);
void ctl_table_str(struct ctl_table *table, const char *text);
void ctl_table_u64(struct ctl_table *table, uint64_t value);

/* Appends titles and rows, two spaces between columns, no space at the end of a line. A row that
 * was not filled is completed with empty cells. */
void ctl_table_print(struct ctl_table *table, struct buf *out);

#endif
