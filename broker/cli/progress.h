/* How far many jobs are, stage by stage of each pipeline: counts from snapshots, and lines from counts. Pure: no clock, no
 * terminal. Its size depends on the jobs, what it draws on the stages alone. */
#ifndef SL_CLI_PROGRESS_H
#define SL_CLI_PROGRESS_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/idmap.h"
#include "base/limits.h"

#include <stdbool.h>

/* In the order of the letters in CHANGED.stages ("wrxbsfc"). */
enum sl_stage_letter {
    SL_STAGE_LETTER_WAITING,
    SL_STAGE_LETTER_READY,
    SL_STAGE_LETTER_RUNNING,
    SL_STAGE_LETTER_BACKOFF,
    SL_STAGE_LETTER_SUCCEEDED,
    SL_STAGE_LETTER_FAILED,
    SL_STAGE_LETTER_CANCELLED,
    SL_STAGE_LETTER_COUNT
};

enum sl_job_word { SL_JOB_QUEUED, SL_JOB_PROCESSING, SL_JOB_COMPLETED, SL_JOB_FAILED, SL_JOB_CANCELLED, SL_JOB_WORD_COUNT };

struct sl_progress_stage {
    char name[SL_NAME_MAX + 1];
    uint32_t counts[SL_STAGE_LETTER_COUNT]; /* jobs whose stage is in that state */
    uint32_t told;                          /* what the last plain line said, as a number to compare */
};

struct sl_progress_pipeline {
    char name[SL_NAME_MAX + 1];
    struct sl_progress_stage *stages; /* owns */
    uint32_t stage_count;
    uint32_t job_count; /* seen */
};

struct sl_progress {
    struct sl_progress_pipeline *pipelines; /* owns; in the order in which they were met */
    uint32_t pipeline_count;
    uint32_t jobs[SL_JOB_WORD_COUNT];
    uint32_t job_total;  /* jobs that are to come, those seen included; 0: as many as were seen */
    struct sl_idmap by_id; /* owns its members */
    const struct sl_alloc *alloc;
};

void sl_progress_init(struct sl_progress *self, const struct sl_alloc *alloc);
void sl_progress_fini(struct sl_progress *self);

/* The place of a pipeline, which is made when it is new. 0, or SL_E_NO_MEMORY, SL_E_LIMIT. */
int sl_progress_pipeline(struct sl_progress *self, struct sl_bytes name, uint32_t *out_index);

/* Names a pipeline's stages, in file order. Those named already keep their counts. 0, or SL_E_NO_MEMORY, SL_E_LIMIT. */
int sl_progress_name_stage(struct sl_progress *self, uint32_t pipeline, uint32_t index, struct sl_bytes name);

/* A snapshot of a job replaces the one before: its pipeline, status (one of the five; others are ignored) and one letter a stage. 0, or
 * SL_E_NO_MEMORY, SL_E_LIMIT with nothing changed. */
int sl_progress_take(struct sl_progress *self, struct sl_job_id job, struct sl_bytes pipeline, struct sl_bytes status,
                     struct sl_bytes letters);

/* Jobs seen, and those of them that have ended. */
uint32_t sl_progress_seen(const struct sl_progress *self);
uint32_t sl_progress_ended(const struct sl_progress *self);

/* Draws the whole picture: at most row_max lines (4 at least) of at most width columns, a line a stage and one for all; with fewer
 * rows, stages that are under way come first. Returns the number of lines appended to buf, each ended by "\n". */
uint32_t sl_progress_draw(const struct sl_progress *self, uint32_t width, uint32_t row_max, bool color, uint64_t elapsed_ms,
                          struct sl_buf *buf);

/* Appends a line for each stage whose rounded progress (tenths of the jobs; the state itself for one job) differs from what was
 * told the last time. Returns the number of lines. */
uint32_t sl_progress_tell(struct sl_progress *self, struct sl_buf *buf);

/* Appends "426 jobs: 424 completed, 2 failed". */
void sl_progress_summary(const struct sl_progress *self, struct sl_buf *buf);

#endif
