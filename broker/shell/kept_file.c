/* Files of writes that were given up; see kept_file.h. */
#include "kept_file.h"

#include "base/err.h"
#include "io/log.h"
#include "io/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char prefix[] = "writes-", suffix[] = ".kept", beside[] = ".writing";

void sl_kept_file_name(uint16_t shard, const struct sl_do_keep *keep, char out_name[SL_KEPT_NAME_SIZE]) {
    char id[SL_ID_TEXT_SIZE];
    sl_id_to_text(keep->owner.bytes, id);
    (void)snprintf(out_name, SL_KEPT_NAME_SIZE, "%ss%02u-e%llu-n%llu-%.8s%s", prefix, (unsigned)shard, (unsigned long long)keep->epoch,
                   (unsigned long long)keep->n, id, suffix); /* fits */
}

static int fail(char *sentence, const char *what, const char *path) {
    (void)snprintf(sentence, SL_KEPT_SENTENCE_SIZE, "cannot %s %s: %s", what, path, strerror(errno));
    return SL_E_IO;
}

static bool is_kept(const char *name) {
    size_t size = strlen(name), tail = sizeof suffix - 1;
    return strncmp(name, prefix, sizeof prefix - 1) == 0 && size > tail && strcmp(name + size - tail, suffix) == 0;
}

static int check_room(const char *folder, char *sentence) {
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    unsigned count = 0;
    if (!entries) return fail(sentence, "read the folder", folder);
    while ((entry = readdir(entries))) count += is_kept(entry->d_name);
    (void)closedir(entries); /* it was only read */
    if (count < SL_KEPT_FILES_MAX) return SL_OK;
    (void)snprintf(sentence, SL_KEPT_SENTENCE_SIZE, "the folder %s holds %u such files already: look at them and move them away", folder,
                   count);
    return SL_E_LIMIT;
}

static bool write_all(int fd, struct sl_bytes bytes) {
    while (bytes.size > 0) {
        ssize_t size = write(fd, bytes.data, bytes.size);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return false;
        bytes = sl_bytes(bytes.data + size, bytes.size - (size_t)size);
    }
    return fsync(fd) == 0;
}

/* Under another name first, so that what has the right one is whole. */
static int write_beside(int folder_fd, const char *name, struct sl_bytes bytes, char *sentence) {
    char other[SL_KEPT_NAME_SIZE + sizeof beside];
    (void)snprintf(other, sizeof other, "%s%s", name, beside); /* fits */
    int fd = openat(folder_fd, other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(sentence, "write", other);
    int rc = write_all(fd, bytes) ? SL_OK : fail(sentence, "write", other);
    if (close(fd) != 0 && !rc) rc = fail(sentence, "write", other);
    if (!rc && renameat(folder_fd, other, folder_fd, name) != 0) rc = fail(sentence, "name", name);
    if (!rc && fsync(folder_fd) != 0) rc = fail(sentence, "make durable", name);
    if (rc) (void)unlinkat(folder_fd, other, 0); /* it may not be there */
    return rc;
}

int sl_kept_file_write(const char *folder, uint16_t shard, const struct sl_do_keep *keep, char sentence[SL_KEPT_SENTENCE_SIZE]) {
    char name[SL_KEPT_NAME_SIZE];
    if (keep->file.size == 0) {
        (void)snprintf(sentence, SL_KEPT_SENTENCE_SIZE, "there is no memory for them");
        return SL_E_NO_MEMORY;
    }
    int rc = sl_path_make(folder, 0700, sentence, SL_KEPT_SENTENCE_SIZE);
    if (!rc) rc = check_room(folder, sentence);
    if (rc) return rc;
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) return fail(sentence, "open the folder", folder);
    sl_kept_file_name(shard, keep, name);
    rc = write_beside(folder_fd, name, keep->file, sentence);
    (void)close(folder_fd); /* it was synced */
    return rc;
}

void sl_kept_file_tell(const char *folder, uint16_t shard, const struct sl_do_keep *keep) {
    char sentence[SL_KEPT_SENTENCE_SIZE], name[SL_KEPT_NAME_SIZE];
    struct sl_log_field fields[2] = {sl_log_number("shard", shard)};
    if (sl_kept_file_write(folder, shard, keep, sentence)) {
        sl_log_with(SL_LOG_ERROR, fields, 1, "%.*s; its %u writes that Redis had not acknowledged could not be kept: %s",
                    (int)keep->why.size, (const char *)keep->why.data, (unsigned)keep->held, sentence);
        return;
    }
    sl_kept_file_name(shard, keep, name);
    (void)snprintf(sentence, sizeof sentence, "%s/%s", folder, name); /* cut when too long */
    fields[1] = sl_log_text("file", sl_text(sentence));
    sl_log_with(SL_LOG_ERROR, fields, 2,
                "%.*s; %u of its %u writes that Redis had not acknowledged are kept in %s: nobody was told of them, and their clients ask "
                "again; keep the file until every job in it is known to be done or submitted again",
                (int)keep->why.size, (const char *)keep->why.data, (unsigned)keep->count, (unsigned)keep->held, sentence);
}
