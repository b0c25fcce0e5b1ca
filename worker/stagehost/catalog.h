/* The code that runs a stage: of the plugins that the worker found (each loaded when first needed), and of the functions that
 * pipelines name. */
#ifndef SL_STAGEHOST_CATALOG_H
#define SL_STAGEHOST_CATALOG_H

#include "base/bytes.h"
#include "sluice/stage.h"

struct sl_catalog;

/* directories and providers are str lists as in struct sl_pipe_setup; copied. host is borrowed for the whole life.
 * NULL: no memory. */
struct sl_catalog *sl_catalog_new(const sluice_host *host, uint32_t directory_count, struct sl_bytes directories,
                                  uint32_t provider_count, struct sl_bytes providers);
void sl_catalog_free(struct sl_catalog **self);

/* The registration that runs a stage of that type, borrowed for the catalog's life: that of the function `callable`
 * ("libx.so:function", of a library in the plugin path), or, when it is empty, that of the first provider of the type. Which of them it
 * is the broker decides, for the whole cluster. NULL: it offers no such type, or will not load; why stands in error. */
const sluice_registration *sl_catalog_find(struct sl_catalog *self, struct sl_bytes callable, struct sl_bytes type,
                                           char *error, size_t error_size);

#endif
