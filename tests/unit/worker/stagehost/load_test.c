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

/* A plugin in a folder of its own, with these rights of the folder. */
static void assert_in_folder(mode_t mode, const char *part) {
    char folder[] = "/tmp/sluice-load-XXXXXX", path[64], command[512], error[1024];
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/probe.so", folder);
    (void)snprintf(command, sizeof command, "cp %s/probe.so %s", SLUICE_PLUGINS, path);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(chmod(folder, mode), 0);
    if (part) {
        assert_refused(path, SL_ENTRY, part);
    } else {
        cr_assert_eq(load(path, SL_ENTRY, error), SL_OK, "%s", error);
    }
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0);
}

Test(load, file_that_everybody_may_replace_is_refused) {
    assert_in_folder(0777, "may be written by everybody; take that right away: chmod o-w /tmp/sluice-load-");
    assert_in_folder(01777, NULL);
    assert_in_folder(0755, NULL);
}

Test(load, file_of_another_user_is_refused) {
    char folder[] = "/tmp/sluice-load-XXXXXX", path[64], command[512], error[1024];
    if (geteuid() != 0) cr_skip_test("only root can give a file to another user");
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/probe.so", folder);
    (void)snprintf(command, sizeof command, "cp %s/probe.so %s", SLUICE_PLUGINS, path);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(chown(path, 1234, 1234), 0);
    assert_refused(path, SL_ENTRY, "probe.so belongs to another user (1234) than root and who runs stages (0)");
    cr_assert_eq(chown(path, 0, 0), 0);
    cr_assert_eq(chown(folder, 1234, 1234), 0);
    assert_refused(path, SL_ENTRY, " belongs to another user (1234)");
    cr_assert_eq(chown(folder, 0, 0), 0);
    cr_assert_eq(load(path, SL_ENTRY, error), SL_OK, "%s", error);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0);
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
