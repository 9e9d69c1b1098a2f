/* Z85 (ZeroMQ RFC 32): 4 bytes in 5 printable characters, the form in which keys are written. */
#ifndef COMMON_Z85_H
#define COMMON_Z85_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes len / 4 * 5 characters, no NUL. `len` is a multiple of 4. */
void z85_encode(const uint8_t *data, size_t len, char *out);

/* False when `text` is not exactly what `len` bytes (a multiple of 4) look like; `out` may then
 * hold part of it. */
bool z85_decode(struct bytes text, uint8_t *out, size_t len);

#endif
