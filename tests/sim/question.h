/* Questions that simulated clients ask, and what an answer may say. */
#ifndef SIM_QUESTION_H
#define SIM_QUESTION_H

#include "client.h"

/* Asks one of the broker, at random. */
void sim_question_ask(struct sim_world *world, struct sim_client *client);

/* What of an ANSWER about jobs reached the client: it must not be told anything older from now on. */
void sim_question_shown(struct sim_world *world, struct sim_client *client, const struct sl_effect *effect);

/* What leaves a broker for a client: I1, I2, I8, I12, I18, I21. */
void sim_question_on_answer(struct sim_world *world, uint32_t broker, const struct sl_effect *effect);
void sim_question_on_rejected(struct sim_world *world, uint32_t broker, const struct sl_effect *effect);
/* I21: a status that a broker shows is not older than one that the client saw before. */
void sim_question_on_status(struct sim_world *world, uint32_t broker, const struct sl_effect *effect, struct sl_job_id id,
                            enum sl_job_state state);

#endif
