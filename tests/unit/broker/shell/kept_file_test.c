/* Files of writes that were given up: whole under their name, or not there; never too many. */
#include "base/err.h"
#include "io/file.h"
#include "shell/kept_file.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64], folder[96], sentence[SL_KEPT_SENTENCE_SIZE];
static const struct sl_do_keep keep = {.why = {(const uint8_t *)"it is quarantined", 17}, .epoch = 12, .owner = {{0xab, 0xcd, 0xef, 1}},
                                       .n = 345, .held = 3, .count = 2, .file = {(const uint8_t *)"whole", 5}};

static void set_up(void) {
    (void)strcpy(top, "/tmp/sluice-kept-XXXXXX");
    cr_assert_not_null(mkdtemp(top));
    (void)snprintf(folder, sizeof folder, "%s/a/b", top); /* fits */
}

static void empty(const char *path) {
    DIR *entries = opendir(path);
    const struct dirent *entry;
    while (entries && (entry = readdir(entries))) (void)unlinkat(dirfd(entries), entry->d_name, 0);
    if (entries) (void)closedir(entries);
    (void)rmdir(path);
}

static void tear_down(void) {
    char middle[96];
    (void)snprintf(middle, sizeof middle, "%s/a", top); /* fits */
    empty(folder);
    empty(middle);
    empty(top);
}

TestSuite(kept_file, .init = set_up, .fini = tear_down);

static unsigned count_entries(void) {
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    unsigned count = 0;
    while (entries && (entry = readdir(entries))) count += entry->d_name[0] != '.';
    if (entries) (void)closedir(entries);
    return count;
}

static void path_of(uint16_t shard, char *out, size_t size) {
    char name[SL_KEPT_NAME_SIZE];
    sl_kept_file_name(shard, &keep, name);
    (void)snprintf(out, size, "%s/%s", folder, name); /* fits */
}

Test(kept_file, is_named_by_shard_epoch_number_and_broker) {
    char name[SL_KEPT_NAME_SIZE];
    struct sl_do_keep largest = {.epoch = UINT64_MAX, .n = UINT64_MAX};
    sl_kept_file_name(7, &keep, name);
    cr_assert_str_eq(name, "writes-s07-e12-n345-abcdef01.kept");
    sl_kept_file_name(UINT16_MAX, &largest, name);
    cr_assert_str_eq(name, "writes-s65535-e18446744073709551615-n18446744073709551615-00000000.kept");
}

Test(kept_file, holds_what_it_was_given_for_its_owner_alone) {
    char path[256], error[128];
    struct stat status;
    struct sl_buf read;
    path_of(7, path, sizeof path);
    cr_assert_eq(sl_kept_file_write(folder, 7, &keep, sentence), 0, "%s", sentence);
    sl_buf_init(&read, sl_alloc_system());
    cr_assert_eq(sl_file_read(path, 100, &read, error, sizeof error), 0);
    cr_assert(sl_bytes_is(sl_buf_bytes(&read), "whole"));
    sl_buf_fini(&read);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    cr_assert_eq(stat(folder, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0700);
    cr_assert_eq(count_entries(), 1, "nothing is left beside it");
}

Test(kept_file, is_refused_when_there_are_too_many) {
    for (uint16_t shard = 0; shard < SL_KEPT_FILES_MAX; shard++) {
        cr_assert_eq(sl_kept_file_write(folder, shard, &keep, sentence), 0, "%s", sentence);
    }
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(sl_kept_file_write(folder, 1000, &keep, sentence), SL_E_LIMIT);
        cr_assert_not_null(strstr(sentence, "holds 32 such files already: look at them and move them away"), "%s", sentence);
    }
    cr_assert_eq(count_entries(), SL_KEPT_FILES_MAX);
}

Test(kept_file, says_why_it_cannot_be) {
    char path[256];
    struct sl_do_keep none = keep;
    none.file.size = 0;
    cr_assert_eq(sl_kept_file_write(folder, 7, &none, sentence), SL_E_NO_MEMORY);
    (void)snprintf(path, sizeof path, "%s/a", top); /* fits */
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    (void)close(fd);
    cr_assert_eq(sl_kept_file_write(folder, 7, &keep, sentence), SL_E_BAD_INPUT);
    cr_assert_not_null(strstr(sentence, "a file stands where a folder is needed"), "%s", sentence);
    cr_assert_eq(unlink(path), 0);
}

/* What a full disk does to write(2), a limit on the size of files does as well. */
Test(kept_file, that_does_not_fit_the_disk_leaves_nothing) {
    struct rlimit limit = {.rlim_cur = 3, .rlim_max = RLIM_INFINITY}, before;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int rc = sl_kept_file_write(folder, 7, &keep, sentence);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    cr_assert_eq(rc, SL_E_IO);
    cr_assert_not_null(strstr(sentence, "cannot write writes-s07"), "%s", sentence);
    cr_assert_eq(count_entries(), 0);
    cr_assert_eq(sl_kept_file_write(folder, 7, &keep, sentence), 0, "and there is room for it later");
}

static void expect_told(const char *words) {
    char told[8192];
    FILE *log = cr_get_redirected_stderr();
    size_t size = fread(told, 1, sizeof told - 1, log);
    told[size] = 0;
    cr_assert_not_null(strstr(told, "it is quarantined"), "%s", told);
    cr_assert_not_null(strstr(told, words), "%s", told);
}

Test(kept_file, is_named_by_the_alarm) {
    cr_redirect_stderr();
    sl_kept_file_tell(folder, 7, &keep);
    expect_told("2 of its 3 writes that Redis had not acknowledged are kept in /tmp/sluice-kept-");
}

Test(kept_file, that_cannot_be_is_told_by_the_alarm) {
    struct sl_do_keep none = keep;
    none.file.size = 0;
    cr_redirect_stderr();
    sl_kept_file_tell(folder, 7, &none);
    expect_told("its 3 writes that Redis had not acknowledged could not be kept: there is no memory for them");
}
