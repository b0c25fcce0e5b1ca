/* Why a plugin will not load: each reason and its sentence. */
#include "stagehost/load.h"

#include "base/err.h"
#include "stagehost/attempt.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int load(const char *path, const char *function, char *error) {
    struct sl_library library;
    error[0] = '\0';
    int rc = sl_library_load(path, function, sl_attempt_host(), &library, error, 1024);
    if (rc == SL_OK) sl_library_fini(&library);
    return rc;
}

static void assert_refused(const char *path, const char *function, const char *part) {
    char error[1024];
    cr_assert_neq(load(path, function, error), SL_OK, "%s loads", path);
    cr_assert_not_null(strstr(error, part), "\"%s\" does not say \"%s\"", error, part);
}

Test(load, good_plugin_gives_its_types) {
    struct sl_library library;
    char error[1024];
    cr_assert_eq(sl_library_load(SLUICE_PLUGINS "/probe.so", SL_ENTRY, sl_attempt_host(), &library, error, sizeof error), SL_OK,
                 "%s", error);
    cr_assert_eq(library.type_count, 5);
    cr_assert_not_null(sl_library_find(&library, "noop", 4));
    cr_assert_null(sl_library_find(&library, "noop", 3));
    sl_library_fini(&library);
}

Test(load, file_that_is_none_is_named) {
    assert_refused("/nowhere/x.so", SL_ENTRY, "/nowhere/x.so cannot be opened: No such file or directory");
    assert_refused("/tmp", SL_ENTRY, "is no file");
    assert_refused("/etc/passwd", SL_ENTRY, "is no shared object that can be loaded");
}

Test(load, file_that_everybody_may_write_is_refused) {
    char path[] = "/tmp/sluice-load-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fchmod(fd, 0666), 0);
    assert_refused(path, SL_ENTRY, "may be written by everybody; take that right away: chmod o-w");
    (void)close(fd);
    (void)unlink(path);
}

Test(load, plugin_without_entry_or_of_another_abi_is_refused) {
    assert_refused(SLUICE_BAD_PLUGINS "/no_entry.so", SL_ENTRY, "has no function sluice_plugin_v1");
    assert_refused(SLUICE_BAD_PLUGINS "/other_abi.so", SL_ENTRY, "was built for plugin ABI 2, this is ABI 1: build it again");
}

Test(load, registration_that_says_something_impossible_is_refused) {
    static const char names[] = SLUICE_BAD_PLUGINS "/bad_names.so";
    assert_refused(names, "key_with_dash", "has the state key \"123-key\"");
    assert_refused(names, "empty_keys", "has an empty list of state keys");
    assert_refused(names, "blank_type", "the stage type \"\" is not 1 to 64");
    assert_refused(names, "blank_description", "has no description");
    assert_refused(names, "blank_dependency_name", "depends on \"\"");
    assert_refused(names, "no_execute", "has no execute function");
    assert_refused(names, "small_registration", "a registration has an impossible size (8 bytes)");
    assert_refused(names, "twice", "the stage type \"a\" stands twice in its list");
}
