/* From the flags of `sluice dev` to everything that must be known before the first child starts. */
#include "dev.h"

#include "../pipeline_file.h"
#include "../plugins.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/text.h"
#include "client/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKERS_DEFAULT = 2, SLOTS_LEAST = 2, SLOTS_MOST = 16 };

/* Whether a port may be bound: 0, or the errno. Like ZeroMQ, it takes no notice of old connections. */
static int try_bind(const struct sl_endpoint *endpoint, uint16_t port) {
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    if (getaddrinfo(strcmp(endpoint->host, "*") == 0 ? NULL : endpoint->host, service, &hints, &found)) return ENOENT;
    int error = 0, on = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) || bind(fd, found->ai_addr, found->ai_addrlen) ||
        listen(fd, 1))
        error = errno;
    if (fd >= 0) (void)close(fd);
    freeaddrinfo(found);
    return error;
}

static int refuse_port(const struct sl_dev *self, const struct sl_endpoint *endpoint, int error) {
    if (error == EADDRINUSE)
        return sl_cli_fail(self->cli, SL_EXIT_FAILURE,
                           "port %u of %s is taken, perhaps by another \"sluice dev\"; stop what uses it, or choose another one: --listen tcp://%s:%u",
                           endpoint->port, endpoint->host, endpoint->host, endpoint->port < 60000 ? endpoint->port + 10 : 7450);
    if (error == ENOENT)
        return sl_cli_fail(self->cli, SL_EXIT_USAGE, "there is no address \"%.100s\" to listen at", endpoint->host);
    return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "port %u of %s cannot be used: %s", endpoint->port, endpoint->host, strerror(error));
}

static int aim_tcp(struct sl_dev *self, const char *listen) {
    struct sl_endpoint endpoint;
    char error[512];
    if (sl_endpoint_read(listen, &endpoint, error, sizeof error) || endpoint.is_ipc)
        return sl_cli_fail(self->cli, SL_EXIT_USAGE, "--listen \"%.100s\" is no place to listen at: write tcp://HOST:PORT or ipc", listen);
    int failed = try_bind(&endpoint, endpoint.port);
    if (failed) return refuse_port(self, &endpoint, failed);
    (void)snprintf(self->client_listen, sizeof self->client_listen, "%.255s", listen);
    bool next_is_free = endpoint.port < 65535 && try_bind(&endpoint, (uint16_t)(endpoint.port + 1)) == 0;
    bool six = strchr(endpoint.host, ':') != NULL;
    char port[8];
    (void)snprintf(port, sizeof port, next_is_free ? "%d" : "*", endpoint.port + 1);
    (void)snprintf(self->worker_listen, sizeof self->worker_listen, "tcp://%s%.200s%s:%s", six ? "[" : "", endpoint.host,
                   six ? "]" : "", port);
    return SL_EXIT_DONE;
}

static int aim(struct sl_dev *self) {
    const char *listen = sl_cli_flag(self->cli, SL_FLAG_LISTEN);
    self->is_ipc = listen && strcmp(listen, "ipc") == 0;
    if (!self->is_ipc) return aim_tcp(self, listen ? listen : SL_CLIENT_ENDPOINT_DEFAULT);
    (void)snprintf(self->client_listen, sizeof self->client_listen, "ipc://%s/client.sock", self->folders.run);
    (void)snprintf(self->worker_listen, sizeof self->worker_listen, "ipc://%s/worker.sock", self->folders.run);
    return SL_EXIT_DONE;
}

void sl_dev_aim_broker(struct sl_dev *self) {
    sl_child_cut(&self->broker, self->broker_base);
    sl_child_add(&self->broker, "--listen");
    sl_child_add(&self->broker, "%s", self->client_listen);
    sl_child_add(&self->broker, "--listen-workers");
    sl_child_add(&self->broker, "%s", self->worker_listen);
    if (!self->incarnation[0]) return;
    sl_child_add(&self->broker, "--succeeds");
    sl_child_add(&self->broker, "%s", self->incarnation);
}

/* A flag of the broker that is ours too. */
static void pass_on(struct sl_dev *self, struct sl_child *child, enum sl_flag flag, const char *name) {
    const char *value = sl_cli_flag(self->cli, flag);
    if (!value) return;
    sl_child_add(child, "--%s", name);
    if (*value) sl_child_add(child, "%s", value);
}

/* Read once here, so that the first sentence about it is not one of the broker's log. */
/* What is wrong with the policies file, once, and with each pipeline file. */
static int check_files(struct sl_dev *self) {
    struct sl_policies policies;
    struct sl_plugins plugins;
    int code = sl_pipeline_policies_load(self->cli, NULL, &policies);
    sl_plugins_load(self->cli, &plugins);
    self->policies = code ? NULL : &policies;
    self->schemas = sl_plugins_types(&plugins);
    int found = sl_dev_add_pipelines(self);
    if (self->policies) sl_policies_fini(&policies);
    sl_plugins_fini(&plugins);
    self->policies = NULL;
    self->schemas = NULL;
    return code ? code : found;
}

static int check_retention(const struct sl_dev *self) {
    const char *time = sl_cli_flag(self->cli, SL_FLAG_RETENTION_TIME), *bytes = sl_cli_flag(self->cli, SL_FLAG_RETENTION_BYTES);
    uint64_t value;
    if (time && strcmp(time, "none") != 0 && sl_text_to_duration_ms(time, &value))
        return sl_cli_fail(self->cli, SL_EXIT_USAGE, "--retention-time \"%.32s\" is no time; say 12h, 7d, or none", time);
    if (bytes && strcmp(bytes, "none") != 0 && sl_text_to_size(bytes, &value))
        return sl_cli_fail(self->cli, SL_EXIT_USAGE, "--retention-bytes \"%.32s\" is no size; say 512M, 1G, or none", bytes);
    return SL_EXIT_DONE;
}

static int setup_broker(struct sl_dev *self) {
    sl_child_init(&self->broker, "broker", self->broker_program, "sluice-broker");
    sl_child_add(&self->broker, "--redis");
    sl_child_add(&self->broker, "unix://%s/redis.sock", self->folders.run);
    sl_child_add(&self->broker, "--ready-fd");
    sl_child_add(&self->broker, "3");
    sl_child_add(&self->broker, "--data");
    sl_child_add(&self->broker, "%s/broker", self->folders.data);
    pass_on(self, &self->broker, SL_FLAG_POLICIES, "policies");
    pass_on(self, &self->broker, SL_FLAG_TIMING, "timing");
    pass_on(self, &self->broker, SL_FLAG_RETENTION_TIME, "retention-time");
    pass_on(self, &self->broker, SL_FLAG_RETENTION_BYTES, "retention-bytes");
    pass_on(self, &self->broker, SL_FLAG_INSECURE, "insecure");
    int code = check_retention(self);
    if (code == SL_EXIT_DONE) code = check_files(self);
    self->broker_base = self->broker.argument_count;
    sl_dev_aim_broker(self);
    if (code == SL_EXIT_DONE && self->broker.overflow)
        code = sl_cli_fail(self->cli, SL_EXIT_USAGE, "there are too many pipeline files for one command; put them into a folder and name that");
    return code;
}

static int setup_workers(struct sl_dev *self) {
    const char *isolation = sl_cli_flag(self->cli, SL_FLAG_ISOLATION);
    if (isolation && strcmp(isolation, "host") != 0 && strcmp(isolation, "inline") != 0)
        return sl_cli_fail(self->cli, SL_EXIT_USAGE, "--isolation \"%.32s\" is not known; say host or inline", isolation);
    sl_plugins_warn(self->cli);
    self->workers = calloc(self->worker_count + 1, sizeof *self->workers);
    if (!self->workers) return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "out of memory");
    for (uint32_t i = 0; i < self->worker_count; i++) {
        struct sl_child *worker = &self->workers[i];
        char name[32];
        (void)snprintf(name, sizeof name, "worker-%u", i + 1);
        sl_child_init(worker, name, self->worker_program, "sluice-worker");
        sl_child_add(worker, "--name");
        sl_child_add(worker, "%s", name);
        sl_child_add(worker, "--slots");
        sl_child_add(worker, "%u", self->slots);
        sl_child_add(worker, "--data");
        sl_child_add(worker, "%s", self->folders.data);
        pass_on(self, worker, SL_FLAG_ISOLATION, "isolation");
        pass_on(self, worker, SL_FLAG_PLUGINS, "plugin-path");
        pass_on(self, worker, SL_FLAG_INSECURE, "insecure");
    }
    return SL_EXIT_DONE;
}

static int read_numbers(struct sl_dev *self) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t slots = cores < SLOTS_LEAST ? SLOTS_LEAST : cores > SLOTS_MOST ? SLOTS_MOST : (uint64_t)cores, workers;
    if (sl_cli_number(self->cli, SL_FLAG_WORKERS, WORKERS_DEFAULT, 0, SL_DEV_WORKERS_MAX, &workers)) return SL_EXIT_USAGE;
    if (sl_cli_number(self->cli, SL_FLAG_SLOTS, slots, 1, SL_WORKER_SLOTS_MAX, &slots)) return SL_EXIT_USAGE;
    self->worker_count = (uint32_t)workers;
    self->slots = (uint32_t)slots;
    return SL_EXIT_DONE;
}

static int find_programs(struct sl_dev *self) {
    const char *missing = NULL;
    if (sl_program_find("sluice-broker", self->broker_program)) missing = "sluice-broker";
    if (sl_program_find("sluice-worker", self->worker_program)) missing = "sluice-worker";
    if (!missing) return SL_EXIT_DONE;
    return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "the program %s is neither beside sluice nor in PATH; build or install all of Sluice", missing);
}

int sl_dev_setup(struct sl_dev *self) {
    int code = read_numbers(self);
    if (code == SL_EXIT_DONE) code = find_programs(self);
    if (code) return code;
    char error[SL_DEV_SENTENCE_SIZE];
    if (sl_dev_folders_open(&self->folders, sl_cli_flag(self->cli, SL_FLAG_DATA), error))
        return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "%s", error);
    code = aim(self);
    if (code == SL_EXIT_DONE) code = sl_dev_setup_redis(self);
    if (code == SL_EXIT_DONE) code = setup_broker(self);
    return code == SL_EXIT_DONE ? setup_workers(self) : code;
}
