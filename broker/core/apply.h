/* The one function that changes jobs. Live decisions and replay go through it alike; it sees a job, a transition and the job's
 * pipeline, and nothing else: no configuration, no policy, no clock. */
#ifndef SL_CORE_APPLY_H
#define SL_CORE_APPLY_H

#include "job.h"
#include "record.h"
#include "transition.h"

/* Everything that a transition needs and that may fail to be had. */
struct sl_prepared {
    struct sl_job *job;     /* the job that it concerns; new for SUBMITTED */
    struct sl_run *run;     /* for the first STARTED of a run */
    struct sl_field *field; /* for a field that was not set before */
    struct sl_blob *first;  /* facts, output, reason, value */
    struct sl_blob *second; /* payload */
    bool is_new;
};

/* Checks that the transition is legal for the job as it is, and gets all memory for it. 0; SL_E_DAMAGED when it is not legal (live
 * decisions assert that this never happens; in replay it is damage); SL_E_NOT_FOUND when its pipeline is not known;
 * SL_E_NO_MEMORY. Nothing has changed on error. */
int sl_apply_prepare(struct sl_job_table *table, const struct sl_transition *transition, sl_pipeline_finder find,
                     void *context, struct sl_prepared *out_prepared);

/* Gives back what was prepared and not applied. */
void sl_apply_discard(struct sl_job_table *table, struct sl_prepared *prepared);

/* Applies: cannot fail. n is the number of the commit that holds the transition. Returns the job. */
struct sl_job *sl_apply(struct sl_job_table *table, uint64_t n, const struct sl_transition *transition,
                        struct sl_prepared *prepared);

#endif
