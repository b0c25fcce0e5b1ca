/* Stage hosts in the loop: their sockets, their output, their ends. */
#include "worker.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DETAIL_MAX = SL_REASON_MAX - 64, DEAD_READS_MAX = 4096, OUTPUT_READS_MAX = 16 /* of a pipe as large as one may be made */ };

static void host_event(struct sl_worker *self, const struct sl_host *host, struct sl_agent_event event) {
    event.host = host->index;
    sl_worker_step(self, event);
}

static void broken(struct sl_worker *self, struct sl_host *host, const char *sentence) {
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_BROKEN};
    event.text = sl_text(sentence);
    if (host->channel >= 0) {
        sl_loop_remove_fd(self->loop, host->channel);
        (void)close(host->channel);
        host->channel = -1;
    }
    host_event(self, host, event);
}

/* What the host wrote, for people who look at the log closely; the agent gets the end of it if the attempt fails. */
static void log_output(const struct sl_host *host, struct sl_bytes bytes) {
    if (bytes.size == 0 || !sl_log_is_on(SL_LOG_DEBUG)) return;
    const struct sl_log_field fields[] = {sl_log_number("slot", host->index), sl_log_text("output", bytes)};
    sl_log_with(SL_LOG_DEBUG, fields, 2, "a stage host wrote");
}

static void read_output(struct sl_worker *self, struct sl_host *host) {
    struct sl_bytes bytes;
    int closed;
    sl_host_read_output(host, &bytes, &closed);
    log_output(host, bytes);
    if (closed < 0) return;
    sl_loop_remove_fd(self->loop, closed);
    (void)close(closed);
}

static void on_output(void *context, int fd, unsigned events) {
    struct sl_worker *self = context;
    (void)events;
    for (uint32_t i = 0; i < self->options->slots; i++) {
        if (self->hosts[i].output == fd) read_output(self, &self->hosts[i]);
    }
}

static void on_result(struct sl_worker *self, struct sl_host *host, const struct sl_pipe_result *result) {
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DONE, .nonce = result->nonce};
    struct sl_buf tail;
    sl_buf_init(&tail, sl_alloc_system());
    if (result->outcome != SL_OUTCOME_DONE) sl_host_words(host, DETAIL_MAX, &tail);
    event.done.result = (struct sl_agent_result){
        .outcome = result->outcome,
        .value_count = result->value_count,
        .values = result->values,
        .output = result->output,
        .count = result->count,
        .duration_us = result->duration_us,
        .error = result->error,
        .detail = sl_buf_bytes(&tail),
    };
    sl_host_answered(host, result->nonce);
    host_event(self, host, event);
    sl_buf_fini(&tail);
}

static int on_note(struct sl_worker *self, struct sl_host *host, unsigned kind, struct sl_bytes body) {
    struct sl_pipe_note note;
    bool is_field = kind == SL_PIPE_FIELD;
    int rc = is_field ? sl_pipe_read_field(body, &note) : sl_pipe_read_progress(body, &note);
    if (rc) return rc;
    struct sl_agent_event event = {.kind = is_field ? SL_AGENT_HOST_FIELD : SL_AGENT_HOST_PROGRESS, .nonce = note.nonce};
    if (is_field) {
        event.field.name = note.name;
        event.field.value = note.value;
    } else {
        event.progress.done = note.done;
        event.progress.total = note.total;
    }
    host_event(self, host, event);
    return SL_OK;
}

static int on_frame(struct sl_worker *self, struct sl_host *host, unsigned kind, struct sl_bytes body) {
    struct sl_pipe_result result;
    int rc;
    switch (kind) {
    case SL_PIPE_READY: host_event(self, host, (struct sl_agent_event){.kind = SL_AGENT_HOST_READY}); return SL_OK;
    case SL_PIPE_RESULT:
        rc = sl_pipe_read_result(body, &result);
        if (rc == SL_OK) on_result(self, host, &result);
        return rc;
    case SL_PIPE_PROGRESS:
    case SL_PIPE_FIELD: return on_note(self, host, kind, body);
    default: return SL_E_BAD_INPUT;
    }
}

/* Takes every whole frame that was read. */
static void take_frames(struct sl_worker *self, struct sl_host *host) {
    struct sl_bytes body;
    unsigned kind;
    int rc = 0;
    while (host->channel >= 0 && (rc = sl_host_frame(host, &body, &kind)) > 0) {
        rc = on_frame(self, host, kind, body);
        if (rc) break;
    }
    if (rc) broken(self, host, "the stage wrote something of its own to the socket of its host");
}

/* The output is read after the frames and before they are taken: all that an attempt wrote before its answer is there then. */
static void on_channel(void *context, int fd, unsigned events) {
    struct sl_worker *self = context;
    struct sl_host *host = NULL;
    for (uint32_t i = 0; i < self->options->slots; i++) {
        if (self->hosts[i].channel == fd) host = &self->hosts[i];
    }
    if (!host) return;
    if (events & SL_LOOP_WRITE) sl_stages_flush(self);
    if (!(events & (SL_LOOP_READ | SL_LOOP_CLOSED))) return;
    int rc = sl_host_read(host);
    read_output(self, host);
    if (rc == SL_E_NO_MEMORY) sl_worker_out_of_memory();
    if (rc == SL_E_CLOSED) {
        broken(self, host, "the stage closed the socket of its host");
        return;
    }
    if (rc > 0) take_frames(self, host);
}

static void close_host(struct sl_worker *self, struct sl_host *host) {
    if (host->channel >= 0) sl_loop_remove_fd(self->loop, host->channel);
    if (host->output >= 0) sl_loop_remove_fd(self->loop, host->output);
    sl_host_close(host);
}

/* A process that was started although not all of this worked ends when its socket is closed. */
void sl_stages_start(struct sl_worker *self, uint32_t index) {
    struct sl_host *host = &self->hosts[index];
    struct sl_host_ends ends;
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DIED, .host = index};
    int rc = sl_host_open(host, &ends);
    if (rc == SL_OK) {
        rc = sl_spawner_host_start(&self->spawner, index, host->generation, ends.channel, ends.claims, ends.output);
        sl_host_close_ends(&ends);
    }
    if (rc == SL_OK) rc = sl_loop_add_fd(self->loop, host->channel, SL_LOOP_READ, on_channel, self);
    if (rc == SL_OK) rc = sl_loop_add_fd(self->loop, host->output, SL_LOOP_READ, on_output, self);
    if (rc) {
        sl_log(SL_LOG_ERROR, "no stage host can be started: %s", sl_err_text(rc));
        close_host(self, host); /* the loop must not know a descriptor that the next start may use */
        event.died.status = -1;
        (void)sl_worker_later(self, &event, sl_bytes(NULL, 0));
        return;
    }
    if (sl_buf_append(&host->out, self->setup.data, self->setup.size)) sl_worker_out_of_memory();
}

void sl_stages_define(struct sl_worker *self, uint32_t index, struct sl_digest digest, struct sl_bytes canonical) {
    sl_pipe_put_define(&self->hosts[index].out, digest, canonical);
}

void sl_stages_give(struct sl_worker *self, uint32_t index, const struct sl_agent_task *task) {
    sl_host_give(&self->hosts[index], task);
    if (self->hosts[index].out.failed) sl_worker_out_of_memory();
}

void sl_stages_reclaim(struct sl_worker *self, uint32_t index, uint64_t nonce) {
    const struct sl_agent_event event = {.kind = SL_AGENT_HOST_RECLAIMED, .host = index, .nonce = nonce};
    if (sl_host_reclaim(&self->hosts[index], nonce)) (void)sl_worker_later(self, &event, sl_bytes(NULL, 0));
}

/* It sees the end of its frames; its own answer to that, the end of the socket, is awaited as any other. */
void sl_stages_end(struct sl_worker *self, uint32_t index) {
    if (self->hosts[index].channel >= 0) (void)shutdown(self->hosts[index].channel, SHUT_WR); /* fails for one that is gone */
}

void sl_stages_signal(struct sl_worker *self, uint32_t index, int number) {
    (void)sl_spawner_host_signal(&self->spawner, index, self->hosts[index].generation, number); /* its loss is noticed elsewhere */
}

void sl_stages_flush(struct sl_worker *self) {
    for (uint32_t i = 0; i < self->options->slots; i++) {
        struct sl_host *host = &self->hosts[i];
        if (host->out.size == 0 || host->channel < 0) continue;
        bool waits = sl_host_flush(host) == SL_E_AGAIN; /* one that is closed is noticed by reading */
        if (waits == host->out_waits) continue;
        host->out_waits = waits;
        sl_loop_change_fd(self->loop, host->channel, waits ? SL_LOOP_READ | SL_LOOP_WRITE : SL_LOOP_READ);
    }
}

/* Everything that a dead host said before its end. */
static void read_rest(struct sl_worker *self, struct sl_host *host) {
    for (int i = 0; i < DEAD_READS_MAX && host->channel >= 0; i++) {
        if (sl_host_read(host) <= 0) break;
        read_output(self, host);
        take_frames(self, host);
    }
    uint64_t total = UINT64_MAX;
    for (int i = 0; i < OUTPUT_READS_MAX && host->tail.total != total; i++) {
        total = host->tail.total;
        read_output(self, host);
    }
}

/* What nobody asked for and no attempt will be told of is said here. */
static void log_end(const struct sl_host *host, const struct sl_spawner_report *report, struct sl_bytes tail) {
    bool was_told = report->killed || report->signal == SIGTERM;
    bool matters = host->place_count || report->status || (report->signal && !was_told);
    bool is_runaway = report->signal == SIGXCPU && host->place_count == 0;
    const struct sl_log_field fields[] = {sl_log_number("slot", host->index), sl_log_number("signal", (uint64_t)report->signal),
                                          sl_log_number("status", (uint64_t)(report->status < 0 ? 0 : report->status)),
                                          sl_log_text("output", tail)};
    sl_log_with(matters ? SL_LOG_WARNING : SL_LOG_DEBUG, fields, 4, "a stage host ended%s",
                is_runaway ? " by SIGXCPU: a stage that had returned left a thread running in it" : "");
}

static void on_died(struct sl_worker *self, const struct sl_spawner_report *report) {
    struct sl_host *host = &self->hosts[report->host];
    if (report->generation != host->generation) return;
    struct sl_buf tail;
    sl_buf_init(&tail, sl_alloc_system());
    read_rest(self, host);
    sl_host_words(host, DETAIL_MAX, &tail);
    struct sl_agent_event event = {.kind = SL_AGENT_HOST_DIED};
    event.died.signal = report->signal;
    event.died.status = report->status;
    event.died.begun = sl_host_has_begun(host);
    event.died.killed = report->killed != 0;
    event.died.tail = sl_buf_bytes(&tail);
    log_end(host, report, sl_buf_bytes(&tail));
    close_host(self, host);
    host_event(self, host, event);
    sl_buf_fini(&tail);
}

static void on_spawner(void *context, int fd, unsigned events) {
    struct sl_worker *self = context;
    struct sl_spawner_report report;
    (void)events;
    int rc;
    while ((rc = sl_spawner_report(&self->spawner, &report)) == SL_OK) on_died(self, &report);
    if (rc != SL_E_CLOSED) return;
    sl_log(SL_LOG_ERROR, "the spawner is gone, and every stage host with it; this worker leaves");
    sl_loop_remove_fd(self->loop, fd);
    for (uint32_t i = 0; i < self->options->slots; i++) {
        read_rest(self, &self->hosts[i]);
        close_host(self, &self->hosts[i]);
    }
    sl_worker_step(self, (struct sl_agent_event){.kind = SL_AGENT_SPAWNER_LOST});
}

/* The frame that tells a host who offers what. */
static void make_setup(struct sl_worker *self) {
    struct sl_buf directories, providers;
    sl_buf_init(&directories, sl_alloc_system());
    sl_buf_init(&providers, sl_alloc_system());
    struct sl_pipe_setup setup = {.data_directory = sl_text(self->options->data)};
    for (uint32_t i = 0; i < self->plugins->directory_count; i++) sl_mp_key(&directories, self->plugins->directories[i]);
    for (uint32_t i = 0; i < self->plugins->count; i++) {
        const struct sl_plugin *plugin = &self->plugins->items[i];
        for (uint32_t k = 0; k < plugin->type_count; k++) {
            if (!plugin->types[k].is_first) continue;
            sl_mp_str(&providers, plugin->types[k].name);
            sl_mp_key(&providers, plugin->path);
            setup.provider_count++;
        }
    }
    setup.directory_count = self->plugins->directory_count;
    setup.directories = sl_buf_bytes(&directories);
    setup.providers = sl_buf_bytes(&providers);
    sl_pipe_put_setup(&self->setup, &setup);
    if (directories.failed || providers.failed || self->setup.failed) sl_worker_out_of_memory();
    sl_buf_fini(&directories);
    sl_buf_fini(&providers);
}

int sl_stages_new(struct sl_worker *self) {
    sl_buf_init(&self->setup, sl_alloc_system());
    self->hosts = calloc(self->options->slots, sizeof *self->hosts);
    if (!self->hosts) return SL_E_NO_MEMORY;
    for (uint32_t i = 0; i < self->options->slots; i++) sl_host_init(&self->hosts[i], i);
    make_setup(self);
    return sl_loop_add_fd(self->loop, self->spawner.fd, SL_LOOP_READ, on_spawner, self);
}

void sl_stages_free(struct sl_worker *self) {
    if (self->spawner.fd >= 0) sl_loop_remove_fd(self->loop, self->spawner.fd);
    for (uint32_t i = 0; self->hosts && i < self->options->slots; i++) {
        close_host(self, &self->hosts[i]);
        sl_host_fini(&self->hosts[i]);
    }
    free(self->hosts);
    sl_buf_fini(&self->setup);
    sl_spawner_stop(&self->spawner);
}
