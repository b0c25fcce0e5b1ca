/* What a stage receives and what it leaves: its inputs and state keys, from the pipeline and from what the stage types registered.
 * Pure and without allocation; the time is linear in the stage's own inputs (names are found by binary search). */
#ifndef SL_MODEL_INPUTS_H
#define SL_MODEL_INPUTS_H

#include "base/limits.h"
#include "pipeline.h"

/* What a plugin registered about a stage type. All views are borrowed by whoever holds the struct. */
struct sl_stage_type {
    struct sl_bytes type;
    struct sl_bytes callable; /* "libx.so:function" that registered it; empty: a plugin's own entry did */
    struct sl_text_list state_keys;
    struct sl_text_list dependencies; /* stage types or stage names, "@ledger", "@payload", "@state" */
    struct sl_bytes description;
    struct sl_bytes version;
    struct sl_bytes config_schema; /* as sl_schema_check accepts it; empty: none, or not known here */
    bool idempotent;
    bool inline_allowed;
    struct sl_digest digest; /* of the fields that decide what a run means */
};

/* The types that are known, in the order of their names' bytes, of one name in that of their callables: a plugin's own is the first.
 * All borrowed. */
struct sl_stage_types {
    const struct sl_stage_type *const *items;
    uint32_t count;
};

/* Whether the type is there; *out_index is its place, or the place where it would have to be inserted. An empty callable asks for a
 * plugin's own. */
bool sl_stage_types_search(const struct sl_stage_types *self, struct sl_bytes type, struct sl_bytes callable,
                           uint32_t *out_index);

/* The type that the plugins' own entries register under that name, or NULL (also when self is NULL). */
const struct sl_stage_type *sl_stage_types_find(const struct sl_stage_types *self, struct sl_bytes type);

/* The registration that counts for a stage, or NULL (also when self is NULL): that of the first function which the pipeline names with
 * `replace`; else a plugin's own; else that of the first function named without it (seed, row 18). Functions that registered no such
 * type, or that nobody could load, are passed over. */
const struct sl_stage_type *sl_stage_types_bound(const struct sl_stage_types *self, const struct sl_pipeline *pipeline,
                                                 uint16_t stage);

/* The text under which a type is kept and shown: its name, or "libx.so:function/type". out has SL_TYPE_KEY_MAX + 1 bytes; what is
 * longer than names and callables may be is cut. */
void sl_stage_type_key(struct sl_bytes callable, struct sl_bytes type, char *out);

enum sl_input_kind {
    SL_INPUT_STAGE,   /* the result of a stage: with one state key its value, with several a map of them, with none its output */
    SL_INPUT_LEDGER,  /* a snapshot of the job's ledger entry */
    SL_INPUT_PAYLOAD, /* the job's payload */
    SL_INPUT_STATE    /* the whole run state */
};

struct sl_input {
    enum sl_input_kind kind;
    uint16_t stage;      /* STAGE: its index */
    struct sl_bytes key; /* its name in the map, when there are several inputs; borrowed from the pipeline, the types, or static */
    bool is_state_key;   /* STAGE: the key is its state key, not a name */
};

/* The most inputs that one stage can have. */
enum { SL_INPUTS_MAX = SL_STAGES_MAX + 3 };

/* The inputs of a stage, in the order in which they are named. One input is delivered bare, several as a map by their keys; there is
 * always at least one (seed, row 4; shapes.md "Stages and pipelines"):
 * - the dependencies of the stage's overrides, else those that its type registered; names that the pipeline does not have are dropped;
 * - if there are none, or every stage or type that they name was dropped: also the stages of `depends_on`;
 * - and if there is nothing yet: the job's payload.
 * A stage is keyed by its one state key; by the name under which it was asked for when it has none or several; by its own name when
 * a type was asked for that several stages have. Of two stages with equal state keys the later one in the DAG stays.
 * `types` may be NULL. 0; SL_E_BAD_INPUT with a sentence in `error` when an input is no ancestor of the stage, or two inputs have the
 * same key and no order; SL_E_LIMIT when there are more than inputs_max. */
int sl_inputs_resolve(const struct sl_pipeline *pipeline, uint16_t stage, const struct sl_stage_types *types,
                      struct sl_input *out_inputs, uint32_t inputs_max, uint32_t *out_count, char *error,
                      size_t error_size);

/* The state keys that a stage writes: those of its overrides, else those that its type registered. Borrowed from the pipeline or from
 * the types. `types` may be NULL. */
struct sl_text_list sl_state_keys_resolve(const struct sl_pipeline *pipeline, uint16_t stage,
                                          const struct sl_stage_types *types);

#endif
