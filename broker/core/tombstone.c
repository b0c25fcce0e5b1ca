/* Tombstones as bytes and as words; see tombstone.h. */
#include "tombstone.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/text.h"
#include "record.h"

enum { TOMBSTONE_FORMAT = 1, MEMBERS = 8, KIND_MAX = 2 };

void sl_tombstone_put(struct sl_buf *buf, const struct sl_tombstone *tombstone) {
    size_t start = buf->size;
    SL_ASSERT(sl_job_state_is_terminal(tombstone->state));
    sl_mp_array(buf, MEMBERS);
    sl_mp_uint(buf, TOMBSTONE_FORMAT);
    sl_mp_uint(buf, tombstone->at);
    sl_mp_uint(buf, tombstone->state);
    sl_mp_uint(buf, tombstone->kind);
    sl_mp_uint(buf, tombstone->run);
    sl_mp_bin(buf, sl_bytes(tombstone->request.bytes, sizeof tombstone->request.bytes));
    sl_mp_uint(buf, tombstone->removed_ms);
    sl_mp_uint(buf, tombstone->wall_ms);
    sl_record_seal(buf, start);
}

int sl_tombstone_read(struct sl_bytes record, struct sl_tombstone *out_tombstone) {
    struct sl_bytes content;
    struct sl_tombstone tombstone;
    if (sl_record_open(record, &content)) return SL_E_DAMAGED;
    struct sl_mp_reader reader = sl_mp_reader(content);
    if (sl_mp_read_array(&reader, MEMBERS) != MEMBERS) return SL_E_DAMAGED;
    if (sl_mp_read_uint(&reader, UINT32_MAX) != TOMBSTONE_FORMAT) return SL_E_DAMAGED;
    tombstone.at = sl_mp_read_uint(&reader, UINT64_MAX);
    tombstone.state = (enum sl_job_state)sl_mp_read_uint(&reader, SL_JOB_STATE_COUNT - 1);
    tombstone.kind = (unsigned)sl_mp_read_uint(&reader, KIND_MAX);
    tombstone.run = (uint32_t)sl_mp_read_uint(&reader, UINT32_MAX);
    sl_mp_read_bin_exact(&reader, tombstone.request.bytes, sizeof tombstone.request.bytes);
    tombstone.removed_ms = sl_mp_read_uint(&reader, UINT64_MAX);
    tombstone.wall_ms = sl_mp_read_uint(&reader, UINT64_MAX);
    if (sl_mp_end(&reader) || !sl_job_state_is_terminal(tombstone.state)) return SL_E_DAMAGED;
    *out_tombstone = tombstone;
    return SL_OK;
}

int sl_tombstone_of(const struct sl_ledger_reply *reply, struct sl_tombstone *out_tombstone) {
    for (size_t i = 0; i < reply->item_count; i++) {
        if (sl_bytes_is(reply->items[i].key, "gone")) return sl_tombstone_read(reply->items[i].value, out_tombstone);
    }
    return SL_E_NOT_FOUND;
}

void sl_tombstone_text(const struct sl_tombstone *tombstone, struct sl_job_id id, char out_text[SL_TOMBSTONE_TEXT_SIZE]) {
    char job[SL_ID_TEXT_SIZE];
    char time[SL_TIME_TEXT_SIZE];
    sl_id_to_text(id.bytes, job);
    sl_text_time(tombstone->wall_ms, time);
    sl_text_format(out_text, SL_TOMBSTONE_TEXT_SIZE,
                   "job %s %s%s at %s and has been removed since; how long the broker keeps finished jobs is its --retention-time "
                   "and --retention-bytes",
                   job, tombstone->state == SL_JOB_CANCELLED ? "was " : "", sl_job_state_word(tombstone->state), time);
}
