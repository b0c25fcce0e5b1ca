/* Whose code runs a stage of a pipeline that names functions, and which workers have looked at those; see bindings.c. */
#ifndef SL_CORE_BINDINGS_H
#define SL_CORE_BINDINGS_H

#include "pipeline_entry.h"

struct sl_sched;
struct sl_session;

/* Finds the types of a new pipeline's stages, notes the functions that it names, and tells them to the workers. 0, or SL_E_NO_MEMORY:
 * the entry is to be freed. */
int sl_bindings_make(struct sl_sched *self, struct sl_pipeline_entry *entry);

/* Binds every stage anew; after any change of what is known or of who has looked. */
void sl_bindings_update(struct sl_sched *self);

/* The index of a function, or UINT32_MAX. */
uint32_t sl_callable_find(const struct sl_sched *self, struct sl_bytes text);

/* Tells a worker the functions if it has not looked at all of them; room for one effect was reserved. */
void sl_callables_tell(struct sl_sched *self, const struct sl_session *session);

/* The text under which a stage's type is told as missing: borrowed until the next step. */
struct sl_bytes sl_binding_wanted(struct sl_sched *self, const struct sl_pipeline_entry *entry, uint16_t stage);

#endif
