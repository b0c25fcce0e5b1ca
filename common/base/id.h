/* Identities as one-field structs, so that one kind cannot be passed for another. */
#ifndef SL_BASE_ID_H
#define SL_BASE_ID_H

#include "bytes.h"

enum { SL_ID_TEXT_SIZE = 37 }; /* UUID text with its NUL */

/* A job's id, which is also its deduplication key: BLAKE2b-128 of who and what, marked as UUIDv8 (RFC 9562, 5.8). */
struct sl_job_id {
    uint8_t bytes[16];
};

/* A digest of 128 bits (BLAKE2b): of a pipeline's canonical form, of a request, of a log's prefix. */
struct sl_digest {
    uint8_t bytes[16];
};

/* One life of a broker or a worker process: 128 random bits. */
struct sl_incarnation {
    uint8_t bytes[16];
};

/* The name of one attempt, carried in every message about it. All fields must be equal for a result to count. */
struct sl_token {
    uint16_t shard;
    uint64_t epoch;
    struct sl_job_id job;
    uint32_t run;
    uint16_t stage; /* index in the pipeline */
    uint32_t item;  /* 0 until fan-out exists */
    uint32_t attempt;
    uint64_t nonce;
};

static inline bool sl_job_id_equal(struct sl_job_id a, struct sl_job_id b) {
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static inline bool sl_digest_equal(struct sl_digest a, struct sl_digest b) {
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

/* Equality of all fields, the nonce included. */
bool sl_token_equal(const struct sl_token *a, const struct sl_token *b);

/* The shard that a job belongs to: its id as a big-endian number, mod shards. shards > 0. */
uint16_t sl_job_shard(struct sl_job_id id, uint16_t shards);

/* Writes the 36 characters of a UUID and a NUL. */
void sl_id_to_text(const uint8_t bytes[16], char out_text[SL_ID_TEXT_SIZE]);

/* Reads UUID text, with or without dashes, upper or lower case. 0, or SL_E_BAD_INPUT. */
int sl_id_from_text(struct sl_bytes text, uint8_t out_bytes[16]);

/* Sets the version and variant bits of a UUIDv8 (RFC 9562, 5.8). */
void sl_id_mark_v8(uint8_t bytes[16]);

/* BLAKE2b-128 of parts, one after the other, each preceded by its length as 8 little-endian bytes (so that parts cannot be
 * shifted against each other). */
struct sl_digest sl_digest_parts(const struct sl_bytes *parts, size_t part_count);

/* digest_n = BLAKE2b-128(digest_{n-1} || batch_n): equality at n proves the whole prefix equal. */
struct sl_digest sl_digest_chain(struct sl_digest before, struct sl_bytes batch);

/* CRC32C (RFC 3720, B.4), as stored in records and log entries. */
uint32_t sl_crc32c(struct sl_bytes bytes);

#endif
