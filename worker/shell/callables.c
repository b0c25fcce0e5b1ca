/* The functions that pipelines name: looked at when the broker tells them, and offered with what they register. What is looked at once
 * keeps for the life of the process, like the plugins. */
#include "worker.h"

#include "base/err.h"
#include "base/limits.h"
#include "model/pipeline.h"
#include "wire/wire.h"

static bool is_there(const struct sl_worker *self, struct sl_bytes callable) {
    for (uint32_t i = 0; i < self->functions.count; i++) {
        if (sl_bytes_is(callable, self->functions.items[i].callable)) return true;
    }
    return false;
}

/* The names come from the network: only what is a library's and its function's is looked for, and only in the plugin path. */
static void add_all(struct sl_worker *self, struct sl_wire_list list) {
    struct sl_bytes callable;
    while (sl_wire_strs_next(&list, &callable)) {
        if (!sl_callable_names_library(callable) || is_there(self, callable)) continue;
        if (self->functions.count == SL_CALLABLES_MAX) return; /* told again */
        if (sl_plugins_add_function(&self->functions, self->plugins, callable)) sl_worker_out_of_memory();
    }
}

/* Of several brokers' lists together there may be too many: the newest one counts. */
static void make_room(struct sl_worker *self, struct sl_wire_list list) {
    struct sl_bytes callable;
    uint32_t count = self->functions.count;
    while (sl_wire_strs_next(&list, &callable)) count += !is_there(self, callable);
    if (count <= SL_CALLABLES_MAX || self->prober.busy) return;
    sl_plugins_fini(&self->functions);
    self->functions_looked = 0;
}

static void offer(struct sl_worker *self) {
    for (uint32_t i = self->functions_looked; i < self->functions_asked; i++) {
        const struct sl_plugin *plugin = &self->functions.items[i];
        if (plugin->reason) sl_log(SL_LOG_WARNING, "%s, which a pipeline names, is passed over: %s", plugin->callable, plugin->reason);
    }
    self->functions_looked = self->functions_asked;
    sl_session_offer(self);
    sl_worker_step(self, (struct sl_agent_event){.kind = SL_AGENT_OFFERS});
}

/* Without a prober nothing can be looked at: so it is told. */
static void give_up(struct sl_worker *self) {
    sl_log(SL_LOG_ERROR, "the prober is gone: this worker cannot look at functions that pipelines name");
    if (self->prober.fd >= 0) sl_loop_remove_fd(self->loop, self->prober.fd);
    (void)sl_prober_take(&self->prober, &self->functions, self->functions_looked, self->functions_asked); /* fails them */
    sl_prober_stop(&self->prober);
    offer(self);
}

static void look(struct sl_worker *self) {
    if (self->prober.busy || self->functions_looked == self->functions.count) return;
    self->functions_asked = self->functions.count;
    int rc = sl_prober_ask(&self->prober, &self->functions, self->functions_looked, self->functions_asked);
    if (rc == SL_E_NO_MEMORY) sl_worker_out_of_memory();
    if (rc) give_up(self);
}

static void on_prober(void *context, int fd, unsigned events) {
    struct sl_worker *self = context;
    (void)fd;
    (void)events;
    int rc = sl_prober_read(&self->prober);
    if (rc == SL_E_AGAIN) return;
    if (rc == SL_OK) rc = sl_prober_take(&self->prober, &self->functions, self->functions_looked, self->functions_asked);
    if (rc == SL_E_NO_MEMORY) sl_worker_out_of_memory();
    if (rc) {
        give_up(self);
    } else {
        offer(self);
    }
    look(self);
}

int sl_callables_new(struct sl_worker *self) {
    return sl_loop_add_fd(self->loop, self->prober.fd, SL_LOOP_READ, on_prober, self);
}

void sl_callables_free(struct sl_worker *self) {
    if (self->prober.fd >= 0) sl_loop_remove_fd(self->loop, self->prober.fd);
    sl_prober_stop(&self->prober);
    sl_plugins_fini(&self->functions);
}

int sl_callables_told(struct sl_worker *self, struct sl_bytes body) {
    struct sl_wire_callables message;
    int rc = sl_wire_callables_decode(body, &message);
    if (rc) return rc;
    make_room(self, message.callables);
    add_all(self, message.callables);
    if (self->functions_looked == self->functions.count) { /* the HELLO that said so was lost */
        sl_worker_step(self, (struct sl_agent_event){.kind = SL_AGENT_OFFERS});
    }
    look(self);
    return SL_OK;
}
