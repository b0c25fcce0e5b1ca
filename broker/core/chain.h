/* What a recovery finds wrong with a shard: its log is checked entry by entry, and what looks damaged is noted for the alarm. */
#ifndef SL_CORE_CHAIN_H
#define SL_CORE_CHAIN_H

#include "shard.h"

/* The next log entry that a recovery reads. 0, or SL_E_DAMAGED, noted, when it is not what was written there. */
int sl_chain_take(struct sl_shard *shard, uint64_t n, struct sl_bytes batch);

/* The log was read to its end: the last entry is the one that the lease names. 0, or SL_E_DAMAGED, noted. */
int sl_chain_end(struct sl_shard *shard);

/* Notes what looks damaged, as part of a sentence (recover.c). Returns SL_E_DAMAGED. */
int sl_shard_damaged(struct sl_shard *shard, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
