/* A shard that its owner gives up: the operator is told why and, when writes were held that had not been seen durable, those are handed
 * to the shell for a file. What is held is what had no reply yet, and the open batch; what Redis acknowledged is freed at its reply, under
 * either durability (reliability, B4 and B5). */
#include "sched_state.h"

#include "base/text.h"
#include "kept.h"

static struct sl_kept_write view(const struct sl_write *write) {
    return (struct sl_kept_write){.n = write->n, .verb = write->verb, .sealed = true, .time_ms = write->time_ms,
                                  .ckpt = write->ckpt, .digest = write->digest, .body = sl_blob_bytes(write->body)};
}

/* How many writes fit a file, the open batch among them; *size becomes what they may take. */
static uint32_t count_fitting(const struct sl_shard *shard, size_t *size) {
    uint32_t count = 0;
    for (struct sl_link *link = sl_list_first(&shard->writes); link; link = sl_list_next(&shard->writes, link)) {
        const struct sl_write *write = SL_CONTAINER(link, struct sl_write, link);
        size_t more = SL_KEPT_WRITE_FIXED_MAX + sl_blob_bytes(write->body).size;
        if (count == SL_KEPT_WRITES_MAX || *size + more > SL_KEPT_BYTES_MAX) return count;
        *size += more;
        count++;
    }
    size_t more = SL_KEPT_WRITE_FIXED_MAX + shard->batch.size + 4;
    if (shard->batch_count == 0 || count == SL_KEPT_WRITES_MAX || *size + more > SL_KEPT_BYTES_MAX) return count;
    *size += more;
    return count + 1;
}

/* The open batch as the commit that it would have become; its shard is dropped next. */
static void add_open(struct sl_buf *buf, const struct sl_sched *self, struct sl_shard *shard) {
    size_t size = shard->batch.size;
    sl_batch_end(&shard->batch);
    buf->failed |= shard->batch.failed;
    struct sl_bytes body = sl_buf_bytes(&shard->batch);
    sl_kept_add(buf, &(struct sl_kept_write){.n = shard->n_sealed + 1, .verb = SL_LEDGER_COMMIT,
                                             .time_ms = sl_shard_time(shard, self->now),
                                             .digest = sl_digest_chain(shard->digest, body), .body = body});
    shard->batch.size = size; /* as it was counted */
}

/* The file's bytes, in a block that lives until the next step; none: no memory. */
static struct sl_bytes file_of(struct sl_sched *self, struct sl_shard *shard, const struct sl_kept *kept, size_t size) {
    struct sl_buf buf;
    uint32_t left = kept->count;
    sl_buf_init(&buf, &self->alloc);
    (void)sl_buf_reserve(&buf, size); /* kept in buf.failed by what is appended */
    sl_kept_begin(&buf, kept);
    for (struct sl_link *link = sl_list_first(&shard->writes); link && left > 0; link = sl_list_next(&shard->writes, link), left--) {
        struct sl_kept_write write = view(SL_CONTAINER(link, struct sl_write, link));
        sl_kept_add(&buf, &write);
    }
    if (left > 0) add_open(&buf, self, shard);
    sl_kept_end(&buf);
    struct sl_bytes bytes = buf.failed ? sl_bytes(NULL, 0) : sl_step_copy(self, sl_buf_bytes(&buf));
    sl_buf_fini(&buf);
    return bytes;
}

void sl_shard_give_up(struct sl_sched *self, struct sl_shard *shard, uint64_t found, const char *format, ...) {
    size_t size = SL_KEPT_HEAD_MAX + sizeof shard->given_up;
    va_list args;
    va_start(args, format);
    sl_text_format_list(shard->given_up, sizeof shard->given_up, format, args);
    va_end(args);
    if (sl_effects_reserve(self, 1)) return;
    struct sl_effect *effect = sl_effect_add(self, SL_DO_ALARM);
    effect->shard = shard->index;
    effect->text = sl_text(shard->given_up);
    uint32_t held = (uint32_t)shard->writes.count + (shard->batch_count > 0);
    if (held == 0) return;
    struct sl_kept kept = {.shard = shard->index, .epoch = shard->epoch, .owner = self->config.incarnation, .from = shard->from,
                           .durable = shard->n_durable, .digest = shard->digest_durable, .found = found,
                           .wall_ms = self->wall_ms, .why = effect->text, .held = held, .count = count_fitting(shard, &size)};
    effect->kind = SL_DO_KEEP;
    effect->keep = (struct sl_do_keep){.why = kept.why, .epoch = shard->epoch, .n = shard->n_durable + 1, .held = held,
                                       .count = kept.count, .owner = kept.owner, .file = file_of(self, shard, &kept, size)};
}
