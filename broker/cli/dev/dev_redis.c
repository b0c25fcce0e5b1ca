/* The private Redis: deploy/redis.conf, and after it what is special here. */
#include "dev.h"

#include "base/err.h"
#include "io/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

/* The file's text stands in the program, so that an installed `sluice` needs nothing beside it. */
__asm__(".section .rodata\n"
        ".global sl_redis_conf\n"
        ".hidden sl_redis_conf\n"
        "sl_redis_conf:\n"
        ".incbin \"" SLUICE_REDIS_CONF "\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char sl_redis_conf[];

enum { MEMORY_BYTES_MIN = 256 << 20 };

/* A quarter of the machine. */
static unsigned long long memory_bytes(void) {
    struct sysinfo facts;
    unsigned long long bytes = 0;
    if (sysinfo(&facts) == 0) bytes = (unsigned long long)facts.totalram * facts.mem_unit / 4;
    return bytes > MEMORY_BYTES_MIN ? bytes : MEMORY_BYTES_MIN;
}

static int put_config(const struct sl_dev *self, FILE *file) {
    (void)fputs(sl_redis_conf, file);
    (void)fprintf(file,
                  "\n# sluice dev: later lines rank above earlier ones.\n"
                  "port 0\nunixsocket %s/redis.sock\nunixsocketperm 700\ndir \"%s/redis\"\nmaxmemory %llu\n"
                  "daemonize no\nsupervised no\nlogfile \"\"\nloglevel notice\n",
                  self->folders.run, self->folders.data, memory_bytes());
    return fclose(file) ? SL_E_IO : SL_OK;
}

static int make_files(struct sl_dev *self, char *error, size_t error_size) {
    char path[SL_DEV_PATH_SIZE + 16];
    (void)snprintf(path, sizeof path, "%s/redis", self->folders.data);
    int rc = sl_path_make(path, 0700, error, error_size);
    if (rc) return rc;
    (void)snprintf(path, sizeof path, "%s/redis.log", self->folders.data);
    self->redis_log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    (void)snprintf(path, sizeof path, "%s/redis.conf", self->folders.run);
    FILE *file = fopen(path, "we");
    rc = file ? put_config(self, file) : SL_E_IO;
    if (rc) (void)snprintf(error, error_size, "%.900s cannot be written: %s", path, strerror(errno));
    return rc;
}

/* Debian's redis-tools hold the server, under the name of a tool that becomes the server when it is called so. */
static bool find_redis(struct sl_dev *self) {
    return sl_program_find("redis-server", self->redis_program) == SL_OK ||
           sl_program_find("redis-check-rdb", self->redis_program) == SL_OK;
}

int sl_dev_setup_redis(struct sl_dev *self) {
    if (!find_redis(self))
        return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "there is no redis-server in PATH; install it: apt-get install redis-tools");
    if (strpbrk(self->folders.data, "\"\\\n\r"))
        return sl_cli_fail(self->cli, SL_EXIT_USAGE, "the data folder's path holds a quote, a backslash or a line end; choose another one");
    char error[1024];
    if (make_files(self, error, sizeof error)) return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "%s", error);
    sl_child_init(&self->redis, "redis", self->redis_program, "redis-server");
    sl_child_add(&self->redis, "%s/redis.conf", self->folders.run);
    return SL_EXIT_DONE;
}
