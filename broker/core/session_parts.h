/* What sessions.c and held.c offer the other files of the core. Included by sched_parts.h. */
#ifndef SL_CORE_SESSION_PARTS_H
#define SL_CORE_SESSION_PARTS_H

#include "sched_state.h"

/* sessions.c: workers' sessions. */
/* The newest session of a peer, or NULL. */
struct sl_session *sl_session_of_peer(const struct sl_sched *self, uint64_t peer);
/* Puts a new session where it is found; room in `peers` was reserved. An older one of the same peer is found no more. */
void sl_session_begin(struct sl_sched *self, struct sl_session *session);
int sl_session_lost(struct sl_sched *self, struct sl_session *session, bool at_once);
int sl_sessions_tick(struct sl_sched *self);
struct sl_stage_run *sl_attempt_find(struct sl_sched *self, const struct sl_token *token);
struct sl_token sl_attempt_token(const struct sl_sched *self, const struct sl_stage_run *stage);

/* held.c: an attempt that is not current takes a slot of its worker until that answers for it, or no longer names it. */
void sl_session_hold(struct sl_sched *self, struct sl_session *session, const struct sl_token *token);
void sl_session_let_go(struct sl_sched *self, struct sl_session *session, const struct sl_token *token);
void sl_session_let_go_unnamed(struct sl_sched *self, struct sl_session *session);
void sl_session_let_go_all(struct sl_sched *self, struct sl_session *session);

#endif
