/* The format of the data file and its versions. */
#ifndef ROUTER_ENGINE_EMBEDDED_SCHEMA_H
#define ROUTER_ENGINE_EMBEDDED_SCHEMA_H

#include "common/buf.h"
#include "common/status.h"

#include <sqlite3.h>

/* "Splr": tells a data file of ours from any other SQLite file. */
enum { SCHEMA_APPLICATION = 0x53706c72, SCHEMA_VERSION = 2 };

/* Makes an empty file one of ours, brings an older one up to date, refuses a newer or foreign one
 * with a line in `error`. */
MUST_CHECK enum status schema_settle(sqlite3 *db, const char *path, struct buf *error);

/* The first column of the first row; -1 when there is none. */
int64_t schema_number(sqlite3 *db, const char *sql);

#endif
