/* The chain of a shard's log, checked when the shard is read: every entry against the one before, the last one against the lease. Each
 * entry carries the number and the digest of its predecessor, so the check can begin behind any checkpoint; the lease's digest then
 * proves that the predecessor of the first entry was the true one (reliability, B3). */
#include "chain.h"

#include "sched_state.h"

#define NUMBER(n) ((unsigned long long)(n))

static int different(struct sl_shard *shard, uint64_t n, struct sl_digest expected, struct sl_digest found, const char *whose) {
    char wanted[SL_ID_TEXT_SIZE], got[SL_ID_TEXT_SIZE];
    sl_id_to_text(expected.bytes, wanted);
    sl_id_to_text(found.bytes, got);
    return sl_shard_damaged(shard, "entry %llu of its log is not the one that was written: %s says digest %s, what is there has %s",
                            NUMBER(n), whose, wanted, got);
}

/* The entry before this one: there, and the one that this one was written behind. */
static int check_before(struct sl_shard *shard, uint64_t n, const struct sl_batch_reader *entry) {
    const struct sl_chain *chain = &shard->recovery.chain;
    if (chain->n == 0 && entry->before > shard->ckpt) {
        return sl_shard_damaged(shard, "entry %llu is missing in its log: entry %llu was written behind it, and the checkpoint is %llu",
                                NUMBER(entry->before), NUMBER(n), NUMBER(shard->ckpt));
    }
    if (chain->n == 0) return SL_OK;
    if (entry->before != chain->n) {
        return sl_shard_damaged(shard, "entry %llu is missing in its log: entry %llu was written behind it, and %llu is the one before",
                                NUMBER(entry->before), NUMBER(n), NUMBER(chain->n));
    }
    if (sl_digest_equal(entry->digest, chain->digest)) return SL_OK;
    return different(shard, chain->n, entry->digest, chain->digest, "the entry behind it");
}

int sl_chain_take(struct sl_shard *shard, uint64_t n, struct sl_bytes batch) {
    struct sl_batch_reader entry;
    if (n > shard->n_sealed) {
        return sl_shard_damaged(shard, "its log has an entry %llu, and the lease says that %llu is the newest write", NUMBER(n),
                                NUMBER(shard->n_sealed));
    }
    int rc = sl_batch_open(batch, &entry);
    if (rc == SL_E_VERSION) {
        return sl_shard_damaged(shard, "entry %llu of its log is in a format that this version does not know", NUMBER(n));
    }
    if (rc) return sl_shard_damaged(shard, "entry %llu of its log cannot be read: its bytes do not fit their checksum", NUMBER(n));
    rc = check_before(shard, n, &entry);
    if (rc) return rc;
    shard->recovery.chain = (struct sl_chain){.n = n, .digest = sl_digest_chain(entry.digest, batch)};
    return SL_OK;
}

int sl_chain_end(struct sl_shard *shard) {
    const struct sl_chain *chain = &shard->recovery.chain;
    /* With nothing behind the checkpoint the lease's newest commit is the checkpoint: one moves with the other, never past it. */
    uint64_t newest = chain->n > 0 ? chain->n : shard->ckpt;
    if (newest != shard->commit_n) {
        return sl_shard_damaged(shard, "the lease names entry %llu as the newest of its log, which ends at entry %llu",
                                NUMBER(shard->commit_n), NUMBER(newest));
    }
    if (chain->n == 0 || sl_digest_equal(chain->digest, shard->digest)) return SL_OK;
    return different(shard, chain->n, shard->digest, chain->digest, "the lease");
}
