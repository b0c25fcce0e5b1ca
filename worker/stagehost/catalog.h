/* Which code runs a stage: the plugins that the worker found (each loaded when first needed), and the functions that a pipeline
 * names itself. */
#ifndef SL_STAGEHOST_CATALOG_H
#define SL_STAGEHOST_CATALOG_H

#include "base/bytes.h"
#include "model/pipeline.h"
#include "sluice/stage.h"

struct sl_catalog;

/* directories and providers are str lists as in struct sl_pipe_setup; copied. host is borrowed for the whole life.
 * NULL: no memory. */
struct sl_catalog *sl_catalog_new(const sluice_host *host, uint32_t directory_count, struct sl_bytes directories,
                                  uint32_t provider_count, struct sl_bytes providers);
void sl_catalog_free(struct sl_catalog **self);

/* The registration that runs stage `index` of the pipeline, borrowed for the catalog's life. The first provider of a type wins,
 * unless a function that the pipeline names says `replace` (seed, row 18: one that will not load is passed over). NULL: nobody
 * offers the type, or what offers it will not load; why stands in error. */
const sluice_registration *sl_catalog_find(struct sl_catalog *self, const struct sl_pipeline *pipeline, uint16_t index,
                                           char *error, size_t error_size);

#endif
