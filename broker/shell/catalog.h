/* The catalog: pipelines, stage types and policies as Redis holds them (sl:pipelines, sl:p:<digest>, sl:types, sl:policies). Facts that
 * belong to no shard: read at start, changed by compare-and-set. It decides nothing about jobs; what it learns it tells the core. */
#ifndef SL_SHELL_CATALOG_H
#define SL_SHELL_CATALOG_H

#include "base/bytes.h"
#include "model/inputs.h"
#include "model/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct sl_broker;
struct sl_catalog;

/* 0, or SL_E_NO_MEMORY. */
int sl_catalog_new(struct sl_broker *broker, struct sl_catalog **out_self);
void sl_catalog_free(struct sl_catalog **self);

/* Reads everything, tells the core, then calls sl_broker_catalog_read. Without a connection nothing happens: the next one reads anew. */
void sl_catalog_read(struct sl_catalog *self);

/* Reads what another broker may have changed since, unless that was begun within the last age_ms_max milliseconds. True: a reading is
 * under way, and sl_broker_catalog_read follows, or the loss of the connection. */
bool sl_catalog_refresh(struct sl_catalog *self, uint32_t age_ms_max);

/* What was asked for in this turn has left for Redis: a message that comes now needs a newer reading. */
void sl_catalog_sent(struct sl_catalog *self);

/* Whether a submission of that pipeline (version empty: any) must wait for a reading, which is under way then. What is known counts for a
 * second more, so that a busy broker reads three hashes a second and an idle one nothing; that there is none is said only after a look. */
bool sl_catalog_must_look(struct sl_catalog *self, struct sl_bytes name, struct sl_bytes version);

/* A client's APPLY: checks the text, stores the pipeline, tells the core, answers. The views are not kept. */
void sl_catalog_apply(struct sl_catalog *self, uint64_t peer, uint64_t re, struct sl_bytes text, struct sl_bytes path,
                      bool strict);

/* Applies a file, or every *.yaml of a folder, as a person typing apply would; what is wrong is logged. */
void sl_catalog_apply_path(struct sl_catalog *self, const char *path);

/* Pipelines that are applied may name these policies too. 0, or SL_E_NO_MEMORY. */
int sl_catalog_add_policies(struct sl_catalog *self, const struct sl_policies *policies);

/* Takes the policies of the broker's own file, which become the cluster's; at most once. 0, or SL_E_NO_MEMORY. */
int sl_catalog_own_policies(struct sl_catalog *self, struct sl_policies *policies);

/* Stores those that are not stored yet. Without a connection nothing happens: call it again when there is one. */
void sl_catalog_put_policies(struct sl_catalog *self);

/* Applications, and policies of the broker's own, that were begun and have no answer yet. */
uint32_t sl_catalog_pending(const struct sl_catalog *self);

/* Records what a worker offered first; what another broker recorded meanwhile stays. */
void sl_catalog_put_type(struct sl_catalog *self, const struct sl_stage_type *type);

/* Records another registration of a type in place of the one that is there, tells the core, and answers; what another broker recorded
 * meanwhile is not overwritten unseen. */
void sl_catalog_replace_type(struct sl_catalog *self, uint64_t peer, uint64_t re, const struct sl_stage_type *type);

#endif
