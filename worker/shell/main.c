/* sluice-worker: options, plugins, spawner, then the loop; in this order, because each may have no thread or child of a later one. */
#include "worker.h"

#include "environment.h"

#include "base/err.h"
#include "io/json.h"
#include "io/path.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, ERROR_SIZE = 1024, HOST_GRACE_MS = 1000, HOST_ATTEMPTS_MAX = 1000, HOST_AGE_MIN_MS = 10000 };

static int say(int status, const char *error) {
    (void)fprintf(stderr, "sluice-worker: %s\n", error);
    return status;
}

static int list_plugins(const struct sl_plugins *plugins, bool as_json) {
    struct sl_buf buf, text;
    sl_buf_init(&buf, sl_alloc_system());
    sl_buf_init(&text, sl_alloc_system());
    if (as_json) {
        sl_plugins_to_msgpack(plugins, &buf);
        if (sl_msgpack_to_json(sl_buf_bytes(&buf), true, &text)) text.failed = true;
        (void)sl_buf_append(&text, "\n", 1); /* kept in text.failed */
    } else {
        sl_plugins_to_text(plugins, &text);
    }
    bool written = !buf.failed && !text.failed && fwrite(text.data, 1, text.size, stdout) == text.size && fflush(stdout) == 0;
    sl_buf_fini(&buf);
    sl_buf_fini(&text);
    return written ? 0 : EXIT_FAILED;
}

static void log_plugins(const struct sl_plugins *plugins) {
    for (uint32_t i = 0; i < plugins->count; i++) {
        const struct sl_plugin *plugin = &plugins->items[i];
        if (plugin->reason) sl_log(SL_LOG_WARNING, "a plugin is passed over: %s", plugin->reason);
        if (plugin->state == SL_PLUGIN_SHADOWED) {
            sl_log(SL_LOG_WARNING, "every stage type of %s is offered by an earlier plugin", plugin->path);
        }
    }
}

/* The data folder belongs to whoever runs the stages. */
static int make_data(const struct sl_options *options, char *error, size_t error_size) {
    int rc = sl_path_make(options->data, 0777, error, error_size);
    if (rc || !options->stage_user || geteuid() != 0) return rc;
    const struct passwd *user = getpwnam(options->stage_user);
    if (user && chown(options->data, user->pw_uid, user->pw_gid) != 0) {
        (void)snprintf(error, error_size, "%.512s cannot be given to %.64s: %s", options->data, options->stage_user, strerror(errno));
        return SL_E_REFUSED;
    }
    return SL_OK;
}

static void on_signal(void *context, int number) {
    struct sl_worker *self = context;
    static bool again;
    if (number == SIGCHLD) return; /* the spawner reports */
    sl_log(SL_LOG_INFO, again ? "leaving at once" : "leaving: nothing new is taken, what runs may end");
    sl_worker_step(self, (struct sl_agent_event){.kind = again ? SL_AGENT_STOP : SL_AGENT_DRAIN});
    again = true;
}

static uint64_t before_wait(void *context) {
    struct sl_worker *self = context;
    if (sl_loop_now_ns(self->loop) >= sl_agent_deadline(self->agent)) {
        sl_worker_step(self, (struct sl_agent_event){.kind = SL_AGENT_TICK});
    }
    sl_stages_flush(self);
    sl_session_flush(self);
    return sl_agent_deadline(self->agent);
}

static int make_agent(struct sl_worker *self) {
    const struct sl_options *options = self->options;
    sl_spool_init(&self->spool, options->data, options->spool_bytes);
    const struct sl_agent_config config = {
        .host_count = options->slots,
        .prefetch = options->prefetch,
        .grace_ms = options->grace_ms,
        .drain_ms = options->drain_ms,
        .host_attempts_max = HOST_ATTEMPTS_MAX,
        .host_age_min_ms = HOST_AGE_MIN_MS,
        .heartbeat_ms = options->heartbeat_ms,
        .lost_ms = options->lost_ms,
        .spool = options->spool_bytes ? &self->spool.alloc : NULL,
        .types = self->agent_types,
        .type_count = self->agent_type_count,
    };
    return sl_agent_new(sl_alloc_system(), &config, &self->agent);
}

static int run(struct sl_worker *self) {
    char error[ERROR_SIZE] = "out of memory";
    (void)signal(SIGXFSZ, SIG_IGN); /* the spool may meet a limit; stage hosts get the default back */
    int rc = sl_loop_new(&self->loop);
    if (rc == SL_OK) rc = sl_stages_new(self);
    if (rc == SL_OK) rc = sl_inline_new(self);
    if (rc == SL_OK) rc = make_agent(self);
    if (rc == SL_OK) rc = sl_callables_new(self);
    if (rc == SL_OK) rc = sl_session_new(self, error, sizeof error);
    if (rc) return say(EXIT_FAILED, error);
    sl_loop_on_signal(self->loop, on_signal, self);
    sl_loop_before_wait(self->loop, before_wait, self);
    sl_worker_step(self, (struct sl_agent_event){.kind = SL_AGENT_START});
    sl_worker_step(self, (struct sl_agent_event){.kind = SL_AGENT_CONNECTED});
    rc = sl_loop_run(self->loop);
    return rc ? EXIT_FAILED : self->status;
}

static void free_worker(struct sl_worker *self) {
    sl_agent_free(&self->agent);
    if (self->loop) {
        sl_session_free(self);
        sl_stages_free(self);
        sl_inline_free(self);
        sl_callables_free(self);
    }
    free(self->pending);
    sl_loop_free(&self->loop);
}

/* Stage hosts are the program that looked at the plugins, with the same rights. */
static int start_spawner(const struct sl_options *options, const struct sl_probing *probing, struct sl_spawner *out_spawner) {
    char error[ERROR_SIZE];
    const struct sl_spawner_config config = {
        .program = probing->program,
        .environment = probing->environment,
        .rights = probing->rights,
        .host_count = options->slots,
        .grace_ms = HOST_GRACE_MS,
    };
    int rc = make_data(options, error, sizeof error);
    if (rc == SL_OK) rc = sl_spawner_start(&config, out_spawner, error, sizeof error);
    return rc ? say(EXIT_FAILED, error) : 0;
}

static int with_plugins(const struct sl_options *options, const struct sl_plugins *plugins, const struct sl_probing *probing) {
    if (options->list_plugins) return list_plugins(plugins, options->as_json);
    struct sl_worker worker = {.options = options, .plugins = plugins, .prober = {.fd = -1}, .spawner = {.fd = -1}};
    log_plugins(plugins);
    if (options->insecure) sl_log(SL_LOG_WARNING, "--insecure: what goes to and from %s is not encrypted", options->broker);
    char error[ERROR_SIZE];
    if (sl_prober_start(probing, &worker.prober, error, sizeof error)) return say(EXIT_FAILED, error);
    int status = start_spawner(options, probing, &worker.spawner);
    if (status) {
        sl_prober_stop(&worker.prober);
        return status;
    }
    status = run(&worker);
    free_worker(&worker);
    return status;
}

int main(int argc, char **argv) {
    char error[ERROR_SIZE], program[SL_PATH_SIZE + 32], data[SL_PATH_SIZE];
    struct sl_options options;
    struct sl_plugins plugins;
    int rc = sl_options_read(argc, argv, &options, error, sizeof error);
    if (rc) return rc > 0 ? 0 : say(EXIT_USAGE, error);
    sl_log_open("worker", options.log_level, SL_LOG_AUTO);
    if (sl_path_absolute(options.data, data, sizeof data)) return say(EXIT_USAGE, "--data is no path");
    (void)snprintf(options.data, sizeof options.data, "%s", data);
    (void)snprintf(program, sizeof program, "%s/sluice-stagehost", options.program_directory);
    struct sl_probing probing = {.program = program, .timeout_ms = options.probe_ms, .rights.limits = options.stage_limits};
    if (sl_host_rights_of(options.stage_user, &probing.rights, error, sizeof error)) return say(EXIT_FAILED, error);
    char **environment = sl_environment_for_stages(options.pass_env, options.pass_env_count);
    if (!environment || sl_plugins_find(options.plugins, options.plugin_count, options.plugin_path, &plugins)) {
        return say(EXIT_FAILED, "out of memory");
    }
    probing.environment = environment;
    rc = sl_plugins_probe(&plugins, &probing);
    sl_plugins_rank(&plugins);
    int status = rc ? say(EXIT_FAILED, "out of memory") : with_plugins(&options, &plugins, &probing);
    sl_plugins_fini(&plugins);
    free(environment);
    return status;
}
