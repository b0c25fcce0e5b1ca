/* The floor: the same ZeroMQ hops and the same log appends as Sluice makes for a chain of stages, and no scheduling at all. It keeps
 * the number of a job's hop and acts on a batch only after Redis has replied. What it reaches is what the libraries allow. */
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "io/clock.h"
#include "io/link.h"
#include "io/loop.h"
#include "shell/ledger_redis.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

enum { SHARDS = SL_SHARDS_DEFAULT, WORKERS = 2, BYTES = 100, RECORD_BYTES = 1024, FRAMES_A_TURN = 64, KEY_SIZE = 64 };

/* What travels: as many bytes as Sluice's tasks and results carry beside their names. */
struct item {
    uint64_t job;
    uint64_t hop;
    uint8_t bytes[BYTES];
};

struct settings {
    const char *redis;
    const char *folder;
    uint64_t job_count, in_flight, hop_count;
    bool records;  /* one 1 KiB record a job, too */
    bool everysec;
};

struct shard {
    struct sl_buf open;      /* items of the batch that gathers */
    struct sl_buf under_way; /* items of the batch whose reply is awaited */
    bool waits;
    struct broker *broker;
};

struct broker {
    const struct settings *settings;
    struct sl_loop *loop;
    struct sl_router *front, *back;
    struct sl_ledger_redis *ledger;
    struct shard shards[SHARDS];
    struct sl_buf to_client, to_worker[WORKERS];
    uint64_t client, workers[WORKERS];
    uint32_t worker_count, next_worker;
};

static void fail(const char *what) {
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

static void endpoint(const struct settings *settings, const char *name, char *out, size_t size) {
    (void)snprintf(out, size, "ipc://%s/%s", settings->folder, name);
}

/* The broker. */

static void take_items(struct broker *self, struct sl_bytes frame) {
    for (size_t at = 0; at + sizeof(struct item) <= frame.size; at += sizeof(struct item)) {
        struct item item;
        memcpy(&item, frame.data + at, sizeof item);
        (void)sl_buf_append(&self->shards[item.job % SHARDS].open, &item, sizeof item);
    }
}

static void on_front(void *context) {
    struct broker *self = context;
    struct sl_bytes frame;
    for (int i = 0; i < FRAMES_A_TURN && sl_router_receive(self->front, &self->client, &frame) == SL_OK; i++) {
        take_items(self, frame);
    }
}

static void note_worker(struct broker *self, uint64_t peer) {
    for (uint32_t i = 0; i < self->worker_count; i++) {
        if (self->workers[i] == peer) return;
    }
    if (self->worker_count < WORKERS) self->workers[self->worker_count++] = peer;
}

static void on_back(void *context) {
    struct broker *self = context;
    struct sl_bytes frame;
    uint64_t peer;
    for (int i = 0; i < FRAMES_A_TURN && sl_router_receive(self->back, &peer, &frame) == SL_OK; i++) {
        note_worker(self, peer);
        take_items(self, frame);
    }
}

static void release(struct broker *self, const struct item *item) {
    struct item next = *item;
    if (item->hop == self->settings->hop_count) {
        (void)sl_buf_append(&self->to_client, &next, sizeof next);
        return;
    }
    next.hop++;
    (void)sl_buf_append(&self->to_worker[self->next_worker], &next, sizeof next);
    self->next_worker = (self->next_worker + 1) % WORKERS;
}

static void on_stored(void *context, const struct redisReply *reply) {
    struct shard *shard = context;
    if (!reply || reply->type == REDIS_REPLY_ERROR) fail(reply ? reply->str : "lost Redis");
    for (size_t at = 0; at < shard->under_way.size; at += sizeof(struct item)) {
        struct item item;
        memcpy(&item, shard->under_way.data + at, sizeof item);
        release(shard->broker, &item);
    }
    sl_buf_clear(&shard->under_way);
    shard->waits = false;
}

static void on_record(void *context, const struct redisReply *reply) {
    (void)context;
    if (!reply || reply->type == REDIS_REPLY_ERROR) fail(reply ? reply->str : "lost Redis");
}

static void write_records(struct broker *self, const struct shard *shard) {
    static const char record[RECORD_BYTES];
    for (size_t at = 0; at < shard->under_way.size; at += sizeof(struct item)) {
        struct item item;
        memcpy(&item, shard->under_way.data + at, sizeof item);
        if (item.hop != self->settings->hop_count) continue;
        char key[KEY_SIZE];
        int size = snprintf(key, sizeof key, "floor:{s%02u}:j:%llu", (unsigned)(shard - self->shards),
                            (unsigned long long)item.job);
        const char *const argv[] = {"HSET", key, "r", record};
        const size_t argvlen[] = {4, (size_t)size, 1, sizeof record};
        if (sl_ledger_redis_command(self->ledger, 4, argv, argvlen, on_record, self)) fail("no connection to Redis");
    }
}

static void commit(struct broker *self, struct shard *shard) {
    if (shard->waits || shard->open.size == 0) return;
    struct sl_buf swapped = shard->under_way;
    shard->under_way = shard->open;
    shard->open = swapped;
    shard->waits = true;
    char key[KEY_SIZE];
    int size = snprintf(key, sizeof key, "floor:{s%02u}:log", (unsigned)(shard - self->shards));
    const char *const argv[] = {"XADD", key, "MAXLEN", "~", "1000", "*", "b", (const char *)shard->under_way.data};
    const size_t argvlen[] = {4, (size_t)size, 6, 1, 4, 1, 1, shard->under_way.size};
    if (sl_ledger_redis_command(self->ledger, 8, argv, argvlen, on_stored, shard)) fail("no connection to Redis");
    if (self->settings->records) write_records(self, shard);
}

static void send_all(struct sl_router *router, uint64_t peer, struct sl_buf *buf) {
    if (buf->size == 0 || peer == 0) return;
    if (sl_router_send(router, peer, sl_buf_bytes(buf))) fail("a peer is gone");
    sl_buf_clear(buf);
}

static uint64_t broker_turn(void *context) {
    struct broker *self = context;
    uint64_t now = sl_clock_now_ns();
    if (sl_ledger_redis_deadline_ns(self->ledger) <= now) sl_ledger_redis_tick(self->ledger, now);
    if (self->worker_count == WORKERS && sl_ledger_redis_is_up(self->ledger)) {
        for (int i = 0; i < SHARDS; i++) commit(self, &self->shards[i]);
    }
    for (uint32_t i = 0; i < WORKERS; i++) send_all(self->back, self->workers[i], &self->to_worker[i]);
    send_all(self->front, self->client, &self->to_client);
    sl_ledger_redis_flush(self->ledger);
    return sl_ledger_redis_deadline_ns(self->ledger);
}

static void on_ledger_fd(void *context, int fd, unsigned events) {
    struct broker *self = context;
    bool closed = events & SL_LOOP_CLOSED;
    sl_ledger_redis_ready(self->ledger, fd, closed || events & SL_LOOP_READ, closed || events & SL_LOOP_WRITE);
}

static void watch(void *context, int fd, bool readable, bool writable) {
    struct broker *self = context;
    sl_loop_remove_fd(self->loop, fd);
    (void)sl_loop_add_fd(self->loop, fd, (readable ? SL_LOOP_READ : 0u) | (writable ? SL_LOOP_WRITE : 0u), on_ledger_fd,
                         self);
}

static void unwatch(void *context, int fd) {
    sl_loop_remove_fd(((struct broker *)context)->loop, fd);
}

static void ignore_reply(void *context, const struct sl_ledger_reply *reply) {
    (void)context;
    (void)reply;
}

static void ignore_up(void *context) {
    (void)context;
}

static void on_down(void *context, const char *why) {
    (void)context;
    fail(why);
}

static void on_signal(void *context, int number) {
    (void)number;
    sl_loop_stop(((struct broker *)context)->loop);
}

static void open_ledger(struct broker *self) {
    char why[4096];
    struct sl_ledger_redis_config config = {.address = self->settings->redis,
                                            .durability = self->settings->everysec ? SL_DURABILITY_PROCESS
                                                                                   : SL_DURABILITY_DISK,
                                            .reply_ms = 60000};
    struct sl_ledger_redis_io io = {.watch = watch, .unwatch = unwatch, .context = self};
    struct sl_ledger_redis_events events = {
        .on_reply = ignore_reply, .on_up = ignore_up, .on_down = on_down, .context = self};
    if (sl_ledger_redis_new(&config, &io, &events, &self->ledger, why, sizeof why)) fail(why);
}

static int run_broker(const struct settings *settings) {
    struct broker self = {.settings = settings};
    struct sl_link_context *links;
    char address[256], error[512];
    for (int i = 0; i < SHARDS; i++) {
        sl_buf_init(&self.shards[i].open, sl_alloc_system());
        sl_buf_init(&self.shards[i].under_way, sl_alloc_system());
        self.shards[i].broker = &self;
    }
    sl_buf_init(&self.to_client, sl_alloc_system());
    for (int i = 0; i < WORKERS; i++) sl_buf_init(&self.to_worker[i], sl_alloc_system());
    if (sl_loop_new(&self.loop) || sl_link_context_new(16, &links)) fail("no loop");
    endpoint(settings, "clients", address, sizeof address);
    if (sl_router_open(links, address, SL_WORKER_MESSAGE_MAX, &self.front, error, sizeof error)) fail(error);
    endpoint(settings, "workers", address, sizeof address);
    if (sl_router_open(links, address, SL_WORKER_MESSAGE_MAX, &self.back, error, sizeof error)) fail(error);
    open_ledger(&self);
    (void)sl_loop_add_router(self.loop, self.front, on_front, &self);
    (void)sl_loop_add_router(self.loop, self.back, on_back, &self);
    sl_loop_on_signal(self.loop, on_signal, &self);
    sl_loop_before_wait(self.loop, broker_turn, &self);
    return sl_loop_run(self.loop) ? 1 : 0;
}

/* A worker: what it gets goes back at once, in one message. */

struct peer {
    struct sl_loop *loop;
    struct sl_dealer *dealer;
    const struct settings *settings;
    uint64_t submitted, ended;
    uint64_t *started_ns, *took_ns; /* the client's, by job */
};

static void on_tasks(void *context) {
    struct peer *self = context;
    struct sl_bytes frame;
    for (int i = 0; i < FRAMES_A_TURN && sl_dealer_receive(self->dealer, &frame) == SL_OK; i++) {
        (void)sl_dealer_send(self->dealer, frame);
    }
}

static void stop_peer(void *context, int number) {
    (void)number;
    sl_loop_stop(((struct peer *)context)->loop);
}

static void open_dealer(struct peer *self, const char *name) {
    struct sl_link_context *links;
    char address[256], error[512];
    endpoint(self->settings, name, address, sizeof address);
    if (sl_loop_new(&self->loop) || sl_link_context_new(16, &links)) fail("no loop");
    if (sl_dealer_open(links, address, SL_WORKER_MESSAGE_MAX, &self->dealer, error, sizeof error)) fail(error);
    sl_loop_on_signal(self->loop, stop_peer, self);
}

static int run_worker(const struct settings *settings) {
    struct peer self = {.settings = settings};
    open_dealer(&self, "workers");
    (void)sl_loop_add_dealer(self.loop, self.dealer, on_tasks, &self);
    while (sl_dealer_send(self.dealer, sl_bytes("x", 1))) (void)sl_loop_turn(self.loop, 10); /* says that it is there */
    return sl_loop_run(self.loop) ? 1 : 0;
}

/* The client. */

static void on_ended(void *context) {
    struct peer *self = context;
    struct sl_bytes frame;
    uint64_t now = sl_clock_now_ns();
    for (int i = 0; i < FRAMES_A_TURN && sl_dealer_receive(self->dealer, &frame) == SL_OK; i++) {
        for (size_t at = 0; at + sizeof(struct item) <= frame.size; at += sizeof(struct item)) {
            struct item item;
            memcpy(&item, frame.data + at, sizeof item);
            self->took_ns[self->ended++] = now - self->started_ns[item.job];
        }
    }
}

static uint64_t submit(void *context) {
    struct peer *self = context;
    const struct settings *settings = self->settings;
    while (self->submitted < settings->job_count && self->submitted - self->ended < settings->in_flight) {
        struct item item = {.job = self->submitted};
        if (sl_dealer_send(self->dealer, sl_bytes(&item, sizeof item))) break;
        self->started_ns[self->submitted++] = sl_clock_now_ns();
    }
    if (self->ended == settings->job_count) sl_loop_stop(self->loop);
    return sl_clock_now_ns() + 100000000u;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void run_client(const struct settings *settings) {
    struct peer self = {.settings = settings};
    self.started_ns = calloc(settings->job_count, sizeof *self.started_ns);
    self.took_ns = calloc(settings->job_count, sizeof *self.took_ns);
    if (!self.started_ns || !self.took_ns) fail("out of memory");
    open_dealer(&self, "clients");
    (void)sl_loop_add_dealer(self.loop, self.dealer, on_ended, &self);
    sl_loop_before_wait(self.loop, submit, &self);
    uint64_t start = sl_clock_now_ns();
    if (sl_loop_run(self.loop)) fail("the loop failed");
    double seconds = (double)(sl_clock_now_ns() - start) / 1e9;
    qsort(self.took_ns, self.ended, sizeof *self.took_ns, by_value);
    double p50 = (double)self.took_ns[self.ended / 2] / 1e6, p99 = (double)self.took_ns[self.ended * 99 / 100] / 1e6;
    double hops = (double)settings->hop_count;
    (void)printf("{\"jobs\": %llu, \"seconds\": %.4f, \"jobs_per_second\": %.1f, \"stages_per_second\": %.1f, "
                 "\"hop_ms\": {\"p50\": %.4f, \"p99\": %.4f}, \"job_ms\": {\"p50\": %.4f, \"p99\": %.4f}",
                 (unsigned long long)self.ended, seconds, (double)self.ended / seconds,
                 (double)self.ended * hops / seconds, p50 / hops, p99 / hops, p50, p99);
    free(self.started_ns);
    free(self.took_ns);
}

static pid_t spawn(int (*run)(const struct settings *), const struct settings *settings) {
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) fail("cannot fork");
    if (pid > 0) return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(run(settings));
}

static void read_settings(int argc, char **argv, struct settings *out) {
    *out = (struct settings){.job_count = 10000, .in_flight = 1000, .hop_count = 8};
    int option;
    while ((option = getopt(argc, argv, "r:d:n:w:h:es")) != -1) {
        switch (option) {
        case 'r': out->redis = optarg; break;
        case 'd': out->folder = optarg; break;
        case 'n': out->job_count = strtoull(optarg, NULL, 10); break;
        case 'w': out->in_flight = strtoull(optarg, NULL, 10); break;
        case 'h': out->hop_count = strtoull(optarg, NULL, 10); break;
        case 'e': out->everysec = true; break;
        case 's': out->records = true; break;
        default: fail("usage: floor -r REDIS -d FOLDER [-n JOBS] [-w IN_FLIGHT] [-h HOPS] [-e everysec] [-s records]");
        }
    }
    if (!out->redis || !out->folder || !out->job_count || !out->hop_count) fail("-r, -d, -n and -h are needed");
}

int main(int argc, char **argv) {
    struct settings settings;
    read_settings(argc, argv, &settings);
    pid_t pids[1 + WORKERS];
    pids[0] = spawn(run_broker, &settings);
    for (int i = 0; i < WORKERS; i++) pids[1 + i] = spawn(run_worker, &settings);
    run_client(&settings);
    for (int i = 0; i < 1 + WORKERS; i++) (void)kill(pids[i], SIGTERM);
    for (int i = 0; i < 1 + WORKERS; i++) (void)waitpid(pids[i], NULL, 0);
    struct rusage children;
    (void)getrusage(RUSAGE_CHILDREN, &children);
    double cpu = (double)children.ru_utime.tv_sec + (double)children.ru_stime.tv_sec +
                 (double)(children.ru_utime.tv_usec + children.ru_stime.tv_usec) / 1e6;
    (void)printf(", \"cpu_seconds\": %.3f}\n", cpu);
    return 0;
}
