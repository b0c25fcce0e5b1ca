/* Scripted worlds; see story.h. */
#include "story.h"

#include "sim/broker.h"
#include "sim/client.h"
#include "sim/redis.h"
#include "sim/worker.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 1 << 20, STEPS_MAX = 200000 };

void story_init(struct story *story) {
    memset(story, 0, sizeof *story);
    sim_plan_calm(&story->plan);
    story->plan.seed = 1;
    story->plan.job_count = story->plan.request_count = 1;
    story->plan.pipelines[0] = 1;
    sim_arena_init(&story->arena, false);
    sl_buf_init(&story->text, sl_alloc_system());
    story->trace = (struct sim_trace){.text = true, .tail = &story->text, .tail_max = TEXT_MAX};
}

void story_begin(struct story *story) {
    struct sim_options options = {.hash_seed = 1};
    sim_world_begin(&story->world, &story->arena, &story->plan, &options, &story->trace);
}

static bool has_come(struct story *story, const char *text) {
    const char *from = (const char *)story->text.data + story->seen;
    const char *found = story->text.size > story->seen ? memmem(from, story->text.size - story->seen, text, strlen(text)) : NULL;
    if (found) story->seen = (size_t)(found - (const char *)story->text.data) + strlen(text);
    return found != NULL;
}

static void print(const struct story *story) {
    fprintf(stderr, "%.*s", (int)story->text.size, (const char *)story->text.data);
}

void story_until(struct story *story, const char *text) {
    for (int i = 0; i < STEPS_MAX; i++) {
        if (has_come(story, text)) return;
        if (!sim_world_step(&story->world)) break;
    }
    print(story);
    cr_assert_fail("\"%s\" did not come: %s %s", text, story->world.violation, story->world.why);
}

void story_kill_broker(struct story *story, uint32_t broker) {
    sim_trace_line(&story->world, SIM_WHO_BROKER + broker, 0, "is killed");
    sim_broker_crash(&story->world, broker);
}

void story_start_broker(struct story *story, uint32_t broker) {
    struct sim_world *world = &story->world;
    sim_at(world, world->now + 10 * SIM_MS, SIM_BROKER_START, broker, 0, world->brokers[broker]->life, NULL);
}

void story_pause_broker(struct story *story, uint32_t broker, uint32_t ms) {
    struct sim_world *world = &story->world;
    sim_trace_line(world, SIM_WHO_BROKER + broker, 0, "is stopped for %u ms", (unsigned)ms);
    world->brokers[broker]->paused_until = world->now + ms * (uint64_t)SIM_MS;
}

void story_kill_worker(struct story *story, uint32_t worker) {
    sim_trace_line(&story->world, SIM_WHO_WORKER + worker, 0, "is killed");
    sim_worker_crash(&story->world, worker);
}

void story_kill_client(struct story *story, uint32_t client) {
    sim_trace_line(&story->world, SIM_WHO_CLIENT + client, 0, "is killed");
    sim_client_crash(&story->world, client);
}

void story_cut_ledger(struct story *story, uint32_t broker) {
    sim_trace_line(&story->world, SIM_WHO_BROKER + broker, 0, "loses its connections to Redis");
    sim_link_cut(&story->world, broker);
}

void story_lose_entry(struct story *story, uint16_t shard, uint64_t n) {
    struct sim_redis *redis = story->world.redis;
    sim_trace_line(&story->world, SIM_WHO_REDIS, 0, "loses entry %u of shard %u", (unsigned)n, (unsigned)shard);
    cr_assert(ledger_twin_lose_entry(redis->disk, shard, n) && ledger_twin_lose_entry(redis->memory, shard, n));
    redis->damaged[shard] = true;
}

static void read_golden(const char *path, struct sl_buf *golden) {
    char part[4096];
    size_t size;
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s cannot be read", path);
    while ((size = fread(part, 1, sizeof part, file)) > 0) (void)sl_buf_append(golden, part, size);
    (void)sl_buf_append(golden, "", 1);
    fclose(file);
}

static void write_golden(const char *path, const struct sl_buf *text) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s cannot be written", path);
    fwrite(text->data, 1, text->size - 1, file);
    fclose(file);
}

/* The length of the line at text, without its end. */
static size_t line_size(const char *text) {
    return strcspn(text, "\n");
}

static void compare(const struct story *story, const char *text, const char *wanted) {
    for (unsigned line = 1; *text || *wanted; line++) {
        size_t size = line_size(text), wanted_size = line_size(wanted);
        if (size != wanted_size || memcmp(text, wanted, size) != 0) {
            print(story);
            cr_assert_fail("line %u is\n%.*s\nand should be\n%.*s", line, (int)size, text, (int)wanted_size, wanted);
        }
        text += size + (text[size] == '\n');
        wanted += wanted_size + (wanted[wanted_size] == '\n');
    }
}

void story_is(struct story *story, const char *name) {
    struct sl_buf golden;
    char path[512];
    snprintf(path, sizeof path, "%s/traces/%s.txt", STORY_FOLDER, name);
    cr_assert_not(sim_is_violated(&story->world), "%s: %s", story->world.violation, story->world.why);
    (void)sl_buf_append(&story->text, "", 1);
    sl_buf_init(&golden, sl_alloc_system());
    if (getenv("STORY_WRITE")) write_golden(path, &story->text);
    read_golden(path, &golden);
    compare(story, (const char *)story->text.data, (const char *)golden.data);
    sl_buf_fini(&golden);
    sim_world_end(&story->world);
    sl_buf_fini(&story->text);
    sim_arena_fini(&story->arena);
}
