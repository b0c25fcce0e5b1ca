/* Policies as the cluster has them (sl:policies: name -> sl_policy_to_msgpack). What is there counts above what the program ships; a
 * broker that was given a file puts its policies there once, and from then on what is there counts for it too. Part of catalog.h. */
#ifndef SL_SHELL_CATALOG_POLICY_H
#define SL_SHELL_CATALOG_POLICY_H

#include "model/policy.h"

#include <stdbool.h>
#include <stdint.h>

struct redisReply;
struct sl_broker;
struct sl_known;
struct sl_stored_policies;

/* Borrows both. 0, or SL_E_NO_MEMORY. */
int sl_stored_policies_new(struct sl_broker *broker, struct sl_known *known, struct sl_stored_policies **out_self);
void sl_stored_policies_free(struct sl_stored_policies **self);

/* Takes the policies of the broker's own file; at most once. 0, or SL_E_NO_MEMORY. */
int sl_stored_policies_own(struct sl_stored_policies *self, struct sl_policies *file);

/* Puts those of the file that are not there yet. Without a connection nothing happens: call it again when there is one. */
void sl_stored_policies_put(struct sl_stored_policies *self);

/* Those of the file that are not there yet and will be put. */
uint32_t sl_stored_policies_pending(const struct sl_stored_policies *self);

/* All fields of sl:policies: tells the core. One that cannot be read is named in the log, and what was known of it stays. false: for some
 * there was no memory. */
bool sl_stored_policies_take(struct sl_stored_policies *self, const struct redisReply *fields);

#endif
