/* Bytes whose end touches an unreadable page: a parser that reads one byte too far dies at once,
 * also without a sanitizer (house style, rule 26). */
#ifndef TESTS_SUPPORT_GUARD_PAGE_H
#define TESTS_SUPPORT_GUARD_PAGE_H

#include "common/bytes.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Zero-initialise ({0}); one object holds one copy at a time and may be used again and again. */
struct guard_page {
    uint8_t *map; /* readable pages, then one that is not; NULL while unused */
    size_t map_len;
};

/* Gives the pages back; harmless on an unused object. */
static inline void guard_page_free(struct guard_page *page)
{
    if (page->map != NULL && munmap(page->map, page->map_len) != 0) {
        abort();
    }
    *page = (struct guard_page){NULL, 0};
}

/* A copy of `bytes` that ends where reading ends, valid until the next call or guard_page_free. The
 * copy is writable. An empty input gives a pointer that must not be read at all. */
static inline struct bytes guard_page_copy(struct guard_page *page, struct bytes bytes)
{
    size_t page_len = (size_t)sysconf(_SC_PAGESIZE);
    size_t readable = (bytes.len + page_len - 1) / page_len * page_len;
    if (page->map == NULL || page->map_len < readable + page_len) {
        guard_page_free(page);
        page->map_len = readable + page_len;
        page->map =
            mmap(NULL, page->map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page->map == MAP_FAILED || mprotect(page->map + readable, page_len, PROT_NONE) != 0) {
            abort();
        }
    }
    uint8_t *at = page->map + page->map_len - page_len - bytes.len;
    if (bytes.len != 0) {
        memcpy(at, bytes.data, bytes.len);
    }
    return bytes_of(at, bytes.len);
}

#endif
