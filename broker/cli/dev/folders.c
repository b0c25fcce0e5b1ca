/* A lock by flock(2), which the kernel gives back however we end. Redis holds it too, so that nobody starts a second one on the
 * same files while the first is still being killed. */
#include "folders.h"

#include "base/err.h"
#include "io/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the lock's file says: three lines. */
struct note {
    int pid;
    char run[SL_DEV_RUN_SIZE];
    char endpoint[256];
};

int sl_dev_data_path(const char *data, char out_path[SL_DEV_PATH_SIZE], char error[SL_DEV_SENTENCE_SIZE]) {
    char path[SL_DEV_PATH_SIZE];
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (data) {
        (void)snprintf(path, sizeof path, "%s", data);
    } else if (state && state[0] == '/') {
        (void)snprintf(path, sizeof path, "%s/sluice/dev", state);
    } else if (home && *home) {
        (void)snprintf(path, sizeof path, "%s/.local/state/sluice/dev", home);
    } else {
        (void)snprintf(error, SL_DEV_SENTENCE_SIZE, "there is no HOME to keep data in; say where: --data DIR");
        return SL_E_REFUSED;
    }
    /* Room for the names of files in it. */
    int rc = sl_path_absolute(path, out_path, SL_DEV_PATH_SIZE - 64);
    if (rc) (void)snprintf(error, SL_DEV_SENTENCE_SIZE, "the data folder \"%.100s\" cannot be used: %s", path, sl_err_text(rc));
    return rc;
}

static void read_note(int fd, struct note *out_note) {
    char text[512];
    *out_note = (struct note){0};
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    if (size <= 0) return;
    text[size] = '\0';
    (void)sscanf(text, "%d\n%63s\n%255s", &out_note->pid, out_note->run, out_note->endpoint);
}

/* Only a folder that has our name is ever emptied, and only of what is directly in it. */
static void remove_run(const char *run) {
    const char *slash = strrchr(run, '/');
    if (!slash || strncmp(slash + 1, "sluice-dev.", 11) != 0) return;
    DIR *folder = opendir(run);
    struct dirent *entry;
    while (folder && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder) (void)closedir(folder);
    (void)rmdir(run);
}

static bool is_alive(int pid) {
    return pid > 0 && (kill(pid, 0) == 0 || errno != ESRCH);
}

static int take_lock(struct sl_dev_folders *self, char *error) {
    char path[SL_DEV_PATH_SIZE + 8];
    (void)snprintf(path, sizeof path, "%s/lock", self->data);
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock_fd < 0) {
        (void)snprintf(error, SL_DEV_SENTENCE_SIZE, "the data folder %.1000s cannot be written: %s", self->data, strerror(errno));
        return SL_E_REFUSED;
    }
    struct note note;
    read_note(self->lock_fd, &note);
    int failed = flock(self->lock_fd, LOCK_EX | LOCK_NB);
    /* Its dev was killed and its children are ending at this moment: that is worth waiting for. */
    if (failed && !is_alive(note.pid)) failed = flock(self->lock_fd, LOCK_EX);
    if (!failed) {
        remove_run(note.run);
        return SL_OK;
    }
    (void)close(self->lock_fd);
    self->lock_fd = -1;
    (void)snprintf(error, SL_DEV_SENTENCE_SIZE,
                   "the data folder %.1000s is used by another \"sluice dev\" (pid %d, at %s); stop it, or give this one another folder: --data DIR",
                   self->data, note.pid, note.endpoint[0] ? note.endpoint : "an unknown endpoint");
    return SL_E_EXISTS;
}

static int make_run(struct sl_dev_folders *self, char *error) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    bool usable = runtime && runtime[0] == '/' && strlen(runtime) <= 32 && access(runtime, W_OK) == 0;
    (void)snprintf(self->run, sizeof self->run, "%s/sluice-dev.XXXXXX", usable ? runtime : "/tmp");
    if (mkdtemp(self->run)) return SL_OK;
    (void)snprintf(error, SL_DEV_SENTENCE_SIZE, "no folder for sockets can be made in %s: %s", usable ? runtime : "/tmp", strerror(errno));
    self->run[0] = '\0';
    return SL_E_IO;
}

int sl_dev_folders_open(struct sl_dev_folders *self, const char *data, char *error) {
    *self = (struct sl_dev_folders){.lock_fd = -1};
    int rc = sl_dev_data_path(data, self->data, error);
    if (rc) return rc;
    char why[1024];
    rc = sl_path_make(self->data, 0700, why, sizeof why);
    if (rc) {
        (void)snprintf(error, SL_DEV_SENTENCE_SIZE, "the data folder cannot be made: %s", why);
        return rc;
    }
    rc = take_lock(self, error);
    if (rc == SL_OK) rc = make_run(self, error);
    if (rc == SL_OK) sl_dev_folders_note(self, "");
    return rc;
}

void sl_dev_folders_note(const struct sl_dev_folders *self, const char *endpoint) {
    char text[512];
    int size = snprintf(text, sizeof text, "%d\n%s\n%s\n", (int)getpid(), self->run, endpoint);
    if (ftruncate(self->lock_fd, 0) == 0) (void)!pwrite(self->lock_fd, text, (size_t)size, 0);
}

void sl_dev_folders_close(struct sl_dev_folders *self) {
    if (self->run[0]) remove_run(self->run);
    if (self->lock_fd >= 0) (void)!ftruncate(self->lock_fd, 0);
    if (self->lock_fd >= 0) (void)close(self->lock_fd);
    self->lock_fd = -1;
}
