/* Colours: on a terminal only, and not with NO_COLOR or a terminal that has none. */
#ifndef ROUTER_CTL_CTL_COLOUR_H
#define ROUTER_CTL_CTL_COLOUR_H

#include "common/buf.h"
#include "common/bytes.h"

#include <stdbool.h>

/* For what is written to this descriptor. */
bool ctl_colour_on(int fd);

/* Appends a command's text for people: titles of tables bold, what is wrong red. Pure. */
void ctl_colour_paint(struct bytes text, struct buf *out);

#endif
