/* Stories: a scripted world, the same as the simulator's but calm, and the trace of it as the assertion. Virtual time in milliseconds
 * stands at the left; what follows from something stands further right. */
#ifndef STORY_H
#define STORY_H

#include "sim/run.h"

struct story {
    struct sim_plan plan; /* to be changed before story_begin */
    struct sim_world world;
    struct sim_arena arena;
    struct sim_trace trace;
    struct sl_buf text;   /* the trace so far */
    size_t seen;          /* up to here story_until has looked */
};

/* A story of one broker, one worker with one slot, one client, one shard, one job; a chain of two stages. */
void story_init(struct story *story);

void story_begin(struct story *story);

/* Lets time pass until a line that contains the text is written. Ends the test when that does not come. */
void story_until(struct story *story, const char *text);

/* What is done to the world. */
void story_kill_broker(struct story *story, uint32_t broker);
void story_start_broker(struct story *story, uint32_t broker);
void story_pause_broker(struct story *story, uint32_t broker, uint32_t ms);
void story_kill_worker(struct story *story, uint32_t worker);
/* It starts again at once, and knows which requests it made, and no answer. */
void story_kill_client(struct story *story, uint32_t client);
/* Both connections of the broker to Redis are cut; what Redis performed stays, its replies are lost. */
void story_cut_ledger(struct story *story, uint32_t broker);

/* Redis loses an entry of a shard's log, and does not know it. */
void story_lose_entry(struct story *story, uint16_t shard, uint64_t n);

/* The trace must be that of traces/NAME.txt, line by line. Then the world ends. With STORY_WRITE=1 in the environment the file is
 * written instead: read what changed in it before it is committed. */
void story_is(struct story *story, const char *name);

#endif
