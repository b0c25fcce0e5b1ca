/* sluice-broker: options, the check of Redis, sockets, then the loop. */
#include "base/err.h"
#include "base/limits.h"
#include "broker.h"
#include "catalog.h"
#include "endpoint.h"
#include "io/entropy.h"
#include "io/file.h"
#include "io/log.h"
#include "io/yaml.h"
#include "model/policy.h"
#include "options.h"
#include "pipeline_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_NOT_FOUND = 3, EXIT_NOT_ALLOWED = 4, EXIT_UNREACHABLE = 8, EXIT_INVALID = 9 };
enum { SOCKETS_MAX = 64, LINGER_MS = 500 };

static int check_redis(struct sl_broker *self) {
    char why[SL_REDIS_WHY_SIZE];
    struct sl_redis_check what = {.address = self->options->redis,
                                  .durability = self->options->durability,
                                  .shards = self->options->shards,
                                  .create = !self->options->no_create,
                                  .reply_ms = self->options->reply_ms};
    int rc = sl_redis_check(&what, &self->cluster, why);
    if (rc) fprintf(stderr, "sluice-broker: %s\n", why);
    switch (rc) {
    case SL_OK: return 0;
    case SL_E_UNREACHABLE:
    case SL_E_AGAIN: return EXIT_UNREACHABLE;
    case SL_E_BAD_INPUT: return EXIT_USAGE;
    case SL_E_NOT_ALLOWED: return EXIT_NOT_ALLOWED;
    default: return EXIT_FAILED;
    }
}

static int open_router(struct sl_broker *self, const char *endpoint, size_t message_max, struct sl_router **out) {
    char error[512];
    if (strncmp(endpoint, "tcp://", 6) != 0 && strncmp(endpoint, "ipc://", 6) != 0) {
        fprintf(stderr, "sluice-broker: %s is no endpoint; write tcp://HOST:PORT or ipc://PATH\n", endpoint);
        return EXIT_USAGE;
    }
    if (!sl_endpoint_is_local(endpoint)) {
        if (!self->options->insecure) {
            fprintf(stderr, "sluice-broker: %s is reachable from other machines and this version has no keys yet; "
                            "listen on 127.0.0.1, or say --insecure on a network that you trust\n", endpoint);
            return EXIT_USAGE;
        }
        fprintf(stderr, "sluice-broker: serving %s without keys or encryption (--insecure)\n", endpoint);
    }
    if (sl_router_open(self->links, endpoint, message_max, out, error, sizeof error) == SL_OK) return 0;
    fprintf(stderr, "sluice-broker: %s\n", error);
    return EXIT_FAILED;
}

static int open_routers(struct sl_broker *self) {
    char workers[SL_ENDPOINT_SIZE];
    int code = open_router(self, self->options->listen, SL_CLIENT_MESSAGE_MAX, &self->front);
    if (code) return code;
    if (self->options->listen_workers) {
        (void)snprintf(workers, sizeof workers, "%s", self->options->listen_workers);
    } else if (sl_endpoint_of_workers(self->options->listen, workers)) {
        fprintf(stderr, "sluice-broker: say --listen-workers too: %s names no port to count on from\n",
                self->options->listen);
        return EXIT_USAGE;
    }
    return open_router(self, workers, SL_WORKER_MESSAGE_MAX, &self->back);
}

static void tell_policies(struct sl_broker *self, const struct sl_policies *policies) {
    for (uint32_t i = 0; i < policies->count; i++) {
        struct sl_event event = {.kind = SL_EV_POLICY, .policy = policies->items[i]};
        sl_broker_step(self, &event);
    }
}

static int read_policies(const char *path, struct sl_policies *out) {
    struct sl_buf text, shown;
    struct sl_tree tree;
    struct sl_yaml_error yaml;
    struct sl_problems problems;
    char error[512];
    sl_buf_init(&text, sl_alloc_system());
    sl_buf_init(&shown, sl_alloc_system());
    int read = sl_file_read(path, SL_PIPELINE_TEXT_MAX, &text, error, sizeof error);
    if (read) {
        fprintf(stderr, "sluice-broker: %s\n", error);
        sl_buf_fini(&text);
        return read == SL_E_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_INVALID;
    }
    sl_problems_init(&problems, sl_alloc_system());
    int rc = sl_yaml_parse(sl_buf_bytes(&text), sl_alloc_system(), &tree, &yaml);
    if (rc) {
        sl_problems_add(&problems, SL_PROBLEM_ERROR, yaml.mark, NULL, "%s", yaml.sentence);
    } else {
        rc = sl_policies_from_tree(&tree, sl_alloc_system(), &problems, out);
        sl_tree_fini(&tree);
    }
    sl_problems_show(&problems, path, sl_buf_bytes(&text), &shown);
    if (shown.size) fprintf(stderr, "%.*s", (int)shown.size, (const char *)shown.data);
    sl_problems_fini(&problems);
    sl_buf_fini(&shown);
    sl_buf_fini(&text);
    return rc ? EXIT_INVALID : 0;
}

static int load_policies(struct sl_broker *self) {
    struct sl_policies policies;
    if (sl_policies_builtin(sl_alloc_system(), &policies)) return EXIT_FAILED;
    tell_policies(self, &policies);
    int rc = sl_catalog_add_policies(self->catalog, &policies);
    sl_policies_fini(&policies);
    if (rc || !self->options->policies) return rc ? EXIT_FAILED : 0;
    int code = read_policies(self->options->policies, &policies);
    if (code) return code;
    tell_policies(self, &policies);
    rc = sl_catalog_own_policies(self->catalog, &policies);
    sl_policies_fini(&policies);
    return rc ? EXIT_FAILED : 0;
}

static int make_core(struct sl_broker *self) {
    struct sl_sched_config config = sl_sched_config_default();
    sl_entropy(self->incarnation.bytes, sizeof self->incarnation.bytes);
    sl_id_mark_v8(self->incarnation.bytes);
    sl_entropy(&config.seed, sizeof config.seed);
    sl_entropy(&config.hash_seed, sizeof config.hash_seed);
    config.incarnation = self->incarnation;
    config.succeeds = self->options->succeeds;
    config.shard_count = self->cluster.shards;
    config.beat_ms = self->options->beat_ms;
    config.takeover_ms = self->options->takeover_ms;
    config.heartbeat_ms = self->options->heartbeat_ms;
    config.lost_ms = self->options->lost_ms;
    config.timeout_grace_ms = self->options->grace_ms;
    config.settle_ms = self->options->settle_ms;
    config.retention_ms = self->options->retention_ms;
    config.retention_bytes = self->options->retention_bytes;
    int rc = sl_sched_new(sl_alloc_system(), &config, &self->sched);
    if (!rc) rc = sl_outbox_new(sl_alloc_system(), self->cluster.shards, &self->outbox);
    if (!rc) rc = sl_catalog_new(self, &self->catalog);
    return rc ? EXIT_FAILED : 0;
}

/* Each line of the start needs those before it. */
static int start(struct sl_broker *self) {
    char why[SL_REDIS_WHY_SIZE];
    if (sl_loop_new(&self->loop) || sl_link_context_new(SOCKETS_MAX, &self->links)) {
        fprintf(stderr, "sluice-broker: cannot make its loop or its ZeroMQ context\n");
        return EXIT_FAILED;
    }
    int code = check_redis(self);
    if (!code) code = make_core(self);
    if (!code) code = open_routers(self);
    if (code) return code;
    if (sl_broker_open_ledger(self, why, sizeof why)) {
        fprintf(stderr, "sluice-broker: %s\n", why);
        return EXIT_FAILED;
    }
    code = load_policies(self);
    if (code) return code;
    bool added = sl_loop_add_router(self->loop, self->front, sl_front_ready, self) == SL_OK &&
                 sl_loop_add_router(self->loop, self->back, sl_back_ready, self) == SL_OK;
    return added ? 0 : EXIT_FAILED;
}

static void write_incarnation(const struct sl_broker *self) {
    char text[SL_ID_TEXT_SIZE];
    FILE *file = self->options->incarnation_file ? fopen(self->options->incarnation_file, "we") : NULL;
    if (!file) return;
    sl_id_to_text(self->incarnation.bytes, text);
    (void)fprintf(file, "%s\n", text);
    (void)fclose(file);
}

static void stop(struct sl_broker *self) {
    sl_ledger_redis_free(&self->ledger);
    sl_catalog_free(&self->catalog);
    sl_waiting_fini(&self->waiting);
    if (self->pipeline_watch) sl_loop_remove_fd(self->loop, sl_pipeline_watch_fd(self->pipeline_watch));
    sl_pipeline_watch_free(&self->pipeline_watch);
    if (self->front) sl_router_free(&self->front, LINGER_MS);
    if (self->back) sl_router_free(&self->back, LINGER_MS);
    if (self->links) sl_link_context_free(&self->links);
    sl_sched_free(&self->sched);
    sl_outbox_free(&self->outbox);
    sl_effects_fini(self);
    sl_buf_fini(&self->frame);
    sl_buf_fini(&self->batch_frame);
    sl_buf_fini(&self->items);
    sl_buf_fini(&self->decoded);
    sl_loop_free(&self->loop);
}

/* As many connections as the system allows: each is a descriptor (reliability V22). */
static void raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* fewer connections then */
}

int main(int argc, char **argv) {
    struct sl_options options;
    struct sl_broker broker = {.options = &options};
    int rc = sl_options_read(argc, argv, &options);
    if (rc) return rc > 0 ? 0 : EXIT_USAGE;
    sl_log_open("broker", options.log_level, SL_LOG_AUTO);
    raise_descriptors();
    sl_waiting_init(&broker.waiting);
    sl_buf_init(&broker.frame, sl_alloc_system());
    sl_buf_init(&broker.batch_frame, sl_alloc_system());
    sl_buf_init(&broker.items, sl_alloc_system());
    sl_buf_init(&broker.decoded, sl_alloc_system());
    int code = start(&broker);
    if (!code) {
        write_incarnation(&broker);
        code = sl_broker_run(&broker) ? EXIT_FAILED : 0;
    }
    stop(&broker);
    return code;
}
