/* A pipeline as checked data: the one form in which every part of the program sees it. Immutable once made; everything that a
 * run of it needs is resolved here (edges, inputs, state keys), so that readiness depends on the pipeline's digest alone. */
#ifndef SL_MODEL_PIPELINE_H
#define SL_MODEL_PIPELINE_H

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/node.h"
#include "problem.h"

/* What a dependency of a stage's input names (`metadata_overrides.dependencies`, or the type's registered metadata). */
enum sl_dependency_kind {
    SL_DEPENDENCY_NAME,    /* a stage or a stage type of this pipeline */
    SL_DEPENDENCY_LEDGER,  /* "@ledger" */
    SL_DEPENDENCY_PAYLOAD, /* "@payload" */
    SL_DEPENDENCY_STATE    /* "@state" */
};

struct sl_text_list {
    const struct sl_bytes *items; /* borrowed from the pipeline */
    uint32_t count;
};

struct sl_stage {
    struct sl_bytes name;   /* all texts are NUL-terminated behind their size */
    struct sl_bytes type;
    struct sl_bytes policy; /* "default" unless said otherwise */
    struct sl_bytes config; /* one msgpack map, keys sorted by their bytes */

    /* Places in the text, for lint; zero when the pipeline came from its canonical form. */
    struct sl_mark mark; /* of the name */
    struct sl_mark type_mark;
    struct sl_mark policy_mark;
    struct sl_mark dependencies_mark;

    /* `depends_on`, in the order of the file. */
    const uint16_t *depends_on; /* stage indexes */
    uint16_t depends_on_count;

    /* Edges: depends_on and the stages that the stage's own overrides name, sorted, without duplicates. */
    const uint16_t *predecessors; /* stage indexes */
    const uint16_t *successors;
    uint16_t predecessor_count;
    uint16_t successor_count;

    /* metadata_overrides; set-ness matters: an explicit null state_key is an override too. */
    bool has_state_keys;
    bool has_dependencies;
    struct sl_text_list state_keys;
    struct sl_text_list dependencies;
    struct sl_bytes description; /* empty: not overridden */
};

/* A registration function that the pipeline names: plugins.stages[]. */
struct sl_plugin_reference {
    struct sl_bytes callable; /* "libx.so:function" */
    bool replace;
    struct sl_mark mark; /* as in struct sl_stage */
};

struct sl_pipeline {
    struct sl_bytes name;
    struct sl_bytes version;
    const struct sl_stage *stages; /* in the order of the file */
    uint16_t stage_count;
    uint16_t root_count;           /* stages without predecessors */
    const uint16_t *topological;   /* all stage indexes, predecessors first, ties by file order */
    const struct sl_plugin_reference *plugins;
    uint16_t plugin_count;
    struct sl_text_list applicable_sources;
    struct sl_bytes owner;       /* metadata; empty when absent */
    struct sl_bytes description;
    struct sl_text_list tags;
    struct sl_digest digest;    /* of the canonical form */
    struct sl_bytes canonical;  /* msgpack: sorted maps, defaults filled in, format number */

    /* Ways in: stages by name, stages by type (then by index), and a bit for each ancestor of each stage. */
    const uint16_t *by_name;
    const uint16_t *by_type;
    const uint64_t *ancestors; /* stage_count rows of (stage_count + 63) / 64 words */

    struct sl_tree memory; /* owns all of the above */
};

/* Checks the document of a pipeline file and builds the pipeline. Every problem found goes to `problems`, with its mark, in one
 * pass; with at least one error the rc is SL_E_BAD_INPUT and no pipeline is made. `strict` makes errors of some warnings.
 * The caller owns *out_pipeline. */
int sl_pipeline_from_tree(const struct sl_tree *tree, bool strict, const struct sl_alloc *alloc,
                          struct sl_problems *problems, struct sl_pipeline **out_pipeline);

/* Builds the pipeline from its canonical form. 0; SL_E_DAMAGED when it is not such a form; SL_E_VERSION when a newer program wrote
 * it; SL_E_NO_MEMORY. */
int sl_pipeline_from_canonical(struct sl_bytes canonical, const struct sl_alloc *alloc,
                               struct sl_pipeline **out_pipeline);

void sl_pipeline_free(struct sl_pipeline **self);

/* The index of the stage with that name, or -1. */
int sl_pipeline_stage(const struct sl_pipeline *self, struct sl_bytes name);

/* The stages of that type, as a run of stage indexes in file order; *out_count may be 0. */
const uint16_t *sl_pipeline_stages_of_type(const struct sl_pipeline *self, struct sl_bytes type, uint16_t *out_count);

/* Whether the text is "libx.so:function": a function of a library that may be looked for in plugin directories. No slash, no leading
 * dot; at most SL_KEY_MAX bytes. What was written for Python ("package.module:attribute") is not. */
bool sl_callable_names_library(struct sl_bytes callable);

/* What a dependency names. */
enum sl_dependency_kind sl_dependency_kind(struct sl_bytes name);

/* Whether `ancestor` must succeed before `stage` starts. */
bool sl_pipeline_is_ancestor(const struct sl_pipeline *self, uint16_t ancestor, uint16_t stage);

#endif
