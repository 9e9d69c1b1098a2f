#include "common/trim.h"

#include <malloc.h>

void trim_memory(void)
{
    (void)malloc_trim(0); /* whether there was something to give back makes no difference */
}
