/* What `sluice dev` says when it is up. */
#include "dev.h"

#include "io/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES_SHOWN = 6 };

static void show_pipelines(const struct sl_dev *self) {
    const char *lead = "  pipelines  ";
    for (uint32_t i = 0; i + 1 < self->broker.argument_count; i++) {
        if (strcmp(self->broker.argv[i], "--pipelines") != 0) continue;
        (void)fprintf(stderr, "%s%s", lead, self->broker.argv[i + 1]);
        lead = ", ";
    }
    if (*lead != ',') return;
    lead = ": ";
    for (uint32_t i = 0; i < self->pipeline_count && i < NAMES_SHOWN; i++, lead = ", ") (void)fprintf(stderr, "%s%s", lead, self->pipelines[i]);
    if (self->pipeline_count > NAMES_SHOWN) (void)fprintf(stderr, " and %u more", self->pipeline_count - NAMES_SHOWN);
    (void)fputc('\n', stderr);
}

/* Commands that work with what was loaded; hello, which needs no documents, before others. */
static void show_next(const struct sl_dev *self) {
    const char *name = self->pipeline_count > 0 ? self->pipelines[0] : NULL;
    for (uint32_t i = 0; i < self->pipeline_count; i++)
        if (strcmp(self->pipelines[i], "hello") == 0) name = self->pipelines[i];
    (void)fputs("try: sluice pipelines list   sluice ", stderr);
    if (name) (void)fprintf(stderr, "submit %s --watch", name);
    (void)fprintf(stderr, "%s   (Ctrl-C here stops everything)\n", name ? "" : "pipelines apply FILE");
}

void sl_dev_show_banner(const struct sl_dev *self) {
    if (self->cli->quiet) return;
    bool color = self->cli->color_err;
    double seconds = (double)(sl_clock_now_ns() - self->began_at) / 1e9;
    (void)fprintf(stderr, "%ssluice dev " SLUICE_VERSION "%s    for development: one machine, no authentication\n",
                  sl_color_start(color, SL_COLOR_BOLD), sl_color_end(color));
    (void)fprintf(stderr, "  broker     %s   (up in %.2fs)\n", self->client_listen, seconds);
    (void)fprintf(stderr, "  ledger     private Redis\n  data       %s\n", self->folders.data);
    (void)fprintf(stderr, "  workers    %u x %u slots\n", self->worker_count, self->slots);
    show_pipelines(self);
    bool is_default = strcmp(self->client_listen, SL_CLIENT_ENDPOINT_DEFAULT) == 0;
    if (!is_default) (void)fprintf(stderr, "in another terminal: export SLUICE_BROKER=%s\n", self->client_listen);
    show_next(self);
}

static int write_line(int fd, const char *text) {
    char line[SL_DEV_ENDPOINT_SIZE + 2];
    int size = snprintf(line, sizeof line, "%s\n", text);
    return write(fd, line, (size_t)size) == size ? 0 : -1;
}

/* The file appears whole: it is written beside its place and then moved there. */
static int write_file(const char *path, const char *text) {
    char beside[SL_DEV_PATH_SIZE];
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside) return -1;
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return -1;
    int failed = write_line(fd, text);
    return close(fd) || failed || rename(beside, path) ? -1 : 0;
}

int sl_dev_tell_ready(const struct sl_dev *self) {
    const char *path = sl_cli_flag(self->cli, SL_FLAG_READY_FILE), *number = sl_cli_flag(self->cli, SL_FLAG_READY_FD);
    if (path && write_file(path, self->client_listen))
        return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "%.200s cannot be written", path);
    int fd = number ? atoi(number) : -1;
    if (fd >= 0 && write_line(fd, self->client_listen))
        return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "--ready-fd %d cannot be written; is it open?", fd);
    if (fd >= 0) (void)close(fd);
    return SL_EXIT_DONE;
}
