/* The loop. ZeroMQ's descriptors are edge-triggered: a link that may have more is remembered and asked before each wait. */
#include "loop.h"

#include "clock.h"
#include "link_socket.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/list.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EVENTS_MAX = 64 }; /* a turn; the kernel hands out the others next time */

static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};

struct source {
    struct sl_link member; /* of loop->links or loop->removed; a plain descriptor's is on no list until then */
    int fd;
    struct sl_link_socket *link; /* NULL: a plain descriptor */
    sl_loop_fd_fn *on_fd;
    sl_loop_link_fn *on_link;
    void *context;
    bool ready;     /* a link to be called this turn */
    bool is_deaf;   /* a link that is not called for now */
    bool is_removed;
};

struct sl_loop {
    int epoll_fd;
    int signal_fd;
    struct source **by_fd; /* owns; plain descriptors by number */
    size_t by_fd_count;
    struct sl_list links;
    struct sl_list removed; /* freed at the end of the turn, because events may still name them */
    sl_loop_signal_fn *on_signal;
    void *signal_context;
    sl_loop_before_wait_fn *before_wait;
    void *before_wait_context;
    uint64_t now_ns;
    bool stopped;
};

static struct source *source_of(struct sl_link *member) {
    return SL_CONTAINER(member, struct source, member);
}

static sigset_t signal_set(void) {
    sigset_t set;
    (void)sigemptyset(&set); /* these cannot fail for numbers that exist */
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) (void)sigaddset(&set, signals[i]);
    return set;
}

static int watch(struct sl_loop *self, int operation, struct source *source, unsigned events) {
    struct epoll_event event = {.data.ptr = source};
    if (events & SL_LOOP_READ) event.events |= EPOLLIN;
    if (events & SL_LOOP_WRITE) event.events |= EPOLLOUT;
    return epoll_ctl(self->epoll_fd, operation, source->fd, &event) == 0 ? SL_OK : SL_E_IO;
}

static void end_source(struct sl_loop *self, struct source *source) {
    (void)watch(self, EPOLL_CTL_DEL, source, 0); /* gone already if the owner closed it: then there is nothing to do */
    source->is_removed = true;
    sl_list_prepend(&self->removed, &source->member);
}

/* A watched copy of source. 0, SL_E_NO_MEMORY, or SL_E_IO. */
static int new_source(struct sl_loop *self, struct source source, unsigned events, struct source **out_source) {
    struct source *copy = malloc(sizeof *copy);
    if (!copy) return SL_E_NO_MEMORY;
    *copy = source;
    int rc = watch(self, EPOLL_CTL_ADD, copy, events);
    if (rc) {
        free(copy);
    } else {
        *out_source = copy;
    }
    return rc;
}

static void free_all(struct sl_list *list) {
    while (list->count > 0) {
        struct source *source = source_of(sl_list_first(list));
        sl_list_remove(list, &source->member);
        free(source);
    }
}

static void take_signals(void *context, int fd, unsigned events) {
    struct sl_loop *self = context;
    struct signalfd_siginfo info;
    (void)events; /* only reading is watched */
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (self->on_signal) self->on_signal(self->signal_context, (int)info.ssi_signo);
    }
}

int sl_loop_new(struct sl_loop **out_self) {
    struct sl_loop *self = calloc(1, sizeof *self);
    sigset_t wanted = signal_set(), blocked = wanted;
    int rc = SL_E_IO;
    if (!self) return SL_E_NO_MEMORY;
    sl_list_init(&self->links);
    sl_list_init(&self->removed);
    self->now_ns = sl_clock_now_ns();
    (void)sigaddset(&blocked, SIGPIPE); /* a write to a pipe that nobody reads then just fails */
    if (pthread_sigmask(SIG_BLOCK, &blocked, NULL) != 0) goto err_after_alloc;
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll_fd < 0) goto err_after_alloc;
    self->signal_fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
    if (self->signal_fd < 0) goto err_after_epoll;
    rc = sl_loop_add_fd(self, self->signal_fd, SL_LOOP_READ, take_signals, self);
    if (rc) goto err_after_signal;
    *out_self = self;
    return SL_OK;
err_after_signal:
    free(self->by_fd);
    (void)close(self->signal_fd); /* nothing was written */
err_after_epoll:
    (void)close(self->epoll_fd); /* nothing was written */
err_after_alloc:
    free(self);
    return rc;
}

void sl_loop_free(struct sl_loop **self) {
    if (!*self) return;
    for (size_t i = 0; i < (*self)->by_fd_count; i++) free((*self)->by_fd[i]);
    free((*self)->by_fd);
    free_all(&(*self)->links);
    free_all(&(*self)->removed);
    (void)close((*self)->signal_fd); /* nothing was written */
    (void)close((*self)->epoll_fd);  /* nothing was written */
    free(*self);
    *self = NULL;
}

void sl_loop_unblock_signals(void) {
    sigset_t set = signal_set();
    (void)sigaddset(&set, SIGPIPE);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL); /* cannot fail */
}

static struct source *find_fd(const struct sl_loop *self, int fd) {
    return (size_t)fd < self->by_fd_count ? self->by_fd[fd] : NULL;
}

/* Makes by_fd reach to fd. 0, or SL_E_NO_MEMORY. */
static int reach_fd(struct sl_loop *self, int fd) {
    size_t count = self->by_fd_count ? self->by_fd_count : 64;
    while (count <= (size_t)fd) count *= 2;
    if (count == self->by_fd_count) return SL_OK;
    struct source **by_fd = realloc(self->by_fd, count * sizeof(struct source *));
    if (!by_fd) return SL_E_NO_MEMORY;
    for (size_t i = self->by_fd_count; i < count; i++) by_fd[i] = NULL;
    self->by_fd = by_fd;
    self->by_fd_count = count;
    return SL_OK;
}

static struct source *find_link(const struct sl_loop *self, const struct sl_link_socket *link) {
    for (struct sl_link *at = sl_list_first(&self->links); at; at = sl_list_next(&self->links, at)) {
        if (source_of(at)->link == link) return source_of(at);
    }
    return NULL;
}

int sl_loop_add_fd(struct sl_loop *self, int fd, unsigned events, sl_loop_fd_fn *on_ready, void *context) {
    SL_ASSERT(fd >= 0);
    SL_ASSERT(!find_fd(self, fd));
    struct source source = {.fd = fd, .on_fd = on_ready, .context = context};
    int rc = reach_fd(self, fd);
    return rc ? rc : new_source(self, source, events, &self->by_fd[fd]);
}

void sl_loop_change_fd(struct sl_loop *self, int fd, unsigned events) {
    struct source *source = find_fd(self, fd);
    SL_ASSERT(source);
    int rc = watch(self, EPOLL_CTL_MOD, source, events);
    SL_ASSERT(rc == SL_OK);
}

void sl_loop_remove_fd(struct sl_loop *self, int fd) {
    struct source *source = find_fd(self, fd);
    if (!source) return;
    self->by_fd[fd] = NULL;
    end_source(self, source);
}

static int add_link(struct sl_loop *self, struct sl_link_socket *link, sl_loop_link_fn *on_ready, void *context) {
    struct source source = {.fd = link->fd, .link = link, .on_link = on_ready, .context = context};
    struct source *added;
    int rc = new_source(self, source, SL_LOOP_READ, &added);
    if (rc == SL_OK) sl_list_append(&self->links, &added->member);
    return rc;
}

static void remove_link(struct sl_loop *self, const struct sl_link_socket *link) {
    struct source *source = find_link(self, link);
    if (!source) return;
    sl_list_remove(&self->links, &source->member);
    end_source(self, source);
}

int sl_loop_add_router(struct sl_loop *self, struct sl_router *router, sl_loop_link_fn *on_ready, void *context) {
    return add_link(self, sl_router_link(router), on_ready, context);
}

int sl_loop_add_dealer(struct sl_loop *self, struct sl_dealer *dealer, sl_loop_link_fn *on_ready, void *context) {
    return add_link(self, sl_dealer_link(dealer), on_ready, context);
}

void sl_loop_remove_router(struct sl_loop *self, struct sl_router *router) {
    remove_link(self, sl_router_link(router));
}

void sl_loop_remove_dealer(struct sl_loop *self, struct sl_dealer *dealer) {
    remove_link(self, sl_dealer_link(dealer));
}

void sl_loop_listen_router(struct sl_loop *self, struct sl_router *router, bool listen) {
    struct source *source = find_link(self, sl_router_link(router));
    SL_ASSERT(source);
    if (source->is_deaf != listen) return;
    source->is_deaf = !listen;
    source->link->drained = false;
    int rc = watch(self, EPOLL_CTL_MOD, source, listen ? SL_LOOP_READ : 0);
    SL_ASSERT(rc == SL_OK);
}

void sl_loop_on_signal(struct sl_loop *self, sl_loop_signal_fn *on_signal, void *context) {
    self->on_signal = on_signal;
    self->signal_context = context;
}

void sl_loop_before_wait(struct sl_loop *self, sl_loop_before_wait_fn *before_wait, void *context) {
    self->before_wait = before_wait;
    self->before_wait_context = context;
}

/* Asks every link whether it has something that its descriptor will not tell. */
static bool mark_ready_links(struct sl_loop *self) {
    bool any = false;
    for (struct sl_link *at = sl_list_first(&self->links); at; at = sl_list_next(&self->links, at)) {
        struct source *source = source_of(at);
        source->ready = !source->is_deaf && sl_socket_is_ready(source->link);
        any |= source->ready;
    }
    return any;
}

/* Milliseconds until the deadline, rounded up so that it has come when the wait ends; at most timeout_ms unless that is -1. */
static int wait_ms(uint64_t deadline_ns, int timeout_ms) {
    uint64_t limit_ms = timeout_ms < 0 ? INT32_MAX : (uint64_t)timeout_ms, left_ms = 0;
    if (deadline_ns == SL_LOOP_NEVER) return timeout_ms;
    uint64_t now_ns = sl_clock_now_ns();
    if (deadline_ns > now_ns) left_ms = (deadline_ns - now_ns - 1) / 1000000 + 1;
    return (int)(left_ms < limit_ms ? left_ms : limit_ms);
}

static void handle_event(const struct epoll_event *event) {
    struct source *source = event->data.ptr;
    unsigned events = 0;
    if (source->is_removed) return;
    if (source->link) {
        source->ready = !source->is_deaf;
        return;
    }
    if (event->events & EPOLLIN) events |= SL_LOOP_READ;
    if (event->events & EPOLLOUT) events |= SL_LOOP_WRITE;
    if (event->events & (EPOLLHUP | EPOLLERR)) events |= SL_LOOP_CLOSED;
    source->on_fd(source->context, source->fd, events);
}

/* Calls each ready link once. A callback may add and remove links, itself too, so the walk begins again after each. */
static void handle_links(struct sl_loop *self) {
    struct sl_link *at = sl_list_first(&self->links);
    while (at) {
        struct source *source = source_of(at);
        if (!source->ready) {
            at = sl_list_next(&self->links, at);
            continue;
        }
        source->ready = false;
        source->on_link(source->context);
        at = sl_list_first(&self->links);
    }
}

/* Ends what was done since the last wait; returns the deadline of the next one. */
static uint64_t end_turn(struct sl_loop *self) {
    uint64_t deadline_ns = self->before_wait ? self->before_wait(self->before_wait_context) : SL_LOOP_NEVER;
    free_all(&self->removed);
    return deadline_ns;
}

static int wait_and_handle(struct sl_loop *self, uint64_t deadline_ns, int timeout_ms) {
    struct epoll_event events[EVENTS_MAX];
    int wait = mark_ready_links(self) ? 0 : wait_ms(deadline_ns, timeout_ms);
    int count = epoll_wait(self->epoll_fd, events, EVENTS_MAX, wait);
    if (count < 0 && errno != EINTR) return SL_E_IO;
    self->now_ns = sl_clock_now_ns();
    for (int i = 0; i < count; i++) handle_event(&events[i]);
    handle_links(self);
    return SL_OK;
}

int sl_loop_turn(struct sl_loop *self, int timeout_ms) {
    return wait_and_handle(self, end_turn(self), timeout_ms);
}

int sl_loop_run(struct sl_loop *self) {
    self->stopped = false;
    for (;;) {
        uint64_t deadline_ns = end_turn(self);
        if (self->stopped) return SL_OK;
        int rc = wait_and_handle(self, deadline_ns, -1);
        if (rc) return rc;
    }
}

void sl_loop_stop(struct sl_loop *self) {
    self->stopped = true;
}

uint64_t sl_loop_now_ns(const struct sl_loop *self) {
    return self->now_ns;
}
