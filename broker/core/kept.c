/* Kept writes to bytes and back; see kept.h. */
#include "kept.h"

#include "base/assert.h"
#include "base/err.h"

enum { FORMAT = 1, MAGIC_BYTES = 8, HEAD_FIELDS = 12, WRITE_FIELDS = 7, CRC_BYTES = 4, FIELDS_MAX = 32, VERB_MAX = 16 };

static const char magic[] = "sluiceKW";
static const char *const verbs[] = {
    [SL_LEDGER_COMMIT] = "commit", [SL_LEDGER_SETTLE] = "settle", [SL_LEDGER_BEAT] = "beat", [SL_LEDGER_RELEASE] = "release"};
enum { VERBS = sizeof verbs / sizeof *verbs };

const char *sl_kept_verb(enum sl_ledger_verb verb) {
    SL_ASSERT((size_t)verb < VERBS);
    return verbs[verb];
}

static void put16(struct sl_buf *buf, const uint8_t bytes[16]) {
    sl_mp_bin(buf, sl_bytes(bytes, 16));
}

void sl_kept_begin(struct sl_buf *buf, const struct sl_kept *kept) {
    SL_ASSERT(buf->size == 0);
    SL_ASSERT(kept->count <= kept->held);
    SL_ASSERT(kept->why.size <= SL_KEPT_WHY_MAX);
    (void)sl_buf_append(buf, magic, MAGIC_BYTES); /* kept in buf->failed */
    sl_mp_array(buf, HEAD_FIELDS);
    sl_mp_uint(buf, FORMAT);
    sl_mp_uint(buf, kept->shard);
    sl_mp_uint(buf, kept->epoch);
    put16(buf, kept->owner.bytes);
    sl_mp_uint(buf, kept->from);
    sl_mp_uint(buf, kept->durable);
    put16(buf, kept->digest.bytes);
    sl_mp_uint(buf, kept->found);
    sl_mp_uint(buf, kept->wall_ms);
    sl_mp_str(buf, kept->why);
    sl_mp_uint(buf, kept->held);
    sl_mp_uint(buf, kept->count);
}

void sl_kept_add(struct sl_buf *buf, const struct sl_kept_write *write) {
    sl_mp_array(buf, WRITE_FIELDS);
    sl_mp_uint(buf, write->n);
    sl_mp_str(buf, sl_text(sl_kept_verb(write->verb)));
    sl_mp_bool(buf, write->sealed);
    sl_mp_uint(buf, write->time_ms);
    sl_mp_uint(buf, write->ckpt);
    put16(buf, write->digest.bytes);
    sl_mp_bin(buf, write->body);
}

void sl_kept_end(struct sl_buf *buf) {
    uint32_t crc = sl_crc32c(sl_buf_bytes(buf));
    uint8_t bytes[CRC_BYTES] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
    (void)sl_buf_append(buf, bytes, sizeof bytes); /* kept in buf->failed */
}

static int read_head(struct sl_mp_reader *reader, struct sl_kept *kept) {
    uint32_t fields = sl_mp_read_array(reader, FIELDS_MAX);
    uint64_t format = sl_mp_read_uint(reader, UINT32_MAX);
    if (!reader->rc && format != FORMAT) return SL_E_VERSION;
    kept->shard = (uint16_t)sl_mp_read_uint(reader, UINT16_MAX);
    kept->epoch = sl_mp_read_uint(reader, UINT64_MAX);
    sl_mp_read_bin_exact(reader, kept->owner.bytes, sizeof kept->owner.bytes);
    kept->from = sl_mp_read_uint(reader, UINT64_MAX);
    kept->durable = sl_mp_read_uint(reader, UINT64_MAX);
    sl_mp_read_bin_exact(reader, kept->digest.bytes, sizeof kept->digest.bytes);
    kept->found = sl_mp_read_uint(reader, UINT64_MAX);
    kept->wall_ms = sl_mp_read_uint(reader, UINT64_MAX);
    kept->why = sl_mp_read_str(reader, SL_KEPT_WHY_MAX);
    kept->held = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    kept->count = (uint32_t)sl_mp_read_uint(reader, UINT32_MAX);
    if (reader->rc || fields != HEAD_FIELDS || kept->count > kept->held) return SL_E_DAMAGED;
    return kept->count > SL_KEPT_WRITES_MAX ? SL_E_LIMIT : SL_OK;
}

int sl_kept_open(struct sl_bytes bytes, struct sl_kept *out_kept, struct sl_kept_reader *out_reader) {
    struct sl_kept kept = {.shard = 0};
    if (bytes.size > SL_KEPT_BYTES_MAX) return SL_E_LIMIT;
    if (bytes.size < MAGIC_BYTES + CRC_BYTES || memcmp(bytes.data, magic, MAGIC_BYTES) != 0) return SL_E_DAMAGED;
    struct sl_bytes content = sl_bytes(bytes.data, bytes.size - CRC_BYTES);
    const uint8_t *tail = bytes.data + content.size;
    uint32_t crc = (uint32_t)tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 | (uint32_t)tail[3] << 24;
    if (crc != sl_crc32c(content)) return SL_E_DAMAGED;
    struct sl_mp_reader reader = sl_mp_reader(sl_bytes(bytes.data + MAGIC_BYTES, content.size - MAGIC_BYTES));
    int rc = read_head(&reader, &kept);
    if (rc) return rc;
    *out_kept = kept;
    *out_reader = (struct sl_kept_reader){.reader = reader, .left = kept.count};
    return SL_OK;
}

static bool read_verb(struct sl_mp_reader *reader, enum sl_ledger_verb *out_verb) {
    struct sl_bytes word = sl_mp_read_str(reader, VERB_MAX);
    for (int verb = 0; verb < VERBS; verb++) {
        if (!sl_bytes_is(word, verbs[verb])) continue;
        *out_verb = (enum sl_ledger_verb)verb;
        return true;
    }
    return false;
}

int sl_kept_next(struct sl_kept_reader *self, struct sl_kept_write *out_write) {
    struct sl_mp_reader *reader = &self->reader;
    struct sl_kept_write write = {.n = 0};
    if (self->left == 0) return reader->at == reader->end ? 0 : SL_E_DAMAGED;
    uint32_t fields = sl_mp_read_array(reader, FIELDS_MAX);
    write.n = sl_mp_read_uint(reader, UINT64_MAX);
    bool known = read_verb(reader, &write.verb);
    write.sealed = sl_mp_read_bool(reader);
    write.time_ms = sl_mp_read_uint(reader, UINT64_MAX);
    write.ckpt = sl_mp_read_uint(reader, UINT64_MAX);
    sl_mp_read_bin_exact(reader, write.digest.bytes, sizeof write.digest.bytes);
    write.body = sl_mp_read_bin(reader, SL_KEPT_BYTES_MAX);
    if (reader->rc || !known || fields != WRITE_FIELDS) return SL_E_DAMAGED;
    self->left--;
    *out_write = write;
    return 1;
}
