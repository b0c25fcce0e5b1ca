/* The config of one stage against the schema of its type. Internal to common/model. */
#ifndef SL_MODEL_CONFIG_H
#define SL_MODEL_CONFIG_H

#include "draft.h"
#include "schema.h"

/* Adds an error for everything in the stage's config that the schema does not allow, at its place in the document. 0; SL_E_NO_MEMORY
 * from `match`. */
int sl_config_check(const struct sl_draft_stage *stage, struct sl_bytes schema, sl_schema_match match, struct sl_problems *problems);

#endif
