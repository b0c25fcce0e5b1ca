/* What the tests of plugins share: loading and opening that must succeed, values from JSON, runs in one line. */
#ifndef SL_TEST_PLUGIN_FIXTURE_H
#define SL_TEST_PLUGIN_FIXTURE_H

#include "stage_bench.h"

/* One plugin with one opened stage. */
struct fixture {
    struct sl_bench *bench;
    struct sl_bench_stage *stage;
    struct sl_bench_result result; /* of the last run */
};

/* Loads PLUGIN.so and opens a stage; the test fails when that does not work. `data` may be NULL. */
struct fixture fixture_open(const char *plugin, const char *type, const char *config, const char *data);
void fixture_close(struct fixture *self);

/* Runs on a value, or on JSON text; the outcome. The last result is freed first. */
sluice_outcome fixture_run(struct fixture *self, struct sl_bytes upstream);
sluice_outcome fixture_run_json(struct fixture *self, const char *upstream);

/* Asserts that open refuses this config with a sentence that contains `part`. */
void fixture_refuses(const char *plugin, const char *type, const char *config, const char *part);

/* Asserts that the last run ended so, with a sentence that contains `part`. */
void fixture_failed(const struct fixture *self, sluice_outcome outcome, const char *part);

/* The payload shape as a value; the caller frees the buffer. */
struct sl_buf fixture_payload(const char *name, const char *media_type, struct sl_bytes bytes);

/* A document of one section, "Head", whose blocks have these texts, one after the other in the source, and the ids b1, b2 ...; the
 * caller frees. */
struct sl_buf fixture_document(const char *id, const char *kind, const char *const *texts, size_t count);

/* A whole file; the caller frees. Empty when it cannot be read. */
struct sl_buf fixture_file(const char *path);

/* A map of two values under two keys; the caller frees. */
struct sl_buf fixture_pair(const char *key1, struct sl_bytes value1, const char *key2, struct sl_bytes value2);

/* A new directory under TMPDIR; the caller frees the text. */
char *fixture_directory(void);
/* Removes a directory with what is in it (one level of files and directories is enough for tests). */
void fixture_remove(char *path);

/* The text of a map's member by a path like "sections.0.blocks.1.text"; empty when there is none. Reads value in place. */
struct sl_bytes fixture_get(struct sl_bytes value, const char *path);
/* The same as a number; -1 when there is none. The length of an array or map: path ends with ".#". */
int64_t fixture_get_int(struct sl_bytes value, const char *path);

#endif
