/* A private redis-server for one test: on a unix socket in a fresh temporary folder, with deploy/redis.conf and what the test
 * overrides. It ends with the test, whatever happens to the test. */
#ifndef SUPPORT_REDIS_SERVER_H
#define SUPPORT_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_server;

/* Starts a server and waits until it answers PING. overrides: setting, value, setting, value, ..., NULL; or NULL. "dir" among them
 * says where its data lies, instead of the temporary folder. 0; SL_E_NOT_FOUND when no Redis is installed; SL_E_IO when it does not
 * come up (what it said is on stderr). */
int redis_server_start(const char *const *overrides, struct redis_server **out_self);

/* Ends it with SIGKILL and removes its folder; sets *self to NULL. NULL is allowed. */
void redis_server_free(struct redis_server **self);

/* Where it listens. Borrowed as long as the server object lives, also while the process is down. */
const char *redis_server_socket(const struct redis_server *self);
pid_t redis_server_pid(const struct redis_server *self);

/* kill -9; returns when the process is gone. */
void redis_server_kill(struct redis_server *self);
/* Sends a signal and does not wait (SIGSTOP, SIGCONT). */
void redis_server_signal(struct redis_server *self, int signal);
/* Waits until the process ended by itself, at most milliseconds. */
bool redis_server_wait_end(struct redis_server *self, int milliseconds);
/* Starts again over the same folder. As redis_server_start. */
int redis_server_restart(struct redis_server *self);
/* Starts the process and does not wait until it answers. */
int redis_server_begin(struct redis_server *self);
/* A setting of the next start, in place of what it was. */
void redis_server_override(struct redis_server *self, const char *setting, const char *value);
/* The temporary folder. */
const char *redis_server_folder(const struct redis_server *self);

#endif
