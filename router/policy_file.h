/* --policy-file: JSON, read by one table of rows (policy_file.def).
 *
 *     {"default": {…}, "namespaces": {"chat": {"class": "memory", "history": {"messages": 50}}}}
 *
 * What a namespace does not say it takes from "default", what that does not say from the built-in
 * values. An unknown key, a key twice, a wrong type or a value out of range refuses the file. */
#ifndef ROUTER_POLICY_FILE_H
#define ROUTER_POLICY_FILE_H

#include "common/buf.h"
#include "common/options.h"
#include "common/status.h"
#include "router/policy_table.h"

/* Reads the text of a file; `file` names it in messages, and `built_in` has the built-in values.
 * OK: the caller owns *ret_table. MALFORMED: `text` has one line that names the file, the path of
 * the key, what is wrong and what is allowed; *ret_table is untouched. */
enum status policy_file_parse(struct bytes content, const char *file,
                              const struct namespace_policy *built_in,
                              struct policy_table *ret_table, struct buf *text) MUST_CHECK;

/* The same from the file itself (at most 1 MiB); with `file` NULL a table of the built-in values.
 * MALFORMED also when it cannot be read. */
enum status policy_file_read(const char *file, const struct namespace_policy *built_in,
                             struct policy_table *ret_table, struct buf *text) MUST_CHECK;

/* The rows: what a namespace can be told, as fields of struct namespace_policy. */
const struct option_spec *policy_file_rows(size_t *ret_count);

/* Markdown reference of the rows (the generated part of docs/OPTIONS.md). */
void policy_file_reference(struct buf *out);

#endif
