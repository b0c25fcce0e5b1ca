/* A pipeline file: read, checked, its problems shown. */
#ifndef SL_CLI_PIPELINE_FILE_H
#define SL_CLI_PIPELINE_FILE_H

#include "cli.h"

#include "model/inputs.h"
#include "model/pipeline.h"
#include "model/policy.h"

struct sl_pipeline_file {
    const char *path;  /* borrows */
    struct sl_buf text; /* owns */
    struct sl_pipeline *pipeline; /* owns; NULL when there are errors */
    uint32_t error_count;
    uint32_t warning_count;
};

/* How a file is checked. */
struct sl_pipeline_check {
    const struct sl_stage_types *types;  /* that are known; NULL: types are not checked. Borrows */
    const struct sl_stage_types *schemas; /* types whose schemas say what configs may be; NULL: configs are not checked. Borrows */
    const struct sl_policies *policies;  /* that stages may name; NULL: who reads it next knows them. Borrows */
    json_t *records; /* an array that gets every problem as {file, line, column, severity, sentence, hint}; NULL: not wanted. Borrows */
    bool strict;                         /* warnings are errors */
    bool errors_only; /* who reads it next says the warnings */
};

/* The policies that stages may name: those of --policies, and the ones that the program ships. 0, and the caller owns them; or an
 * exit code after what was wrong with that file. `records` as above. */
int sl_pipeline_policies_load(const struct sl_cli *cli, json_t *records, struct sl_policies *out_policies);

/* Reads and checks a file; all its problems go to stderr. 0 when there is a pipeline; else an exit code (SL_EXIT_INVALID for errors
 * in it) after what was wrong. Fini in every case. */
int sl_pipeline_file_check(const struct sl_cli *cli, const char *path, const struct sl_pipeline_check *check,
                           struct sl_pipeline_file *out_file);
void sl_pipeline_file_fini(struct sl_pipeline_file *self);

/* Whether a word means a file rather than a pipeline's name. */
bool sl_pipeline_file_is_meant(const char *word);

/* The pipeline in the shape of `pipelines show -o json`. The caller owns it; NULL: no memory. */
json_t *sl_pipeline_file_to_json(const struct sl_pipeline_file *self);

#endif
