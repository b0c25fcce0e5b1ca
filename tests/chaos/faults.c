/* Faults; see faults.h. */
#include "faults.h"

#include "process.h"
#include "support/redis_server.h"

#include <signal.h>
#include <stdio.h>

enum { HOSTS_MAX = 64, KILLS_BETWEEN = 3, PARTS = 3 };

static const struct {
    const char *word;
    bool is_kill;
    uint32_t weight;
} kinds[] = {
#define CHAOS_FAULT(NAME, word, kill, weight) {word, kill, weight},
#include "faults.def"
#undef CHAOS_FAULT
};

const char *chaos_fault_word(enum chaos_fault fault) {
    return kinds[fault].word;
}

bool chaos_fault_is_kill(enum chaos_fault fault) {
    return kinds[fault].is_kill;
}

static uint32_t between(struct chaos_faults *self, uint32_t least, uint32_t most) {
    return least + (uint32_t)sl_rng_below(&self->rng, most - least + 1);
}

static void kill_host(struct chaos_faults *self, struct chaos_cluster *cluster) {
    pid_t hosts[HOSTS_MAX];
    size_t count = chaos_process_below(getpid(), CHAOS_HOST_NAME, hosts, HOSTS_MAX);
    if (count > HOSTS_MAX) count = HOSTS_MAX;
    while (count == 0) { /* a worker that was killed has not made its hosts yet */
        chaos_cluster_watch(cluster, 10);
        count = chaos_process_below(getpid(), CHAOS_HOST_NAME, hosts, HOSTS_MAX);
    }
    (void)kill(hosts[sl_rng_below(&self->rng, count)], SIGKILL); /* one that has just ended is dead all the same */
}

/* Everything dies; then everything is started, in an order of chance. Half of the time Redis dies a little before the broker, which
 * then holds what it could not write, and must not have told anybody. A broker that comes before Redis has to come again. */
static void kill_all(struct chaos_faults *self, struct chaos_cluster *cluster) {
    cluster->redis_down = true;
    if (sl_rng_chance(&self->rng, 1, 2)) {
        redis_server_kill(cluster->redis);
        chaos_cluster_watch(cluster, between(self, 0, 100));
    }
    chaos_cluster_kill(&cluster->broker);
    redis_server_kill(cluster->redis);
    for (uint32_t i = 0; i < cluster->options->workers; i++) chaos_cluster_kill_worker(cluster, i);
    uint32_t first = between(self, 0, PARTS - 1);
    for (uint32_t i = 0; i < PARTS; i++) {
        uint32_t part = (first + i) % PARTS;
        if (part == 0) chaos_cluster_start_redis(cluster);
        if (part == 1) chaos_cluster_start_broker(cluster, sl_rng_chance(&self->rng, 1, 2));
        for (uint32_t w = 0; part == 2 && w < cluster->options->workers; w++) chaos_cluster_start_worker(cluster, w);
    }
    chaos_cluster_watch(cluster, 200); /* in which a broker may say that it found no Redis */
    cluster->redis_down = false;
}

static void kill_redis(struct chaos_faults *self, struct chaos_cluster *cluster) {
    redis_server_kill(cluster->redis);
    cluster->redis_down = true;
    chaos_cluster_watch(cluster, between(self, 0, 300));
    chaos_cluster_start_redis(cluster);
    chaos_cluster_watch(cluster, 100);
    cluster->redis_down = false;
}

static void pause_process(struct chaos_cluster *cluster, pid_t pid, uint32_t milliseconds) {
    (void)kill(pid, SIGSTOP); /* our child: it is there */
    chaos_cluster_watch(cluster, milliseconds);
    (void)kill(pid, SIGCONT);
}

/* Another broker takes the shards of one that stands still, which then wakes as a zombie; when the other one leaves or dies,
 * the first one may take them again. */
static void rival(struct chaos_faults *self, struct chaos_cluster *cluster) {
    pid_t first = cluster->broker;
    (void)kill(first, SIGSTOP);
    chaos_cluster_start_rival(cluster);
    chaos_cluster_watch(cluster, cluster->options->takeover_ms * 2 + between(self, 0, 500));
    (void)kill(first, SIGCONT);
    chaos_cluster_watch(cluster, between(self, 0, 300));
    chaos_cluster_end_rival(cluster, sl_rng_chance(&self->rng, 1, 2));
}

static void act(struct chaos_faults *self, struct chaos_cluster *cluster, enum chaos_fault fault, uint32_t worker) {
    uint32_t pause_ms = cluster->options->lost_ms + between(self, 100, 500);
    switch (fault) {
    case CHAOS_FAULT_BROKER_KILL:
    case CHAOS_FAULT_BROKER_LOSE:
        chaos_cluster_kill(&cluster->broker);
        chaos_cluster_start_broker(cluster, fault == CHAOS_FAULT_BROKER_KILL);
        break;
    case CHAOS_FAULT_WORKER_KILL:
        chaos_cluster_kill_worker(cluster, worker);
        chaos_cluster_start_worker(cluster, worker);
        break;
    case CHAOS_FAULT_HOST_KILL:
        kill_host(self, cluster);
        break;
    case CHAOS_FAULT_REDIS_KILL:
        kill_redis(self, cluster);
        break;
    case CHAOS_FAULT_ALL_KILL:
        kill_all(self, cluster);
        break;
    case CHAOS_FAULT_BROKER_PAUSE:
        pause_process(cluster, cluster->broker, pause_ms);
        break;
    case CHAOS_FAULT_BROKER_RIVAL:
        rival(self, cluster);
        break;
    case CHAOS_FAULT_WORKER_PAUSE:
        pause_process(cluster, cluster->workers[worker], pause_ms);
        break;
    case CHAOS_FAULT_REDIS_PAUSE:
        redis_server_signal(cluster->redis, SIGSTOP);
        chaos_cluster_watch(cluster, between(self, 100, 2500));
        redis_server_signal(cluster->redis, SIGCONT);
        break;
    case CHAOS_FAULT_BROKER_DRAIN:
        chaos_cluster_drain(cluster, &cluster->broker, "broker");
        chaos_cluster_start_broker(cluster, false);
        break;
    case CHAOS_FAULT_WORKER_DRAIN:
        chaos_cluster_drain(cluster, &cluster->workers[worker], "worker");
        chaos_cluster_start_worker(cluster, worker);
        break;
    case CHAOS_FAULT_COUNT:
        break;
    }
}

void chaos_fault_do(struct chaos_faults *self, struct chaos_cluster *cluster, enum chaos_fault fault) {
    uint32_t worker = (uint32_t)sl_rng_below(&self->rng, cluster->options->workers);
    chaos_history_line(&cluster->history, "fault", kinds[fault].word, "begin", ",\"number\":%u", self->done[fault]);
    act(self, cluster, fault, worker);
    chaos_history_line(&cluster->history, "fault", kinds[fault].word, "end", ",\"number\":%u", self->done[fault]);
    self->done[fault]++;
}

/* Each kind as often as it weighs, in an order of chance. */
static void fill(struct chaos_faults *self, struct chaos_bag *bag, bool is_kill) {
    for (unsigned i = 0; i < CHAOS_FAULT_COUNT; i++) {
        for (uint32_t k = 0; kinds[i].is_kill == is_kill && k < kinds[i].weight; k++) {
            uint64_t place = sl_rng_below(&self->rng, ++bag->count);
            bag->faults[bag->count - 1] = bag->faults[place];
            bag->faults[place] = (enum chaos_fault)i;
        }
    }
}

/* The next of the kills, or of the others: no kind is forgotten for long. */
static enum chaos_fault draw(struct chaos_faults *self, bool is_kill) {
    struct chaos_bag *bag = is_kill ? &self->kills : &self->others;
    if (bag->count == 0) fill(self, bag, is_kill);
    return bag->faults[--bag->count];
}

/* Sometimes the next fault comes while the cluster still recovers from the last one, sometimes it has time to work. */
static void let_work(struct chaos_faults *self, struct chaos_cluster *cluster) {
    uint32_t scale = cluster->options->production ? 4 : 1;
    uint32_t most = sl_rng_chance(&self->rng, 1, 4) ? 100 : 700;
    chaos_cluster_watch(cluster, between(self, 10, most) * scale);
}

static void run_each(struct chaos_faults *self, struct chaos_cluster *cluster) {
    enum chaos_fault order[CHAOS_FAULT_COUNT];
    for (unsigned i = 0; i < CHAOS_FAULT_COUNT; i++) {
        uint64_t place = sl_rng_below(&self->rng, i + 1);
        order[i] = order[place];
        order[place] = (enum chaos_fault)i;
    }
    for (unsigned i = 0; i < CHAOS_FAULT_COUNT; i++) {
        let_work(self, cluster);
        chaos_fault_do(self, cluster, order[i]);
    }
}

void chaos_faults_run(struct chaos_faults *self, struct chaos_cluster *cluster) {
    if (cluster->options->mode == CHAOS_EACH) {
        run_each(self, cluster);
        return;
    }
    for (uint32_t i = 0; i < cluster->options->kills; i++) {
        let_work(self, cluster);
        chaos_fault_do(self, cluster, draw(self, true));
        if (i % KILLS_BETWEEN != KILLS_BETWEEN - 1) continue;
        let_work(self, cluster);
        chaos_fault_do(self, cluster, draw(self, false));
    }
}

void chaos_faults_hosts(struct chaos_faults *self, struct chaos_cluster *cluster, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        chaos_cluster_watch(cluster, between(self, 10, 200));
        chaos_fault_do(self, cluster, CHAOS_FAULT_HOST_KILL);
    }
}
