/* The table of a shard's jobs: memory only, no decisions. */
#include "job.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"

void sl_job_table_init(struct sl_job_table *self, struct sl_pool *pool, const struct sl_alloc *alloc, uint64_t seed) {
    *self = (struct sl_job_table){.pool = pool, .alloc = alloc};
    sl_idmap_init(&self->jobs, alloc, seed);
}

static void drop_blob(struct sl_job_table *self, struct sl_blob **blob) {
    if (*blob) self->blob_bytes -= (*blob)->size;
    sl_blob_drop(self->alloc, blob);
}

static size_t run_size(uint16_t stage_count) {
    return sizeof(struct sl_run) + stage_count * sizeof(struct sl_stage_run);
}

struct sl_run *sl_run_new(struct sl_job_table *table, const struct sl_pipeline *pipeline, uint32_t number) {
    struct sl_run *run = sl_pool_take(table->pool, run_size(pipeline->stage_count));
    if (!run) return NULL;
    run->number = number;
    run->stage_count = pipeline->stage_count;
    for (uint16_t i = 0; i < run->stage_count; i++) {
        struct sl_stage_run *stage = &run->stages[i];
        stage->index = i;
        stage->pending = pipeline->stages[i].predecessor_count;
        stage->state = stage->pending ? SL_STAGE_WAITING : SL_STAGE_READY;
        run->ready_count += stage->state == SL_STAGE_READY;
    }
    return run;
}

void sl_run_free(struct sl_job_table *table, struct sl_run **run) {
    if (!*run) return;
    for (uint16_t i = 0; i < (*run)->stage_count; i++) drop_blob(table, &(*run)->stages[i].output);
    sl_pool_give(table->pool, *run, run_size((*run)->stage_count));
    *run = NULL;
}

void sl_job_free(struct sl_job_table *self, struct sl_job **job) {
    if (!*job) return;
    struct sl_job *gone = *job;
    sl_run_free(self, &gone->run);
    drop_blob(self, &gone->facts);
    drop_blob(self, &gone->payload);
    drop_blob(self, &gone->reason);
    sl_blob_drop(self->alloc, &gone->history);
    while (gone->fields) {
        struct sl_field *field = gone->fields;
        gone->fields = field->next;
        drop_blob(self, &field->value);
        sl_pool_give(self->pool, field, sizeof *field + field->name_size);
    }
    sl_pool_give(self->pool, gone, sizeof *gone);
    *job = NULL;
}

void sl_job_table_fini(struct sl_job_table *self) {
    size_t cursor = 0;
    struct sl_job *job;
    while ((job = sl_idmap_each(&self->jobs, &cursor))) sl_job_free(self, &job);
    sl_idmap_fini(&self->jobs);
}

struct sl_job *sl_job_find(const struct sl_job_table *self, struct sl_job_id id) {
    return sl_idmap_find(&self->jobs, id.bytes);
}

void sl_job_remove(struct sl_job_table *self, struct sl_job *job) {
    struct sl_job *found = sl_idmap_remove(&self->jobs, job->id.bytes);
    SL_ASSERT(found == job);
    sl_job_free(self, &job);
}

void sl_job_cool(struct sl_job_table *table, struct sl_job *job, bool with_facts) {
    SL_ASSERT(job->first_unsettled == 0);
    uint64_t held = table->blob_bytes;
    if (job->payload) {
        job->in_head = job->payload->size <= SL_PAYLOAD_INLINE_MAX;
        job->light = job->payload->size <= SL_PAYLOAD_LIGHT_MAX;
    }
    if (with_facts) drop_blob(table, &job->facts);
    /* A small payload stands in the head, which the next settle writes anew from memory. */
    if (with_facts || !job->payload || job->payload->size > SL_PAYLOAD_INLINE_MAX) drop_blob(table, &job->payload);
    for (uint16_t i = 0; job->run && i < job->run->stage_count; i++) drop_blob(table, &job->run->stages[i].output);
    if (job->run) job->run->cold_bytes += held - table->blob_bytes;
    job->cold = true;
}

int sl_job_history_reserve(struct sl_job_table *table, struct sl_job *job, size_t more) {
    size_t need = job->history_size + more;
    if (job->history && need <= job->history->size) return SL_OK;
    size_t capacity = job->history ? job->history->size : 512; /* of a few stages */
    while (capacity < need) capacity *= 2;
    struct sl_blob *grown = sl_alloc_take(table->alloc, sizeof *grown + capacity);
    if (!grown) return SL_E_NO_MEMORY;
    grown->refs = 1;
    grown->size = (uint32_t)capacity;
    if (job->history_size) memcpy(grown->data, job->history->data, job->history_size);
    sl_blob_drop(table->alloc, &job->history);
    job->history = grown;
    return SL_OK;
}

void sl_job_history_clear(struct sl_job_table *table, struct sl_job *job) {
    sl_blob_drop(table->alloc, &job->history);
    job->history_size = 0;
}

static bool is_before(const struct sl_link *a, const struct sl_link *b) {
    const struct sl_job *x = SL_CONTAINER(a, const struct sl_job, queue);
    const struct sl_job *y = SL_CONTAINER(b, const struct sl_job, queue);
    if (x->created_n != y->created_n) return x->created_n < y->created_n;
    return memcmp(x->id.bytes, y->id.bytes, sizeof x->id.bytes) < 0;
}

/* Merges two sorted runs onto the end of `to`. */
static void merge_runs(struct sl_list *left, struct sl_list *right, struct sl_list *to) {
    while (left->count > 0 || right->count > 0) {
        bool from_right = left->count == 0 || (right->count > 0 && is_before(right->head.next, left->head.next));
        struct sl_list *from = from_right ? right : left;
        struct sl_link *link = sl_list_first(from);
        sl_list_remove(from, link);
        sl_list_append(to, link);
    }
}

static void take_run(struct sl_list *from, size_t count, struct sl_list *run) {
    sl_list_init(run);
    while (run->count < count && from->count > 0) {
        struct sl_link *link = sl_list_first(from);
        sl_list_remove(from, link);
        sl_list_append(run, link);
    }
}

/* Merge sort from below: no memory, no recursion. */
void sl_jobs_sort(struct sl_list *list) {
    for (size_t width = 1; width < list->count; width *= 2) {
        struct sl_list sorted, left, right;
        sl_list_init(&sorted);
        while (list->count > 0) {
            take_run(list, width, &left);
            take_run(list, width, &right);
            merge_runs(&left, &right, &sorted);
        }
        take_run(&sorted, sorted.count, list);
    }
}
