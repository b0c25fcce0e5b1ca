/* A pipeline before its rules are checked: names are text, nothing is resolved. Its two makers are pipeline.c (a person's document) and
 * canonical.c (stored bytes); build.c checks it and makes the pipeline. Internal to common/model. */
#ifndef SL_MODEL_DRAFT_H
#define SL_MODEL_DRAFT_H

#include "pipeline.h"

/* Texts are borrowed from the draft's source. data NULL: absent, and that was reported. */
struct sl_draft_text {
    struct sl_bytes text;
    struct sl_mark mark;
};

struct sl_draft_list {
    struct sl_draft_text *items; /* in the draft's memory */
    uint32_t count;
    bool is_set;
    struct sl_mark mark;
};

struct sl_draft_stage {
    struct sl_draft_text name;
    struct sl_draft_text type;
    struct sl_draft_text policy;
    struct sl_draft_list depends_on;
    struct sl_draft_list state_keys;
    struct sl_draft_list dependencies;
    struct sl_bytes description;
    struct sl_bytes config; /* one msgpack map */
    const struct sl_node *config_node; /* the same in the document, which owns it, a map or not; NULL: absent */
};

struct sl_draft_plugin {
    struct sl_draft_text callable;
    bool replace;
};

struct sl_draft {
    struct sl_draft_text name;
    struct sl_draft_text version;
    struct sl_bytes owner;
    struct sl_bytes description;
    struct sl_draft_list tags;
    struct sl_draft_list sources;
    struct sl_draft_plugin *plugins;
    uint32_t plugin_count;
    struct sl_draft_stage *stages;
    uint32_t stage_count;

    struct sl_problems *problems; /* NULL: nobody reads sentences */
    bool is_bad;                  /* a rule is broken */
    bool no_memory;
    struct sl_tree memory;
};

void sl_draft_init(struct sl_draft *self, const struct sl_alloc *alloc, struct sl_problems *problems);
void sl_draft_fini(struct sl_draft *self);

/* Notes that a rule is broken, with a sentence for whoever reads them. */
void sl_draft_refuse(struct sl_draft *self, struct sl_mark mark, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Zeroed memory of the draft; NULL with no_memory noted. */
void *sl_draft_take(struct sl_draft *self, size_t size);

/* Reads a pipeline file's document into the draft (pipeline.c). What is wrong goes to the draft's problems, which must be there. */
void sl_draft_read(struct sl_draft *self, const struct sl_tree *tree, bool strict);

/* Checks each text and list of the draft by itself (draft.c). */
void sl_draft_check(struct sl_draft *self);

/* Checks the draft and builds the pipeline. 0, SL_E_BAD_INPUT, SL_E_NO_MEMORY. The caller owns *out_pipeline, which borrows nothing. */
int sl_draft_build(struct sl_draft *self, const struct sl_alloc *alloc, struct sl_pipeline **out_pipeline);

/* Appends the canonical form (canonical.c). Failure is kept in buf->failed. */
void sl_pipeline_encode(const struct sl_pipeline *pipeline, struct sl_buf *buf);

#endif
