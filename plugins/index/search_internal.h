/* What search.c and totals.c share. */
#ifndef SL_INDEX_SEARCH_INTERNAL_H
#define SL_INDEX_SEARCH_INTERNAL_H

#include <sqlite3.h>

#include "search.h"

struct sl_search {
    sqlite3 *db;
    char *path;
};

/* Writes a sentence about an SQLite code; returns SL_SEARCH_DAMAGED or SL_SEARCH_FAILED. */
enum sl_search_rc sl_search_fail(const struct sl_search *self, int rc, char *why, size_t why_size);

#endif
