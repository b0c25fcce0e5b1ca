/* The cluster of a run; see cluster.h. */
#include "cluster.h"

#include "base/err.h"
#include "io/clock.h"
#include "io/path.h"
#include "process.h"
#include "support/redis_server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 40, TEXT_SIZE = 4096, LOOK_MS = 10, HOSTS_MAX = 64, HOSTS_GONE_MS = 2000, EXIT_UNREACHABLE = 8 };

/* An argument list that holds its own text. */
struct arguments {
    char *list[ARGUMENTS_MAX + 1];
    size_t count, used;
    char text[TEXT_SIZE];
};

static void add(struct arguments *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct arguments *self, const char *format, ...) {
    char *at = self->text + self->used;
    va_list args;
    va_start(args, format);
    int size = vsnprintf(at, sizeof self->text - self->used, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof self->text - self->used || self->count == ARGUMENTS_MAX) abort();
    self->list[self->count++] = at;
    self->used += (size_t)size + 1;
}

static pid_t start(const struct chaos_cluster *self, const struct arguments *arguments, const char *log) {
    char path[CHAOS_PATH_SIZE + 64];
    (void)snprintf(path, sizeof path, "%s/%.32s.log", self->folder, log);
    return chaos_process_start(arguments->list, path);
}

/* The incarnation of the last broker that took up its work; it is told once. */
static bool take_incarnation(const struct chaos_cluster *self, char out[64]) {
    char path[CHAOS_PATH_SIZE + 32];
    (void)snprintf(path, sizeof path, "%s/incarnation", self->folder);
    FILE *file = fopen(path, "re");
    bool found = file && fgets(out, 64, file) && strchr(out, '\n');
    if (file) (void)fclose(file); /* it was only read */
    if (found) *strchr(out, '\n') = '\0';
    (void)unlink(path); /* absent is fine */
    return found;
}

static void broker_arguments(struct chaos_cluster *self, struct arguments *out, const char *endpoint, bool succeeds) {
    char incarnation[64];
    *out = (struct arguments){.count = 0};
    add(out, "%s/sluice-broker", SLUICE_BIN);
    add(out, "--redis");
    add(out, "unix:%s", redis_server_socket(self->redis));
    add(out, "--listen");
    add(out, "%s", endpoint);
    add(out, "--pipelines");
    add(out, "%s/pipelines", CHAOS_SOURCE);
    add(out, "--policies");
    add(out, "%s/policies.yaml", CHAOS_SOURCE);
    if (!self->options->production) {
        add(out, "--timing");
        add(out, "beat=50,takeover=300,heartbeat=50,lost=500,grace=1500,settle=50");
    }
    if (!succeeds || !take_incarnation(self, incarnation)) return;
    add(out, "--succeeds");
    add(out, "%s", incarnation);
}

void chaos_cluster_start_broker(struct chaos_cluster *self, bool succeeds) {
    struct arguments arguments;
    broker_arguments(self, &arguments, self->clients_endpoint, succeeds);
    add(&arguments, "--incarnation-file");
    add(&arguments, "%s/incarnation", self->folder);
    self->broker = start(self, &arguments, "broker");
}

static void rival_endpoint(const struct chaos_cluster *self, char out[CHAOS_ENDPOINT_SIZE]) {
    (void)snprintf(out, CHAOS_ENDPOINT_SIZE, "ipc://%s/rival", self->sockets);
}

void chaos_cluster_start_rival(struct chaos_cluster *self) {
    struct arguments arguments;
    char endpoint[CHAOS_ENDPOINT_SIZE];
    rival_endpoint(self, endpoint);
    broker_arguments(self, &arguments, endpoint, false);
    self->rival = start(self, &arguments, "rival");
}

void chaos_cluster_start_worker(struct chaos_cluster *self, uint32_t index) {
    struct arguments arguments = {.count = 0};
    char name[32];
    (void)snprintf(name, sizeof name, "worker-%u", index + 1);
    add(&arguments, "%s/sluice-worker", SLUICE_BIN);
    add(&arguments, "--broker");
    add(&arguments, "%s.workers", self->clients_endpoint);
    add(&arguments, "--name");
    add(&arguments, "%s", name);
    add(&arguments, "--slots");
    add(&arguments, "4");
    add(&arguments, "--plugin-path");
    add(&arguments, "%s", CHAOS_PLUGINS);
    add(&arguments, "--data");
    add(&arguments, "%s", self->folder);
    add(&arguments, "--drain-timeout");
    add(&arguments, "3s");
    add(&arguments, "--grace");
    add(&arguments, "500ms");
    if (index % 2 == 1) {
        add(&arguments, "--isolation");
        add(&arguments, "inline");
    }
    if (!self->options->production) {
        add(&arguments, "--heartbeat");
        add(&arguments, "50ms");
        add(&arguments, "--lost");
        add(&arguments, "500ms");
    }
    self->workers[index] = start(self, &arguments, name);
}

void chaos_cluster_start_redis(struct chaos_cluster *self) {
    if (redis_server_restart(self->redis) == SL_OK) return;
    printf("chaos: Redis does not come up again\n");
    self->died++;
}

static int make_folders(struct chaos_cluster *self) {
    const char *base = getenv("TMPDIR");
    char error[512], data[CHAOS_PATH_SIZE + 32], above[CHAOS_PATH_SIZE - 60];
    if (sl_path_absolute(self->options->folder, above, sizeof above)) return SL_E_BAD_INPUT;
    (void)snprintf(self->sockets, sizeof self->sockets, "%.40s/chaos.XXXXXX", base && *base ? base : "/tmp");
    (void)snprintf(self->folder, sizeof self->folder, "%s/chaos-%llu-%d", above,
                   (unsigned long long)self->options->seed, (int)getpid());
    (void)snprintf(data, sizeof data, "%s/redis", self->folder);
    if (!mkdtemp(self->sockets) || sl_path_make(data, 0700, error, sizeof error)) return SL_E_IO;
    (void)snprintf(self->history_path, sizeof self->history_path, "%s/history.jsonl", self->folder);
    (void)snprintf(self->clients_endpoint, sizeof self->clients_endpoint, "ipc://%s/c", self->sockets);
    return chaos_history_open(self->history_path, "supervisor", &self->history);
}

int chaos_cluster_start(const struct chaos_options *options, struct chaos_cluster *out_self) {
    *out_self = (struct chaos_cluster){.options = options};
    int rc = make_folders(out_self);
    if (rc) return rc;
    char data[CHAOS_PATH_SIZE + 32];
    (void)snprintf(data, sizeof data, "%s/redis", out_self->folder);
    const char *const overrides[] = {"dir", data, NULL};
    rc = redis_server_start(overrides, &out_self->redis);
    if (rc) return rc;
    chaos_cluster_start_broker(out_self, false);
    for (uint32_t i = 0; i < options->workers; i++) chaos_cluster_start_worker(out_self, i);
    return SL_OK;
}

void chaos_cluster_kill(pid_t *pid) {
    int status;
    if (*pid == 0) return;
    (void)kill(*pid, SIGKILL); /* our child and not reaped: it is there */
    (void)chaos_process_wait(*pid, -1, &status);
    *pid = 0;
}

void chaos_cluster_kill_worker(struct chaos_cluster *self, uint32_t index) {
    pid_t hosts[HOSTS_MAX];
    size_t count = chaos_process_below(self->workers[index], NULL, hosts, HOSTS_MAX);
    chaos_cluster_kill(&self->workers[index]);
    if (count > HOSTS_MAX) count = HOSTS_MAX;
    self->hosts_left += (uint32_t)chaos_process_wait_gone(hosts, count, HOSTS_GONE_MS);
}

void chaos_cluster_drain(struct chaos_cluster *self, pid_t *pid, const char *what) {
    int status;
    if (*pid == 0) return;
    (void)kill(*pid, SIGTERM); /* as above */
    if (!chaos_process_wait(*pid, CHAOS_DRAIN_MS, &status)) {
        printf("chaos: %s did not leave within %d s of SIGTERM\n", what, CHAOS_DRAIN_MS / 1000);
        self->unpeaceful++;
        chaos_cluster_kill(pid);
    } else if (status != 0) {
        printf("chaos: %s was asked to leave and ended with status %d (as waitpid says)\n", what, status);
        self->unpeaceful++;
    }
    *pid = 0;
}

void chaos_cluster_end_rival(struct chaos_cluster *self, bool kills) {
    static const char *const ports[] = {"", ".workers"};
    char endpoint[CHAOS_ENDPOINT_SIZE], path[CHAOS_ENDPOINT_SIZE + 16];
    if (!kills) {
        chaos_cluster_drain(self, &self->rival, "rival");
        return;
    }
    chaos_cluster_kill(&self->rival);
    rival_endpoint(self, endpoint);
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        (void)snprintf(path, sizeof path, "%s%s", endpoint + strlen("ipc://"), ports[i]);
        (void)unlink(path); /* what was killed could not; it may not have come so far */
    }
}

/* Looks whether a program has ended although nobody told it to; true when it is to be started again. */
static bool has_ended(struct chaos_cluster *self, pid_t *pid, const char *what) {
    int status;
    if (*pid == 0 || !chaos_process_wait(*pid, 0, &status)) return *pid == 0;
    *pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_UNREACHABLE && self->redis_down) {
        self->waits++;
        return true;
    }
    printf("chaos: %s ended by itself with status %d (as waitpid says)\n", what, status);
    chaos_history_line(&self->history, "died", what, "", ",\"status\":%d", status);
    self->died++;
    return true;
}

static void look(struct chaos_cluster *self) {
    if (has_ended(self, &self->broker, "broker")) chaos_cluster_start_broker(self, true);
    for (uint32_t i = 0; i < self->options->workers; i++) {
        if (has_ended(self, &self->workers[i], "worker")) chaos_cluster_start_worker(self, i);
    }
    if (redis_server_pid(self->redis) != 0 && redis_server_wait_end(self->redis, 0)) {
        printf("chaos: Redis ended by itself\n");
        self->died++;
    }
    if (redis_server_pid(self->redis) == 0 && !self->redis_down) chaos_cluster_start_redis(self);
}

void chaos_cluster_watch(struct chaos_cluster *self, uint32_t milliseconds) {
    uint64_t until = sl_clock_now_ns() + (uint64_t)milliseconds * 1000000;
    do {
        look(self);
        (void)poll(NULL, 0, LOOK_MS);
    } while (sl_clock_now_ns() < until);
    look(self);
}

void chaos_cluster_stop(struct chaos_cluster *self) {
    for (uint32_t i = 0; i < self->options->workers; i++) chaos_cluster_drain(self, &self->workers[i], "worker");
    chaos_cluster_kill(&self->rival);
    chaos_cluster_drain(self, &self->broker, "broker");
    redis_server_free(&self->redis);
}
