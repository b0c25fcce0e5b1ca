/* Where a list goes on: text that a client gives back as it came. "l" and the newest place among live jobs that is not told yet
 * (milliseconds, id, both hexadecimal); or "e" and, for each shard, how far its ended jobs have been told: "n.same", "0.0" for none of
 * them, "-" for all. For list.c. */
#ifndef SL_CORE_LIST_CURSOR_H
#define SL_CORE_LIST_CURSOR_H

#include "query.h"

/* Reads the cursor of the query's event into the query, whose places have room for all shards. 0, or SL_E_BAD_INPUT: it is none of this
 * cluster's; the query must be given up then. */
int sl_list_cursor_read(struct sl_query *query, struct sl_bytes text, uint16_t shard_count);

/* Appends the cursor behind a live job; or behind what `next_n` and `next_same_n` of the places say. Failure is kept in buf->failed. */
void sl_list_cursor_live(struct sl_buf *buf, uint64_t created_ms, struct sl_job_id id);
void sl_list_cursor_ended(struct sl_buf *buf, const struct sl_query_place *places, uint16_t shard_count);

#endif
