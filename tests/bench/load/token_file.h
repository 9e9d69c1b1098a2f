/* Tokens that were signed before a run: a file of lines, kept whole. */
#ifndef BENCH_LOAD_TOKEN_FILE_H
#define BENCH_LOAD_TOKEN_FILE_H

#include "common/bytes.h"

#include <stdint.h>

struct token_file;

/* NULL when it cannot be read or has no line. */
struct token_file *token_file_read(const char *path);
void token_file_free(struct token_file **file);

/* The n-th line; the first again after the last. Lives as long as the file. */
struct bytes token_file_line(const struct token_file *file, uint32_t n);

#endif
