/* The client against a Redis that misbehaves: a small server inside the test, which answers what each test says. */
#include "base/err.h"
#include "shell/ledger_redis.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PEERS_MAX = 64, REPLY_MS = 100, WATCHED_MAX = 4 };

#define GOOD_SETTINGS                                                                                                  \
    "*12\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n$11\r\nappendfsync\r\n$6\r\nalways\r\n$25\r\nno-appendfsync-on-rewrite"  \
    "\r\n$2\r\nno\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n$18\r\nproto-max-bulk-len\r\n$9\r\n134217728\r\n" \
    "$25\r\nclient-query-buffer-limit\r\n$9\r\n134217728\r\n"

static char folder[] = "/tmp/sluice-stub.XXXXXX", path[64];
static int listener;
static struct {
    int fd;
    bool greeted;
} peers[PEERS_MAX];
static size_t peer_count;
static const char *ping_reply, *settings_reply, *other_reply; /* what the server says; NULL: nothing */
static bool closes; /* the server closes instead of answering anything else */

static struct sl_ledger_redis *redis;
static struct pollfd watched[WATCHED_MAX];
static size_t watched_count;
static unsigned ups, downs, replies, cut_commands;
static char why[512];
static struct sl_ledger_reply last;

static void watch(void *context, int fd, bool readable, bool writable) {
    (void)context;
    size_t i = 0;
    while (i < watched_count && watched[i].fd != fd) i++;
    if (i == watched_count) watched_count++;
    cr_assert(watched_count <= WATCHED_MAX);
    watched[i] = (struct pollfd){.fd = fd, .events = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0))};
}

static void unwatch(void *context, int fd) {
    (void)context;
    size_t i = 0;
    while (i < watched_count && watched[i].fd != fd) i++;
    cr_assert(i < watched_count);
    watched[i] = watched[--watched_count];
}

static void on_reply(void *context, const struct sl_ledger_reply *reply) {
    (void)context;
    last = *reply;
    replies++;
}

static void on_up(void *context) {
    (void)context;
    ups++;
}

static void on_down(void *context, const char *text) {
    (void)context;
    downs++;
    (void)snprintf(why, sizeof why, "%s", text); /* a long one is cut */
}

static void start(void) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    cr_assert(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/s", folder); /* fits */
    memcpy(name.sun_path, path, sizeof path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    cr_assert(bind(listener, (const struct sockaddr *)&name, sizeof name) == 0 && listen(listener, 16) == 0);
    ping_reply = "+PONG\r\n";
    settings_reply = GOOD_SETTINGS;
    struct sl_ledger_redis_config config = {.address = path, .reply_ms = REPLY_MS};
    struct sl_ledger_redis_io io = {.watch = watch, .unwatch = unwatch};
    struct sl_ledger_redis_events events = {.on_reply = on_reply, .on_up = on_up, .on_down = on_down};
    cr_assert(sl_ledger_redis_new(&config, &io, &events, &redis, why, sizeof why) == SL_OK);
}

static void end(void) {
    sl_ledger_redis_free(&redis);
    cr_assert(watched_count == 0, "a descriptor is still watched");
    for (size_t i = 0; i < peer_count; i++) (void)close(peers[i].fd); /* some are closed already */
    cr_assert(close(listener) == 0 && unlink(path) == 0 && rmdir(folder) == 0);
}

TestSuite(ledger_redis, .init = start, .fini = end, .timeout = 60);

static void say(int fd, const char *text) {
    if (text) (void)!send(fd, text, strlen(text), MSG_NOSIGNAL); /* a client that is gone hears nothing */
}

/* Answers what one connection asked. Commands come whole, for they are small and written at once. */
static void serve(size_t i) {
    char request[1 << 14];
    ssize_t size = recv(peers[i].fd, request, sizeof request - 1, MSG_DONTWAIT);
    if (size <= 0) return;
    request[size] = '\0';
    if (!peers[i].greeted) {
        peers[i].greeted = true;
        say(peers[i].fd, ping_reply);
        if (ping_reply) say(peers[i].fd, "+OK\r\n-ERR unknown\r\n");
        if (strstr(request, "CONFIG")) say(peers[i].fd, settings_reply);
    } else if (closes) {
        (void)shutdown(peers[i].fd, SHUT_RDWR); /* the test's end closes it */
    } else {
        say(peers[i].fd, other_reply);
    }
}

static uint64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void turn(void) {
    struct pollfd all[WATCHED_MAX + 1 + PEERS_MAX];
    size_t count = watched_count;
    uint64_t deadline = sl_ledger_redis_deadline_ns(redis), now = now_ns();
    memcpy(all, watched, count * sizeof *all);
    all[count] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (size_t i = 0; i < peer_count; i++) all[count + 1 + i] = (struct pollfd){.fd = peers[i].fd, .events = POLLIN};
    int ms = deadline <= now ? 0 : deadline - now > 1000000000u ? 1000 : (int)((deadline - now) / 1000000 + 1);
    cr_assert(poll(all, count + 1 + peer_count, ms) >= 0 || errno == EINTR);
    for (size_t i = 0; i < peer_count; i++) serve(i);
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0) {
        cr_assert(peer_count < PEERS_MAX);
        peers[peer_count++].fd = fd;
    }
    for (size_t i = 0; i < count; i++) {
        bool failed = (all[i].revents & (POLLERR | POLLHUP)) != 0;
        bool readable = failed || (all[i].revents & POLLIN), writable = failed || (all[i].revents & POLLOUT);
        if (readable || writable) sl_ledger_redis_ready(redis, all[i].fd, readable, writable);
    }
    sl_ledger_redis_tick(redis, now_ns());
}

static void turn_until(const unsigned *counter, unsigned value) {
    uint64_t until = now_ns() + 10000000000u;
    while (*counter < value) {
        turn();
        cr_assert(now_ns() < until, "%s", sl_ledger_redis_why(redis));
    }
}

/* Turns until the client has given up a connection for a reason with these words in it. */
static void turn_until_why(const char *words) {
    uint64_t until = now_ns() + 10000000000u;
    while (!strstr(sl_ledger_redis_why(redis), words)) {
        turn();
        cr_assert(now_ns() < until, "%s", sl_ledger_redis_why(redis));
    }
}

static void beat(uint64_t serial) {
    struct sl_ledger_call call = {.verb = SL_LEDGER_BEAT, .serial = serial, .n = 4};
    sl_ledger_redis_call(redis, &call);
}

Test(ledger_redis, comes_up_when_both_connections_are_greeted) {
    turn_until(&ups, 1);
    cr_assert(sl_ledger_redis_is_up(redis) && peer_count == 2 && downs == 0);
    other_reply = "*2\r\n$2\r\nOK\r\n$1\r\n5\r\n";
    beat(7);
    turn_until(&replies, 1);
    cr_assert(last.serial == 7 && last.status == SL_LEDGER_OK && last.n == 5);
}

static void on_command(void *context, const struct redisReply *reply) {
    (void)context;
    if (!reply) cut_commands++;
}

Test(ledger_redis, drops_what_is_asked_without_a_connection) {
    beat(1);
    size_t size = 4;
    const char *argv[] = {"PING"};
    cr_assert(sl_ledger_redis_command(redis, 1, argv, &size, on_command, NULL) == SL_E_CLOSED);
    turn_until(&ups, 1);
    for (int i = 0; i < 10; i++) sl_ledger_redis_tick(redis, now_ns());
    cr_assert(replies == 0 && cut_commands == 0);
}

Test(ledger_redis, tells_a_command_that_its_connection_was_cut) {
    size_t size = 4;
    const char *argv[] = {"PING"};
    turn_until(&ups, 1);
    cr_assert(sl_ledger_redis_command(redis, 1, argv, &size, on_command, NULL) == SL_OK);
    sl_ledger_redis_cut(redis, "the test cuts");
    cr_assert(downs == 0, "a callback came from the function that asked");
    turn_until(&downs, 1);
    cr_assert(cut_commands == 1 && strcmp(why, "the test cuts") == 0);
    turn_until(&ups, 2);
}

Test(ledger_redis, cuts_when_a_reply_is_late) {
    turn_until(&ups, 1);
    beat(1);
    uint64_t sent = now_ns();
    turn_until(&downs, 1);
    uint64_t ms = (now_ns() - sent) / 1000000;
    cr_assert(ms >= REPLY_MS - 1 && ms < REPLY_MS * 20, "after %llu ms", (unsigned long long)ms);
    cr_assert(strstr(why, "no answer within 100 ms") && replies == 0);
    turn_until(&ups, 2);
}

Test(ledger_redis, cuts_when_the_greeting_is_late) {
    ping_reply = NULL;
    turn_until_why("no answer within");
    cr_assert(ups == 0 && downs == 0);
    ping_reply = "+PONG\r\n";
    turn_until(&ups, 1);
}

Test(ledger_redis, cuts_at_garbage) {
    turn_until(&ups, 1);
    other_reply = "HTTP/1.1 400 Bad Request\r\n";
    beat(1);
    turn_until(&downs, 1);
    cr_assert(strstr(why, "what is no reply") && replies == 0, "%s", why);
}

Test(ledger_redis, cuts_at_a_reply_to_nothing) {
    turn_until(&ups, 1);
    other_reply = "*2\r\n$2\r\nOK\r\n$1\r\n5\r\n+more\r\n";
    beat(1);
    turn_until(&downs, 1);
    cr_assert(strstr(why, "a reply to nothing") && replies == 1, "%s", why);
}

Test(ledger_redis, cuts_when_redis_closes) {
    turn_until(&ups, 1);
    closes = true;
    beat(1);
    turn_until(&downs, 1);
    cr_assert(replies == 0);
    closes = false;
    turn_until(&ups, 2);
}

Test(ledger_redis, gives_the_refusal_and_then_cuts) {
    turn_until(&ups, 1);
    other_reply = "-MISCONF the disk is full\r\n*2\r\n$2\r\nOK\r\n$1\r\n5\r\n";
    beat(1);
    beat(2);
    turn_until(&downs, 1);
    cr_assert(replies == 1 && last.status == SL_LEDGER_UNAVAILABLE && last.serial == 1);
    cr_assert(strstr(why, "MISCONF the disk is full"), "%s", why);
}

Test(ledger_redis, a_command_that_redis_would_not_read_has_no_answer) {
    size_t size = 4;
    const char *argv[] = {"ECHO"};
    turn_until(&ups, 1);
    other_reply = "-BUSY a script runs\r\n";
    cr_assert(sl_ledger_redis_command(redis, 1, argv, &size, on_command, NULL) == SL_OK);
    turn_until(&downs, 1);
    cr_assert_eq(cut_commands, 1);
    cr_assert(strstr(why, "BUSY a script runs"), "%s", why);
}

Test(ledger_redis, waits_while_redis_is_loading) {
    ping_reply = "-LOADING Redis is loading the dataset in memory\r\n";
    turn_until_why("LOADING");
    ping_reply = "+PONG\r\n";
    turn_until(&ups, 1);
}

Test(ledger_redis, does_not_serve_with_settings_that_changed) {
    settings_reply = "*2\r\n$11\r\nappendfsync\r\n$8\r\neverysec\r\n";
    turn_until_why("needs `always`");
    cr_assert(ups == 0);
    settings_reply = GOOD_SETTINGS;
    turn_until(&ups, 1);
}

Test(ledger_redis, waits_longer_between_tries_up_to_a_second) {
    uint64_t waits[8];
    ping_reply = "-LOADING x\r\n";
    for (int i = 0; i < 7; i++) {
        size_t before = peer_count;
        while (peer_count < before + 2 || sl_ledger_redis_deadline_ns(redis) < now_ns()) turn();
        while (sl_ledger_redis_deadline_ns(redis) == 0 || watched_count > 0) turn();
        uint64_t deadline = sl_ledger_redis_deadline_ns(redis), now = now_ns();
        waits[i] = deadline > now ? (deadline - now) / 1000000 : 0;
    }
    cr_assert(waits[0] <= 50 && waits[5] > 500 && waits[6] <= 1000, "%llu %llu %llu", (unsigned long long)waits[0],
              (unsigned long long)waits[5], (unsigned long long)waits[6]);
}

Test(ledger_redis, sends_a_batch_larger_than_a_socket_takes) {
    static uint8_t large[4 << 20];
    turn_until(&ups, 1);
    struct sl_ledger_call call = {.verb = SL_LEDGER_COMMIT, .serial = 3, .n = 4, .body = sl_bytes(large, sizeof large)};
    sl_ledger_redis_call(redis, &call);
    sl_ledger_redis_flush(redis);
    cr_assert(sl_ledger_redis_deadline_ns(redis) > 0);
    while (replies == 0 && downs == 0) {
        if (!other_reply && sl_ledger_redis_deadline_ns(redis) != UINT64_MAX) {
            /* The server drains silently; when nothing is left to write it answers. */
            bool writes = false;
            for (size_t i = 0; i < watched_count; i++) writes = writes || (watched[i].events & POLLOUT);
            if (!writes) say(peers[0].fd, "*2\r\n$2\r\nOK\r\n$1\r\n5\r\n");
            if (!writes) other_reply = "";
        }
        turn();
    }
    cr_assert(replies == 1 && last.serial == 3 && last.n == 5, "%s", why);
}
