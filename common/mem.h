/* The only caller of the C allocator. Running out of memory for something that must exist ends the
 * process with a message-free abort (house style, rule 19); the `try` call is for what may be
 * refused: accepting a connection, joining a room. A size that a peer chose is compared with a
 * limit before it comes here. */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include "common/bytes.h"

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory of `count` items of `size` bytes; aborts on exhaustion or overflow. Never NULL. */
void *mem_new(size_t count, size_t size);

/* As mem_new, but NULL when memory is exhausted. */
void *mem_try_new(size_t count, size_t size);

/* Resizes to `count` items of `size` bytes; contents past the old size are undefined. Aborts on
 * exhaustion. `ptr` may be NULL. */
void *mem_resize(void *ptr, size_t count, size_t size);

/* Copy of `src`; aborts on exhaustion. A zero length gives a valid pointer. */
void *mem_copy(struct bytes src);

/* NUL-terminated copy of `src`; aborts on exhaustion. */
char *mem_copy_str(struct bytes src);

void mem_free(void *ptr);

/* How often this process has asked the C allocator for memory through this header, resizing
 * included. What libraries (libzmq, libevent, protobuf-c with its own allocator, OpenSSL) and the
 * kernel take for themselves is not seen here. */
uint64_t mem_allocations(void);

/* Zeroes a secret that nobody reads again, which a compiler would take a memset for useless. */
void mem_wipe(void *ptr, size_t len);

#endif
