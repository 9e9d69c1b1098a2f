#include "common/status.h"

const char *status_text(enum status status)
{
    switch (status) {
#define STATUS(name, value, text)                                                                  \
    case STATUS_##name:                                                                            \
        return text;
#include "common/status.def"
#undef STATUS
    }
    return "unknown status";
}
