/* Counts of stages over many jobs. Each job keeps its letters, so that a snapshot can be exchanged for the next. */
#include "progress.h"

#include "terminal.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/text.h"

#include <stdio.h>

static const char letters_known[] = "wrxbsfc";
static const char *const letter_words[] = {"waiting", "ready",  "running",  "waiting to be tried again",
                                           "done",    "failed", "cancelled"};
static const char *const job_words[] = {"queued", "processing", "completed", "failed", "cancelled"};

struct job {
    struct sl_job_id id; /* first: the table's key */
    uint32_t pipeline;   /* index */
    uint8_t word;        /* enum sl_job_word */
    uint16_t letter_count;
    uint8_t letters[]; /* enum sl_stage_letter */
};

void sl_progress_init(struct sl_progress *self, const struct sl_alloc *alloc) {
    *self = (struct sl_progress){.alloc = alloc};
    sl_idmap_init(&self->by_id, alloc, 0);
}

static size_t job_size(size_t letter_count) {
    return sizeof(struct job) + letter_count;
}

void sl_progress_fini(struct sl_progress *self) {
    size_t cursor = 0;
    struct job *job;
    while ((job = sl_idmap_each(&self->by_id, &cursor))) sl_alloc_give(self->alloc, job, job_size(job->letter_count));
    sl_idmap_fini(&self->by_id);
    for (uint32_t i = 0; i < self->pipeline_count; i++)
        sl_alloc_give(self->alloc, self->pipelines[i].stages, self->pipelines[i].stage_count * sizeof *self->pipelines[i].stages);
    sl_alloc_give(self->alloc, self->pipelines, self->pipeline_count * sizeof *self->pipelines);
    self->pipelines = NULL;
    self->pipeline_count = 0;
}

int sl_progress_pipeline(struct sl_progress *self, struct sl_bytes name, uint32_t *out_index) {
    if (name.size > SL_NAME_MAX) return SL_E_LIMIT;
    for (uint32_t i = 0; i < self->pipeline_count; i++) {
        if (!sl_bytes_is(name, self->pipelines[i].name)) continue;
        *out_index = i;
        return SL_OK;
    }
    size_t old = self->pipeline_count * sizeof *self->pipelines;
    struct sl_progress_pipeline *pipelines =
        self->alloc->resize(self->alloc->context, self->pipelines, old, old + sizeof *self->pipelines);
    if (!pipelines) return SL_E_NO_MEMORY;
    self->pipelines = pipelines;
    struct sl_progress_pipeline *pipeline = &pipelines[self->pipeline_count];
    *pipeline = (struct sl_progress_pipeline){0};
    (void)snprintf(pipeline->name, sizeof pipeline->name, "%.*s", (int)name.size, name.size ? (const char *)name.data : "");
    *out_index = self->pipeline_count++;
    return SL_OK;
}

/* Makes room for `count` stages; new ones are named by their number until somebody knows better. */
static int grow(struct sl_progress *self, struct sl_progress_pipeline *pipeline, uint32_t count) {
    if (count <= pipeline->stage_count) return SL_OK;
    size_t old = pipeline->stage_count * sizeof *pipeline->stages;
    struct sl_progress_stage *stages =
        self->alloc->resize(self->alloc->context, pipeline->stages, old, count * sizeof *pipeline->stages);
    if (!stages) return SL_E_NO_MEMORY;
    for (uint32_t i = pipeline->stage_count; i < count; i++) {
        stages[i] = (struct sl_progress_stage){.told = UINT32_MAX};
        (void)snprintf(stages[i].name, sizeof stages[i].name, "stage %u", i + 1);
    }
    pipeline->stages = stages;
    pipeline->stage_count = count;
    return SL_OK;
}

int sl_progress_name_stage(struct sl_progress *self, uint32_t pipeline, uint32_t index, struct sl_bytes name) {
    SL_ASSERT(pipeline < self->pipeline_count);
    if (index >= SL_STAGES_MAX || name.size > SL_NAME_MAX) return SL_E_LIMIT;
    int rc = grow(self, &self->pipelines[pipeline], index + 1);
    if (rc) return rc;
    struct sl_progress_stage *stage = &self->pipelines[pipeline].stages[index];
    (void)snprintf(stage->name, sizeof stage->name, "%.*s", (int)name.size, (const char *)name.data);
    return SL_OK;
}

static void count(struct sl_progress *self, const struct job *job, uint32_t by) {
    struct sl_progress_pipeline *pipeline = &self->pipelines[job->pipeline];
    for (uint16_t i = 0; i < job->letter_count; i++) pipeline->stages[i].counts[job->letters[i]] += by;
    pipeline->job_count += by;
    self->jobs[job->word] += by;
}

static int word_of(struct sl_bytes status) {
    for (int i = 0; i < SL_JOB_WORD_COUNT; i++)
        if (sl_bytes_is(status, job_words[i])) return i;
    return -1;
}

static struct job *make_job(struct sl_progress *self, struct sl_job_id id, int word, struct sl_bytes letters) {
    size_t letter_count = letters.size < SL_STAGES_MAX ? letters.size : SL_STAGES_MAX;
    struct job *job = sl_alloc_take(self->alloc, job_size(letter_count));
    if (!job) return NULL;
    *job = (struct job){.id = id, .word = (uint8_t)word, .letter_count = (uint16_t)letter_count};
    for (size_t i = 0; i < letter_count; i++) {
        const char *at = letters.data[i] ? strchr(letters_known, letters.data[i]) : NULL;
        job->letters[i] = at ? (uint8_t)(at - letters_known) : SL_STAGE_LETTER_WAITING;
    }
    return job;
}

int sl_progress_take(struct sl_progress *self, struct sl_job_id id, struct sl_bytes pipeline, struct sl_bytes status,
                     struct sl_bytes letters) {
    int word = word_of(status);
    uint32_t index = 0;
    if (word < 0) return SL_OK;
    int rc = sl_progress_pipeline(self, pipeline, &index);
    if (rc) return rc;
    if (sl_idmap_reserve(&self->by_id, 1)) return SL_E_NO_MEMORY;
    struct job *job = make_job(self, id, word, letters);
    if (!job) return SL_E_NO_MEMORY;
    job->pipeline = index;
    if (grow(self, &self->pipelines[index], job->letter_count)) {
        sl_alloc_give(self->alloc, job, job_size(job->letter_count));
        return SL_E_NO_MEMORY;
    }
    struct job *before = sl_idmap_remove(&self->by_id, id.bytes);
    if (before) {
        count(self, before, (uint32_t)-1);
        sl_alloc_give(self->alloc, before, job_size(before->letter_count));
    }
    sl_idmap_insert(&self->by_id, job);
    count(self, job, 1);
    return SL_OK;
}

uint32_t sl_progress_seen(const struct sl_progress *self) {
    return (uint32_t)self->by_id.count;
}

uint32_t sl_progress_ended(const struct sl_progress *self) {
    return self->jobs[SL_JOB_COMPLETED] + self->jobs[SL_JOB_FAILED] + self->jobs[SL_JOB_CANCELLED];
}

static uint32_t total_of(const struct sl_progress *self) {
    uint32_t seen = sl_progress_seen(self);
    return self->job_total > seen ? self->job_total : seen;
}

/* Of how many jobs a stage of this pipeline is a part: jobs that are to come are of the only one. */
static uint32_t total_in(const struct sl_progress *self, const struct sl_progress_pipeline *pipeline) {
    return self->pipeline_count == 1 ? total_of(self) : pipeline->job_count;
}

/* A cross or a tick when nothing more will happen to the stage: a tick when it was done wherever it was not cancelled. */
static const char *mark_of(const struct sl_progress_stage *stage, uint32_t total, enum sl_color *out_color) {
    const uint32_t *counts = stage->counts;
    uint32_t done = counts[SL_STAGE_LETTER_SUCCEEDED], failed = counts[SL_STAGE_LETTER_FAILED];
    *out_color = SL_COLOR_NONE;
    if (total > 0 && done + failed + counts[SL_STAGE_LETTER_CANCELLED] == total) {
        bool good = failed == 0 && done > 0;
        *out_color = good ? SL_COLOR_GREEN : SL_COLOR_RED;
        return good ? "\xe2\x9c\x94" : "\xe2\x9c\x98";
    }
    if (counts[SL_STAGE_LETTER_RUNNING] || done || failed || counts[SL_STAGE_LETTER_BACKOFF]) {
        *out_color = failed ? SL_COLOR_RED : SL_COLOR_BLUE;
        return "\xe2\x96\xb6";
    }
    return "\xc2\xb7";
}

static void put_bar(struct sl_buf *buf, uint32_t done, uint32_t total, uint32_t cells) {
    uint32_t filled = total ? (uint32_t)((uint64_t)done * cells / total) : 0;
    for (uint32_t i = 0; i < cells; i++) (void)sl_buf_format(buf, i < filled ? "\xe2\x96\x88" : "\xe2\x96\x91");
}

static void put_notes(struct sl_buf *buf, const struct sl_progress_stage *stage, bool color) {
    static const enum sl_stage_letter shown[] = {SL_STAGE_LETTER_RUNNING, SL_STAGE_LETTER_BACKOFF, SL_STAGE_LETTER_FAILED,
                                                 SL_STAGE_LETTER_CANCELLED};
    static const char *const words[] = {"running", "retrying", "failed", "cancelled"};
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        uint32_t number = stage->counts[shown[i]];
        if (number == 0) continue;
        bool red = shown[i] == SL_STAGE_LETTER_FAILED;
        (void)sl_buf_format(buf, "  %s%u %s%s", sl_color_start(color && red, SL_COLOR_RED), number, words[i],
                            sl_color_end(color && red));
    }
}

/* Columns of the parts of a stage's line beside its name and bar: mark, gaps, numbers and notes. */
enum { NAME_COLUMNS_MAX = 24, BAR_CELLS = 20, REST_COLUMNS = 58 };

/* A stage's name, behind that of its pipeline where there are several; with a NUL. */
enum { ROW_NAME_SIZE = 2 * SL_NAME_MAX + 2 };
static void row_name(const struct sl_progress *self, const struct sl_progress_pipeline *pipeline,
                     const struct sl_progress_stage *stage, char out_name[ROW_NAME_SIZE]) {
    bool several = self->pipeline_count > 1;
    (void)snprintf(out_name, ROW_NAME_SIZE, "%s%s%s", several ? pipeline->name : "", several ? "/" : "", stage->name);
}

static void draw_stage(const struct sl_progress_stage *stage, const char *name, uint32_t total, uint32_t width,
                       uint32_t name_columns, bool color, struct sl_buf *buf) {
    enum sl_color mark_color;
    const char *mark = mark_of(stage, total, &mark_color);
    uint32_t done = stage->counts[SL_STAGE_LETTER_SUCCEEDED];
    (void)sl_buf_format(buf, "  %s%s%s %-*.*s ", sl_color_start(color, mark_color), mark, sl_color_end(color),
                        (int)name_columns, (int)name_columns, name);
    if (width >= name_columns + BAR_CELLS + REST_COLUMNS) put_bar(buf, done, total, BAR_CELLS);
    (void)sl_buf_format(buf, " %5u/%u", done, total);
    if (width >= name_columns + REST_COLUMNS) put_notes(buf, stage, color);
    (void)sl_buf_format(buf, "\n");
}

static bool is_under_way(const struct sl_progress_stage *stage) {
    return stage->counts[SL_STAGE_LETTER_RUNNING] > 0 || stage->counts[SL_STAGE_LETTER_BACKOFF] > 0 ||
           stage->counts[SL_STAGE_LETTER_READY] > 0;
}

static uint32_t longest_name(const struct sl_progress *self) {
    size_t longest = 8;
    for (uint32_t p = 0; p < self->pipeline_count; p++) {
        for (uint32_t i = 0; i < self->pipelines[p].stage_count; i++) {
            char name[ROW_NAME_SIZE];
            row_name(self, &self->pipelines[p], &self->pipelines[p].stages[i], name);
            if (strlen(name) > longest) longest = strlen(name);
        }
    }
    uint32_t most = self->pipeline_count > 1 ? 2 * NAME_COLUMNS_MAX : NAME_COLUMNS_MAX;
    return longest < most ? (uint32_t)longest : most;
}

static uint32_t all_stages(const struct sl_progress *self) {
    uint32_t count = 0;
    for (uint32_t p = 0; p < self->pipeline_count; p++) count += self->pipelines[p].stage_count;
    return count;
}

void sl_progress_summary(const struct sl_progress *self, struct sl_buf *buf) {
    uint32_t total = total_of(self);
    (void)sl_buf_format(buf, "%u job%s:", total, total == 1 ? "" : "s");
    const char *comma = "";
    for (int i = SL_JOB_WORD_COUNT - 1; i >= 0; i--) {
        if (self->jobs[i] == 0) continue;
        (void)sl_buf_format(buf, "%s %u %s", comma, self->jobs[i], job_words[i]);
        comma = ",";
    }
    if (total > sl_progress_seen(self)) (void)sl_buf_format(buf, "%s %u to come", comma, total - sl_progress_seen(self));
}

uint32_t sl_progress_draw(const struct sl_progress *self, uint32_t width, uint32_t row_max, bool color, uint64_t elapsed_ms,
                          struct sl_buf *buf) {
    SL_ASSERT(row_max >= 4);
    uint32_t rows = 0, room = row_max - 2, names = longest_name(self);
    bool all = all_stages(self) <= room;
    for (uint32_t p = 0; p < self->pipeline_count; p++) {
        const struct sl_progress_pipeline *pipeline = &self->pipelines[p];
        for (uint32_t i = 0; i < pipeline->stage_count && rows < room; i++) {
            char name[ROW_NAME_SIZE];
            if (!all && !is_under_way(&pipeline->stages[i])) continue;
            row_name(self, pipeline, &pipeline->stages[i], name);
            draw_stage(&pipeline->stages[i], name, total_in(self, pipeline), width, names, color, buf);
            rows++;
        }
    }
    if (!all) {
        (void)sl_buf_format(buf, "  \xc2\xb7 %u of %u stages shown\n", rows, all_stages(self));
        rows++;
    }
    (void)sl_buf_format(buf, "  %llu.%llus  ", (unsigned long long)(elapsed_ms / 1000),
                        (unsigned long long)(elapsed_ms % 1000 / 100));
    sl_progress_summary(self, buf);
    (void)sl_buf_format(buf, "\n");
    return rows + 1;
}

/* The state of a stage of the only job. */
static enum sl_stage_letter only_letter(const struct sl_progress_stage *stage) {
    for (int i = 0; i < SL_STAGE_LETTER_COUNT; i++)
        if (stage->counts[i]) return (enum sl_stage_letter)i;
    return SL_STAGE_LETTER_WAITING;
}

static uint32_t tenths(uint32_t part, uint32_t total) {
    return total ? (uint32_t)((uint64_t)part * 10 / total) : 0;
}

/* What a plain line about this stage would say, as a number: equal numbers need no new line. */
static uint32_t fact_of(const struct sl_progress_stage *stage, uint32_t total) {
    if (total == 1) return only_letter(stage);
    uint32_t done = tenths(stage->counts[SL_STAGE_LETTER_SUCCEEDED], total);
    uint32_t failed = stage->counts[SL_STAGE_LETTER_FAILED] ? tenths(stage->counts[SL_STAGE_LETTER_FAILED], total) + 1 : 0;
    return done + failed * 16;
}

static bool is_silent(uint32_t fact, uint32_t told, uint32_t total) {
    if (fact == told) return true;
    if (told != UINT32_MAX) return false;
    return total == 1 ? fact <= SL_STAGE_LETTER_READY : fact == 0; /* nothing has begun: no news */
}

/* A line about a stage, if there is news. */
static bool tell_stage(const struct sl_progress *self, const struct sl_progress_pipeline *pipeline,
                       struct sl_progress_stage *stage, uint32_t names, struct sl_buf *buf) {
    uint32_t total = total_in(self, pipeline), fact = fact_of(stage, total);
    if (is_silent(fact, stage->told, total)) return false;
    stage->told = fact;
    char name[ROW_NAME_SIZE];
    row_name(self, pipeline, stage, name);
    uint32_t done = stage->counts[SL_STAGE_LETTER_SUCCEEDED];
    (void)sl_buf_format(buf, "%-*.*s ", (int)names, (int)names, name);
    if (total == 1) {
        (void)sl_buf_format(buf, "%s\n", letter_words[only_letter(stage)]);
        return true;
    }
    (void)sl_buf_format(buf, "%u/%u (%u%%)", done, total, (uint32_t)((uint64_t)done * 100 / total));
    put_notes(buf, stage, false);
    (void)sl_buf_format(buf, "\n");
    return true;
}

uint32_t sl_progress_tell(struct sl_progress *self, struct sl_buf *buf) {
    uint32_t lines = 0, names = longest_name(self);
    for (uint32_t p = 0; p < self->pipeline_count; p++) {
        struct sl_progress_pipeline *pipeline = &self->pipelines[p];
        for (uint32_t i = 0; i < pipeline->stage_count && pipeline->job_count > 0; i++)
            lines += tell_stage(self, pipeline, &pipeline->stages[i], names, buf);
    }
    return lines;
}
