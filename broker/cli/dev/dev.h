/* The inside of `sluice dev`, for the files of this folder. */
#ifndef SL_DEV_DEV_H
#define SL_DEV_DEV_H

#include "../cli.h"
#include "../program.h"
#include "child.h"
#include "folders.h"

enum { SL_DEV_WORKERS_MAX = 64, SL_DEV_ENDPOINT_SIZE = 256 };

/* In this order they start; in the opposite one they stop. */
enum sl_dev_stage { SL_DEV_REDIS, SL_DEV_BROKER, SL_DEV_WORKERS, SL_DEV_UP };

struct sl_dev {
    struct sl_cli *cli;
    struct sl_dev_folders folders;
    char redis_program[SL_PROGRAM_PATH_SIZE];
    char broker_program[SL_PROGRAM_PATH_SIZE];
    char worker_program[SL_PROGRAM_PATH_SIZE];

    const struct sl_policies *policies; /* that pipelines may name, while these are checked; NULL: unknown. Borrows */
    const struct sl_stage_types *schemas; /* the same for what the configs of their stages may be */
    char **pipelines; /* owns; names of those that the broker is given */
    uint32_t pipeline_count;

    struct sl_child redis;
    struct sl_child broker;
    uint32_t broker_base; /* the broker's arguments that never change */
    struct sl_child *workers; /* owns */
    uint32_t worker_count;
    uint32_t slots;

    enum sl_dev_stage stage;
    bool is_ipc;
    bool serves;          /* a broker has said ready once */
    int stops;            /* signals to stop that came */
    int code;             /* exit code */
    int signal_fd;
    int redis_log_fd;     /* a file in the data folder; -1: none */
    char redis_said[SL_CHILD_LINE_SIZE]; /* its last line, for a failure */
    uint64_t began_at;    /* ns */
    uint64_t kill_at;     /* ns: patience with those who were asked to end; UINT64_MAX: none was */

    char client_listen[SL_DEV_ENDPOINT_SIZE]; /* what the broker is told; from its first "ready" on, what it serves */
    char worker_listen[SL_DEV_ENDPOINT_SIZE];
    char incarnation[40]; /* of the last broker that served */
};

/* dev_setup.c: from flags to folders, endpoints, programs and arguments. 0, or an exit code after a sentence. */
int sl_dev_setup(struct sl_dev *self);

/* dev_pipelines.c: checks the pipeline files of the command, keeps their names and passes them on to the broker. 0, or an exit code
 * after what is wrong with all of them. Forget in every case. */
int sl_dev_add_pipelines(struct sl_dev *self);
void sl_dev_forget_pipelines(struct sl_dev *self);

/* Sets the broker's arguments that depend on what happened: where it listens, whom it succeeds. */
void sl_dev_aim_broker(struct sl_dev *self);

/* dev_redis.c: writes Redis' configuration and its arguments. 0, or an exit code after a sentence. */
int sl_dev_setup_redis(struct sl_dev *self);

/* dev_show.c: the banner, the ready line. */
void sl_dev_show_banner(const struct sl_dev *self);
int sl_dev_tell_ready(const struct sl_dev *self);

#endif
