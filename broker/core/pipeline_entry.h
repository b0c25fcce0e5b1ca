/* A pipeline as the scheduler knows it: the checked model, its stages' types, and the queue of its jobs that have not started. */
#ifndef SL_CORE_PIPELINE_ENTRY_H
#define SL_CORE_PIPELINE_ENTRY_H

#include "base/list.h"
#include "model/pipeline.h"

struct sl_type;

struct sl_pipeline_entry {
    struct sl_digest digest;     /* first: the id table reads it there */
    struct sl_pipeline *pipeline; /* owns */
    struct sl_type **types;      /* by stage index: whose code runs it, bindings.c; owns the array */
    struct sl_type **plain;      /* by stage index: what plugins' own entries register under the stage's type; owns the array */
    uint32_t *callables;         /* by index in pipeline->plugins: index of sched->callables, or a mark of bindings.c; owns the array */
    bool current;                /* its name@version means it */
    struct sl_list queue;        /* jobs that have not started, in the order of submission */
    struct sl_link *ahead_end;   /* the first job behind the look-ahead window; NULL: all are inside */
    uint32_t ahead_count;        /* jobs in the window: in memory with all their parts, or being loaded */
    struct sl_link link;         /* in the list of all pipelines, in the order of arrival */
    uint64_t sequence;
};

#endif
