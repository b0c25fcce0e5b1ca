/* Questions about a pipeline that its own text cannot answer: stage types that nobody offers, policies that do not exist, inputs that
 * come from a type's registration. Everything is reported to a problem list; nothing is changed. */
#ifndef SL_MODEL_LINT_H
#define SL_MODEL_LINT_H

#include "inputs.h"
#include "policy.h"
#include "problem.h"
#include "schema.h"

/* Adds what is wrong or doubtful:
 * - a stage type that is not among `types` (warning; with `strict` an error);
 * - a callable that names no shared library, as in pipelines written for Python (warning; with `strict` an error);
 * - an input that is no ancestor of its stage, two inputs with one key, two unordered stages with one state key (errors);
 * - a dependency that this pipeline does not have and that is therefore dropped (note);
 * - what sl_pipeline_check_policies says.
 * `types` and `policies` may be NULL: what needs them is then left out. */
void sl_pipeline_lint(const struct sl_pipeline *self, const struct sl_stage_types *types,
                      const struct sl_policies *policies, bool strict, struct sl_problems *problems);

/* What a pipeline is checked against. Borrowed; NULL as above. */
struct sl_pipeline_rules {
    const struct sl_stage_types *types;
    const struct sl_stage_types *schemas; /* types whose schemas say what the configs of stages may be */
    sl_schema_match match;                /* for the patterns of the schemas */
    const struct sl_policies *policies;
    bool strict;
};

/* sl_pipeline_from_tree and sl_pipeline_lint in one pass, and each stage's config against the schema of its type (errors): of a
 * document that is no pipeline the types, configs and policies are checked too. 0 with the caller owning *out_pipeline; SL_E_BAD_INPUT
 * when `problems` holds an error, be it from before; SL_E_NO_MEMORY. */
int sl_pipeline_check(const struct sl_tree *tree, const struct sl_pipeline_rules *rules, const struct sl_alloc *alloc,
                      struct sl_problems *problems, struct sl_pipeline **out_pipeline);

/* Adds an error for each stage whose policy is not in the set. */
void sl_pipeline_check_policies(const struct sl_pipeline *self, const struct sl_policies *policies,
                                struct sl_problems *problems);

#endif
