/* Before a broker serves: is this Redis the one that the configuration asks for, and is it our cluster's? Blocking; ends before the
 * loop begins. Each problem is one sentence that says what to do. */
#ifndef SL_SHELL_REDIS_CHECK_H
#define SL_SHELL_REDIS_CHECK_H

#include "base/bytes.h"

enum { SL_REDIS_WHY_SIZE = 4096, SL_CLUSTER_SALT_SIZE = 16, SL_CLUSTER_FORMAT = 1 };

/* What an acknowledged job survives (reliability, B1). */
enum sl_durability {
    SL_DURABILITY_DISK,    /* power loss of Redis' host: `appendfsync always` */
    SL_DURABILITY_PROCESS, /* the end of every process */
    SL_DURABILITY_REPLICA  /* not built yet: refused */
};

/* "disk", "process" or "replica"; SL_E_BAD_INPUT for another word. */
int sl_durability_from_text(const char *text, enum sl_durability *out_durability);
const char *sl_durability_to_text(enum sl_durability durability);

/* What a cluster is, from sl:cluster. */
struct sl_cluster {
    uint16_t shards;
    uint8_t salt[SL_CLUSTER_SALT_SIZE];
};

struct sl_redis_check {
    const char *address;           /* ledger_address.h */
    enum sl_durability durability;
    uint16_t shards;               /* of a cluster that is made now; 0: the default. An existing one keeps its own */
    bool create;                   /* false: neither cluster nor library may be made (--no-create) */
    uint32_t reply_ms;             /* 0: SL_REPLY_MS */
};

/* Checks version, role, settings, library and cluster; makes the last two when they are not there and may be made.
 * 0 with the cluster. Else out_why (SL_REDIS_WHY_SIZE bytes) holds one or more sentences, a line each, and the result is
 * SL_E_UNREACHABLE (nobody there), SL_E_AGAIN (there, but loading or busy: try again), SL_E_REFUSED (something to change first),
 * SL_E_NOT_ALLOWED (it wants a password, or this user may not), or SL_E_BAD_INPUT (the address or the durability). */
int sl_redis_check(const struct sl_redis_check *what, struct sl_cluster *out_cluster, char *out_why);

/* The settings part alone, from the reply to sl_redis_settings_command: 0, or SL_E_REFUSED with sentences in out_why. address is for
 * the sentences. A NULL reply is refused. */
struct redisReply;
int sl_redis_check_settings(const struct redisReply *reply, enum sl_durability durability, const char *address,
                            char *out_why);

/* CONFIG GET of all that is checked. */
enum { SL_REDIS_SETTINGS_ARGC = 8 };
extern const char *const sl_redis_settings_command[SL_REDIS_SETTINGS_ARGC];

#endif
