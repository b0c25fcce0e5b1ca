/* What the tests of pipelines and policies share: YAML text to a tree, to a pipeline, problems as text, small tables of types. */
#ifndef SL_TEST_MODEL_FIXTURE_H
#define SL_TEST_MODEL_FIXTURE_H

#include "model/inputs.h"
#include "model/lint.h"
#include "model/pipeline.h"
#include "model/policy.h"

#include <stdlib.h>

/* Parses text, which must be good YAML. */
struct sl_tree tree_of(const char *text);

/* What one text gave. */
struct result {
    int rc;
    struct sl_pipeline *pipeline; /* NULL unless rc is 0 */
    struct sl_problems problems;
};
struct result pipeline_of(const char *text);
void result_free(struct result *self);

/* A pipeline of stages given as the lines below `stages:`; must be good. */
struct sl_pipeline *stages_of(const char *stages);

/* The problems as sl_problems_show prints them; the caller frees the text. */
char *shown(struct sl_problems *problems, const char *path, const char *text);

/* Asserts that the text is refused, and that a problem's sentence contains `part`. */
void assert_refused(const char *text, const char *part);

/* A file's content with a NUL; aborts when it cannot be read. The path begins at the repository's root. The caller frees it. */
char *read_source_file(const char *path);

/* Types for inputs and lint; keys and dependencies are words separated by blanks. At most 8 words each. */
enum { TYPES_MAX = 16, WORDS_MAX = 8 };
struct type_table {
    struct sl_stage_type types[TYPES_MAX];
    const struct sl_stage_type *sorted[TYPES_MAX];
    struct sl_bytes words[TYPES_MAX][2][WORDS_MAX];
    struct sl_stage_types table;
};
void types_init(struct type_table *self);
struct sl_stage_type *types_add(struct type_table *self, const char *type, const char *state_keys,
                                const char *dependencies);
/* The eight built-in types with their registered keys and dependencies (shapes.md). */
/* One that the function registers. */
struct sl_stage_type *types_add_of(struct type_table *self, const char *callable, const char *type, const char *state_keys,
                                   const char *dependencies);
void types_add_builtin(struct type_table *self);

#endif
