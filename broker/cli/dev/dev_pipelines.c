/* The pipeline files that the broker will be given: found and checked before anything starts. The broker checks them once more. */
#include "dev.h"

#include "../pipeline_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* As the broker chooses them. */
static int is_yaml(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return dot && entry->d_name[0] != '.' && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int keep_name(struct sl_dev *self, const struct sl_pipeline *pipeline) {
    for (uint32_t i = 0; i < self->pipeline_count; i++)
        if (sl_bytes_is(pipeline->name, self->pipelines[i])) return SL_EXIT_DONE;
    char **names = realloc(self->pipelines, (self->pipeline_count + 1) * sizeof *names);
    if (names) self->pipelines = names;
    char *name = names ? strndup((const char *)pipeline->name.data, pipeline->name.size) : NULL;
    if (!name) return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "out of memory");
    self->pipelines[self->pipeline_count++] = name;
    return SL_EXIT_DONE;
}

static int check_file(struct sl_dev *self, const char *path) {
    struct sl_pipeline_file file;
    const struct sl_pipeline_check check = {.schemas = self->schemas, .policies = self->policies, .errors_only = true};
    int code = sl_pipeline_file_check(self->cli, path, &check, &file);
    if (code == SL_EXIT_DONE) code = keep_name(self, file.pipeline);
    sl_pipeline_file_fini(&file);
    return code;
}

/* All files of a folder are looked at, so that one run tells everything that is wrong. */
static int check_folder(struct sl_dev *self, const char *folder) {
    struct dirent **entries;
    int code = SL_EXIT_DONE, count = scandir(folder, &entries, is_yaml, alphasort);
    if (count < 0) return sl_cli_fail(self->cli, SL_EXIT_FAILURE, "the pipeline folder %.200s cannot be read", folder);
    if (count == 0) sl_cli_warn(self->cli, "the pipeline folder %.200s has no file that ends in .yaml or .yml", folder);
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        bool made = asprintf(&path, "%s/%s", folder, entries[i]->d_name) >= 0;
        int found = made ? check_file(self, path) : (int)SL_EXIT_FAILURE;
        if (made) free(path);
        if (code == SL_EXIT_DONE) code = found;
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int add(struct sl_dev *self, const char *path) {
    struct stat facts;
    if (stat(path, &facts))
        return sl_cli_fail(self->cli, SL_EXIT_NOT_FOUND, "there is no pipeline file or folder %.200s", path);
    sl_child_add(&self->broker, "--pipelines");
    sl_child_add(&self->broker, "%s", path);
    return S_ISDIR(facts.st_mode) ? check_folder(self, path) : check_file(self, path);
}

int sl_dev_add_pipelines(struct sl_dev *self) {
    struct stat facts;
    int code = SL_EXIT_DONE, count = self->cli->parsed.argument_count;
    for (int i = 0; i < count; i++) {
        int found = add(self, sl_cli_argument(self->cli, i));
        if (code == SL_EXIT_DONE) code = found;
    }
    if (count == 0 && stat("pipelines", &facts) == 0 && S_ISDIR(facts.st_mode)) code = add(self, "pipelines");
    return code;
}

void sl_dev_forget_pipelines(struct sl_dev *self) {
    for (uint32_t i = 0; i < self->pipeline_count; i++) free(self->pipelines[i]);
    free(self->pipelines);
    self->pipelines = NULL;
    self->pipeline_count = 0;
}
