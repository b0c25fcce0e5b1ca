/* What a pipeline is checked against when it is applied: the stage types that any worker has offered (sl:types), and the names of the
 * policies that the cluster or this broker has. Copies; what the core does with types and policies is told to the core. */
#ifndef SL_SHELL_KNOWN_H
#define SL_SHELL_KNOWN_H

#include "model/inputs.h"
#include "model/policy.h"

struct sl_known;

/* 0, or SL_E_NO_MEMORY. */
int sl_known_new(struct sl_known **out_self);
void sl_known_free(struct sl_known **self);

/* Takes a type as sl:types holds it, in place of one of the same name. 0; SL_E_DAMAGED; SL_E_NO_MEMORY: nothing has changed. */
int sl_known_put_type(struct sl_known *self, struct sl_bytes encoded);

/* Takes the names of policies. 0, or SL_E_NO_MEMORY. */
int sl_known_add_policies(struct sl_known *self, const struct sl_policies *policies);

/* Borrowed until the next change. NULL while no worker has ever offered anything: then there is nothing to check against. */
const struct sl_stage_types *sl_known_types(const struct sl_known *self);
const struct sl_policies *sl_known_policies(const struct sl_known *self);

#endif
