/* Values of JSON answers: jansson's, made from what a router said. */
#ifndef ROUTER_CTL_CTL_JSON_PARTS_H
#define ROUTER_CTL_CTL_JSON_PARTS_H

#include "common/bytes.h"

#include <jansson.h>
#include <stdint.h>

/* A string; what is no valid UTF-8 becomes U+FFFD. */
json_t *ctl_json_text(const char *value);
json_t *ctl_json_number(uint64_t value);
/* 16 digits: random 64 bits are too large for a JSON number. */
json_t *ctl_json_hex(uint64_t value);

/* Both give the value away; the key is copied. */
void ctl_json_set(json_t *object, const char *key, json_t *value);
void ctl_json_add(json_t *array, json_t *value);

/* Appends the document and a newline, with line breaks inside or in one line, and frees it. */
struct buf;
void ctl_json_write(json_t *root, bool in_one_line, struct buf *out);

#endif
