/* CURVE keys (ZeroMQ RFC 26) and their files. A key is 32 bytes, written as 40 characters of Z85.
 * Lines that begin with '#' and a blank, or are '#' alone, are comments ('#' may begin a key).
 *   NAME.pub  KEY NAME                            may be shown to anybody
 *   NAME.key  public KEY, then secret KEY         for its owner's eyes only (mode 0600) */
#ifndef COMMON_CURVE_KEY_H
#define COMMON_CURVE_KEY_H

#include "common/buf.h"
#include "common/bytes.h"
#include "common/status.h"

#include <stdint.h>

enum { CURVE_KEY_BYTES = 32, CURVE_KEY_CHARS = 40, CURVE_FILE_BYTES_MAX = 4 * 1024 * 1024 };

struct curve_pair {
    uint8_t public_key[CURVE_KEY_BYTES];
    uint8_t secret_key[CURVE_KEY_BYTES]; /* wipe it (mem_wipe) */
};

/* A new pair. */
void curve_pair_make(struct curve_pair *ret_pair);

/* Reads NAME.key. MALFORMED, DENIED (others could read the secret) or IO, with one line in `why`.
 */
enum status curve_pair_read(const char *path, struct curve_pair *ret_pair,
                            struct buf *why) MUST_CHECK;

/* Reads the first key of NAME.pub; MALFORMED or IO, with one line in `why`. */
enum status curve_public_read(const char *path, uint8_t ret_key[CURVE_KEY_BYTES],
                              struct buf *why) MUST_CHECK;

/* Writes NAME.key (0600) and NAME.pub (0644) next to each other, `stem` is their path without the
 * ending. EXISTS: one of them is there, nothing was written. IO, MALFORMED (the name is none of an
 * edge: 1 to 64 of A-Z a-z 0-9 . _ -). One line in `why`. */
enum status curve_pair_write(const char *stem, const struct curve_pair *pair,
                             struct buf *why) MUST_CHECK;

/* The whole file, at most CURVE_FILE_BYTES_MAX; IO with errno. */
enum status curve_file_read(const char *path, struct buf *content) MUST_CHECK;

/* Takes the next line that is no comment off `text`, without blanks around it; false at the end.
 * `line_number` is counted up. */
bool curve_line_next(struct bytes *text, size_t *line_number, struct bytes *ret_line);

/* Takes the next word off `line`; empty at its end. */
struct bytes curve_word_next(struct bytes *line);

#endif
