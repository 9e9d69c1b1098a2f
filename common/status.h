/* What a function answers when the world, not the program, can fail. */
#ifndef COMMON_STATUS_H
#define COMMON_STATUS_H

enum status {
#define STATUS(name, value, text) STATUS_##name = (value),
#include "common/status.def"
#undef STATUS
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Static text for people. */
const char *status_text(enum status status);

#endif
