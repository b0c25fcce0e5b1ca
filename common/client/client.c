/* The socket under a session: carries out its effects, feeds it messages and time. */
#include "client_private.h"

#include "base/err.h"
#include "io/clock.h"
#include "io/entropy.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <zmq.h>

static const uint64_t ns_per_ms = 1000000;

uint64_t sl_client_now(void) {
    return sl_clock_now_ns();
}

static int open_dealer(struct sl_client *self, char *error, size_t error_size) {
    return sl_dealer_open(self->context, self->address, SL_CLIENT_MESSAGE_MAX, &self->dealer, error, error_size);
}

static int init(struct sl_client *self, const struct sl_client_cfg *cfg, char *sentence) {
    int rc = sl_endpoint_read(cfg->endpoint, &self->endpoint, sentence, SL_CLIENT_SENTENCE_SIZE);
    if (rc) return SL_E_BAD_INPUT;
    self->address = strdup(cfg->endpoint);
    if (!self->address) return SL_E_NO_MEMORY;
    struct sl_session_cfg session = {.window = cfg->window ? cfg->window : SL_CLIENT_WINDOW,
                                     .resend_ms = SL_SESSION_RESEND_MS};
    sl_entropy(&session.seed, sizeof session.seed);
    rc = sl_session_new(sl_alloc_system(), &session, &self->session);
    if (rc == SL_OK) rc = sl_link_context_new(4, &self->context);
    return rc ? rc : open_dealer(self, sentence, SL_CLIENT_SENTENCE_SIZE);
}

int sl_client_new(const struct sl_client_cfg *cfg, struct sl_client **out_self,
                  char out_sentence[SL_CLIENT_SENTENCE_SIZE]) {
    (void)snprintf(out_sentence, SL_CLIENT_SENTENCE_SIZE, "%s", sl_err_text(SL_E_NO_MEMORY));
    struct sl_client *self = calloc(1, sizeof *self);
    if (!self) return SL_E_NO_MEMORY;
    self->can_send = true;
    sl_buf_init(&self->frame, sl_alloc_system());
    /* ZeroMQ's threads inherit the mask: a signal must never find one of them that has not blocked it yet. */
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = init(self, cfg, out_sentence);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        sl_client_free(&self);
    } else {
        *out_self = self;
    }
    return rc;
}

void sl_client_free(struct sl_client **self_at) {
    struct sl_client *self = *self_at;
    if (!self) return;
    sl_dealer_free(&self->dealer, 0); /* nothing is waited for any more, so nothing needs to leave */
    sl_link_context_free(&self->context);
    sl_session_free(&self->session);
    sl_buf_fini(&self->frame);
    free(self->address);
    free(self);
    *self_at = NULL;
}

bool sl_client_has_room(const struct sl_client *self) {
    return sl_session_has_room(self->session);
}

bool sl_client_was_heard(const struct sl_client *self) {
    return sl_session_heard_at(self->session) > 0;
}

uint64_t sl_client_heard_at(const struct sl_client *self) {
    return sl_session_heard_at(self->session);
}

bool sl_client_is_refused(const struct sl_client *self) {
    return sl_endpoint_is_refused(&self->endpoint);
}

void sl_client_watch_ends_only(struct sl_client *self) {
    sl_session_watch_ends_only(self->session);
}

int sl_client_watch(struct sl_client *self, struct sl_job_id job) {
    return sl_session_watch(self->session, sl_client_now(), job);
}

void sl_client_unwatch(struct sl_client *self, struct sl_job_id job) {
    sl_session_unwatch(self->session, job);
}

static int reconnect(struct sl_client *self) {
    char error[256];
    sl_dealer_free(&self->dealer, 0);
    self->can_send = true;
    return open_dealer(self, error, sizeof error);
}

static void send_frame(struct sl_client *self, struct sl_bytes frame) {
    if (sl_dealer_send(self->dealer, frame) == SL_OK) return;
    sl_session_send_failed(self->session); /* no connection, or no room: it waits in the session */
    self->can_send = false;
}

/* Carries out effects until one is for the caller (then true), or there is none left. */
static bool carry_out(struct sl_client *self, struct sl_session_effect *out_event, int *out_rc) {
    struct sl_session_effect effect;
    *out_rc = SL_OK;
    while (sl_session_next(self->session, sl_client_now(), self->can_send, &effect)) {
        if (effect.kind == SL_SESSION_CONNECT) {
            *out_rc = reconnect(self);
            if (*out_rc) return false;
        } else if (effect.kind == SL_SESSION_SEND) {
            send_frame(self, effect.frame);
        } else {
            *out_event = effect;
            return true;
        }
    }
    return false;
}

/* Feeds one message, if there is one. */
static bool receive(struct sl_client *self) {
    struct sl_bytes frame;
    if (sl_dealer_receive(self->dealer, &frame)) return false;
    self->can_send = true; /* who speaks is connected */
    (void)sl_session_receive(self->session, sl_client_now(), frame); /* what is not understood is ignored */
    return true;
}

static long wait_ms(uint64_t now, uint64_t at) {
    if (at <= now) return 0;
    uint64_t wait = (at - now + ns_per_ms - 1) / ns_per_ms;
    return wait < 60000 ? (long)wait : 60000;
}

/* Waits for a message, room to send, a deadline, or wake_fd. */
static int wait(struct sl_client *self, uint64_t now, uint64_t until, int wake_fd) {
    uint64_t at = sl_session_deadline(self->session);
    zmq_pollitem_t items[2] = {
        {.socket = sl_dealer_socket(self->dealer), .events = (short)(ZMQ_POLLIN | (self->can_send ? 0 : ZMQ_POLLOUT))},
        {.fd = wake_fd, .events = ZMQ_POLLIN},
    };
    int count = zmq_poll(items, wake_fd >= 0 ? 2 : 1, wait_ms(now, at < until ? at : until));
    if (count < 0) return errno == EINTR ? SL_OK : SL_E_IO;
    if (items[0].revents & ZMQ_POLLOUT) self->can_send = true;
    return wake_fd >= 0 && items[1].revents ? SL_E_CLOSED : SL_OK;
}

int sl_client_next(struct sl_client *self, uint64_t until, int wake_fd, struct sl_session_effect *out_event) {
    for (bool looked = false;;) {
        int rc;
        if (carry_out(self, out_event, &rc)) return SL_OK;
        if (rc) return rc;
        if (receive(self)) continue;
        uint64_t now = sl_client_now();
        if (sl_session_deadline(self->session) <= now) {
            sl_session_tick(self->session, now);
            continue;
        }
        if (now >= until && looked) return SL_E_TIMEOUT;
        looked = now >= until; /* at least once, so that `until` in the past is a look at what is there */
        rc = wait(self, now, until, wake_fd);
        if (rc) return rc;
    }
}

int sl_client_call(struct sl_client *self, uint64_t id, int wake_fd, struct sl_session_done *out_done) {
    struct sl_session_effect event;
    for (;;) {
        int rc = sl_client_next(self, UINT64_MAX, wake_fd, &event);
        if (rc == SL_E_TIMEOUT) continue;
        if (rc) return rc;
        if (event.kind != SL_SESSION_DONE || event.done.id != id) continue;
        *out_done = event.done;
        return SL_OK;
    }
}
