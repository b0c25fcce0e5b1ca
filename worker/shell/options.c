/* The command line of sluice-worker: one table gives parsing, help and suggestions. */
#include "options.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/msgpack.h"
#include "base/text.h"

#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_MS = 30000, GRACE_MS = 5000, PROBE_MS = 10000 };
enum { STAGE_FILES_MIN = 16, STAGE_FILES_MAX = 1 << 20, STAGE_PROCESSES_MAX = 1 << 22 };

typedef int setter(struct sl_options *options, const char *value);

struct option {
    const char *name;
    const char *value; /* what help calls it; NULL: it has none */
    setter *set;
    const char *help;
};

static int set_number(const char *value, uint64_t min, uint64_t max, uint32_t *out_number) {
    uint64_t number;
    if (sl_text_to_uint(value, max, &number) || number < min) return SL_E_BAD_INPUT;
    *out_number = (uint32_t)number;
    return SL_OK;
}

static int set_duration(const char *value, uint32_t min_ms, uint32_t *out_ms) {
    uint64_t ms;
    if (sl_text_to_duration_ms(value, &ms) || ms < min_ms || ms > UINT32_MAX) return SL_E_BAD_INPUT;
    *out_ms = (uint32_t)ms;
    return SL_OK;
}

static int set_text(const char *value, char *out_text, size_t size) {
    if (strlen(value) >= size) return SL_E_BAD_INPUT;
    memcpy(out_text, value, strlen(value) + 1);
    return SL_OK;
}

static int add_to_list(const char *value, const char **list, uint32_t *count) {
    if (*count == SL_OPTION_LIST_MAX) return SL_E_BAD_INPUT;
    list[(*count)++] = value;
    return SL_OK;
}

static int set_broker(struct sl_options *options, const char *value) {
    options->broker = value;
    return strncmp(value, "tcp://", 6) == 0 || strncmp(value, "ipc://", 6) == 0 ? SL_OK : SL_E_BAD_INPUT;
}

static int set_name(struct sl_options *options, const char *value) {
    return *value && sl_utf8_is_valid(sl_text(value)) ? set_text(value, options->name, sizeof options->name) : SL_E_BAD_INPUT;
}

static int set_slots(struct sl_options *options, const char *value) {
    return set_number(value, 1, SL_AGENT_HOSTS_MAX, &options->slots);
}

static int set_prefetch(struct sl_options *options, const char *value) {
    return set_number(value, 0, SL_SLOTS_MAX, &options->prefetch);
}

static int set_isolation(struct sl_options *options, const char *value) {
    options->is_inline = strcmp(value, "inline") == 0;
    return options->is_inline || strcmp(value, "host") == 0 ? SL_OK : SL_E_BAD_INPUT;
}

static int set_plugin_path(struct sl_options *options, const char *value) {
    return set_text(value, options->plugin_path, sizeof options->plugin_path);
}

static int add_plugin(struct sl_options *options, const char *value) {
    return add_to_list(value, options->plugins, &options->plugin_count);
}

static int set_data(struct sl_options *options, const char *value) {
    return *value ? set_text(value, options->data, sizeof options->data) : SL_E_BAD_INPUT;
}

static int add_pass_env(struct sl_options *options, const char *value) {
    return strchr(value, '=') || !*value ? SL_E_BAD_INPUT : add_to_list(value, options->pass_env, &options->pass_env_count);
}

static int set_stage_user(struct sl_options *options, const char *value) {
    options->stage_user = value;
    return SL_OK;
}

/* A size of at least `min`, or "none", which is 0. */
static int set_size(const char *value, uint64_t min, uint64_t *out_size) {
    uint64_t size = 0;
    if (strcmp(value, "none") != 0 && (sl_text_to_size(value, &size) || size < min)) return SL_E_BAD_INPUT;
    *out_size = size;
    return SL_OK;
}

static int set_count(const char *value, uint64_t min, uint64_t max, uint64_t *out_count) {
    uint64_t count;
    if (sl_text_to_uint(value, max, &count) || count < min) return SL_E_BAD_INPUT;
    *out_count = count;
    return SL_OK;
}

static int set_spool(struct sl_options *options, const char *value) {
    return set_size(value, SL_SPOOL_BYTES_MIN, &options->spool_bytes);
}

static int set_stage_memory(struct sl_options *options, const char *value) {
    return set_size(value, SL_STAGE_MEMORY_MIN, &options->stage_limits.memory);
}

static int set_stage_file_size(struct sl_options *options, const char *value) {
    return set_size(value, SL_STAGE_FILE_SIZE_MIN, &options->stage_limits.file_size);
}

static int set_stage_files(struct sl_options *options, const char *value) {
    return set_count(value, STAGE_FILES_MIN, STAGE_FILES_MAX, &options->stage_limits.files);
}

static int set_stage_processes(struct sl_options *options, const char *value) {
    return set_count(value, 1, STAGE_PROCESSES_MAX, &options->stage_limits.processes);
}

static int set_log_level(struct sl_options *options, const char *value) {
    return sl_log_level_from_text(value, &options->log_level);
}

static int set_insecure(struct sl_options *options, const char *value) {
    (void)value;
    options->insecure = true;
    return SL_OK;
}

static int set_drain(struct sl_options *options, const char *value) {
    return set_duration(value, 0, &options->drain_ms);
}

static int set_grace(struct sl_options *options, const char *value) {
    return set_duration(value, 0, &options->grace_ms);
}

static int set_heartbeat(struct sl_options *options, const char *value) {
    return set_duration(value, SL_HEARTBEAT_MIN_MS, &options->heartbeat_ms);
}

static int set_lost(struct sl_options *options, const char *value) {
    return set_duration(value, SL_LOST_MIN_MS, &options->lost_ms);
}

static int set_probe(struct sl_options *options, const char *value) {
    return set_duration(value, 0, &options->probe_ms);
}

static int set_list_plugins(struct sl_options *options, const char *value) {
    (void)value;
    options->list_plugins = true;
    return SL_OK;
}

static int set_output(struct sl_options *options, const char *value) {
    options->as_json = strcmp(value, "json") == 0;
    return options->as_json || strcmp(value, "table") == 0 ? SL_OK : SL_E_BAD_INPUT;
}

static const struct option options_known[] = {
    {"broker", "ENDPOINT", set_broker, "where the broker takes workers: tcp://HOST:PORT or ipc://PATH (SLUICE_WORKER_ENDPOINT, tcp://127.0.0.1:7441)"},
    {"name", "NAME", set_name, "how the broker calls this worker (SLUICE_WORKER_NAME, HOST-PID)"},
    {"slots", "N", set_slots, "attempts made at once, each in a process of its own (SLUICE_WORKER_SLOTS, the number of processors)"},
    {"prefetch", "N", set_prefetch, "tasks that wait here for each slot (1)"},
    {"isolation", "host|inline", set_isolation, "inline: stage types that allow it run in the worker itself (host)"},
    {"plugin-path", "DIRS", set_plugin_path, "colon list of the directories with plugins, instead of those of SLUICE_PLUGIN_PATH and then the installed ones"},
    {"plugin", "FILE", add_plugin, "one plugin more, before those of the path; may be repeated"},
    {"data", "DIR", set_data, "what stages keep on this machine (XDG_STATE_HOME/sluice/worker)"},
    {"spool-size", "SIZE|none", set_spool, "room in --data for results that wait for the broker beyond 64M in memory, 16M or more (1G)"},
    {"drain-timeout", "TIME", set_drain, "on SIGTERM: how long running attempts may go on (SLUICE_DRAIN_TIMEOUT, 30s)"},
    {"pass-env", "NAME", add_pass_env, "a variable that stages see beside PATH HOME LANG TZ TMPDIR SLUICE_*; may be repeated"},
    {"stage-user", "NAME", set_stage_user, "the user as whom stages run; the worker must be root"},
    {"stage-memory", "SIZE|none", set_stage_memory, "address space of a stage host, 64M or more; what a stage asks for beyond it fails (4G)"},
    {"stage-files", "N", set_stage_files, "files and sockets that a stage host has open at once, 16 or more (1024)"},
    {"stage-file-size", "SIZE|none", set_stage_file_size, "how large a file may be that a stage writes, 1M or more (16G)"},
    {"stage-processes", "N", set_stage_processes, "processes and threads of the user of --stage-user on this machine (as many as that user may)"},
    {"log-level", "LEVEL", set_log_level, "debug, info, warning or error (SLUICE_LOG_LEVEL, info)"},
    {"insecure", NULL, set_insecure, "talk to a broker on another machine without encryption"},
    {"grace", "TIME", set_grace, "from SIGTERM to SIGKILL of an attempt (5s)"},
    {"heartbeat", "TIME", set_heartbeat, "until the broker says another one; 10ms or more (1s)"},
    {"lost", "TIME", set_lost, "silence after which the broker is given up, until it says another one; 50ms or more (5s)"},
    {"probe-timeout", "TIME", set_probe, "how long a plugin may take to load when it is looked at (10s)"},
    {"list-plugins", NULL, set_list_plugins, "print what the plugins offer and which will not load, then end"},
    {"output", "table|json", set_output, "of --list-plugins"},
};

enum { OPTION_COUNT = sizeof options_known / sizeof options_known[0] };

static void print_help(void) {
    (void)printf("sluice-worker makes the attempts that a broker assigns.\n\nExamples\n"
                 "  sluice-worker --slots 4\n"
                 "  sluice-worker --broker tcp://127.0.0.1:7441 --plugin ./my_stage.so --data /var/lib/sluice\n"
                 "  sluice-worker --list-plugins\n\nOptions\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &options_known[i];
        (void)printf("  --%s %s\n      %s\n", option->name, option->value ? option->value : "", option->help);
    }
    (void)printf("  -o FORMAT\n      as --output\n  --help, --version\n\n"
                 "SIGTERM or SIGINT: take nothing more, end what runs, leave. A second one: at once.\n"
                 "Exit codes: 0 left in peace, 1 failed, 2 wrong usage.\n");
}

static const struct option *find(const char *name, size_t size) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(options_known[i].name) == size && memcmp(options_known[i].name, name, size) == 0) return &options_known[i];
    }
    return NULL;
}

static int refuse_unknown(const char *word, char *error, size_t error_size) {
    const char *names[OPTION_COUNT];
    const char *near = NULL;
    for (size_t i = 0; i < OPTION_COUNT; i++) names[i] = options_known[i].name;
    if (strncmp(word, "--", 2) == 0) near = sl_text_suggest(sl_bytes(word + 2, strcspn(word + 2, "=")), names, OPTION_COUNT);
    (void)snprintf(error, error_size, "unknown option %s%s%s%s; see sluice-worker --help", word, near ? ", did you mean --" : "",
                   near ? near : "", near ? "?" : "");
    return SL_E_BAD_INPUT;
}

static int apply(const struct option *option, struct sl_options *options, const char *value, char *error, size_t error_size) {
    int rc = option->set(options, value ? value : "");
    if (rc) (void)snprintf(error, error_size, "--%s cannot be \"%s\": %s", option->name, value, option->help);
    return rc;
}

/* Takes the option at argv[*at] and its value; *at moves to the last word used. */
static int take(char **argv, int *at, struct sl_options *options, char *error, size_t error_size) {
    const char *word = strcmp(argv[*at], "-o") == 0 ? "--output" : argv[*at];
    size_t size = strcspn(word + 2, "=");
    const struct option *option = strncmp(word, "--", 2) == 0 ? find(word + 2, size) : NULL;
    if (!option) return refuse_unknown(argv[*at], error, error_size);
    const char *value = word[2 + size] == '=' ? word + 3 + size : NULL;
    if (!option->value && value) {
        (void)snprintf(error, error_size, "--%s takes no value", option->name);
        return SL_E_BAD_INPUT;
    }
    if (option->value && !value) {
        value = argv[*at + 1];
        if (!value) {
            (void)snprintf(error, error_size, "--%s needs a value (%s): %s", option->name, option->value, option->help);
            return SL_E_BAD_INPUT;
        }
        *at += 1;
    }
    return apply(option, options, value, error, error_size);
}

/* SLUICE_PLUGIN_PATH adds to the installed plugins, so that who has a stage of his own keeps the built-in ones. Its directories come
 * first: of two providers of a type the first counts. */
static int add_plugin_path(struct sl_options *options, char *error, size_t error_size) {
    const char *value = getenv("SLUICE_PLUGIN_PATH");
    if (!value || !*value) return SL_OK;
    size_t added = strlen(value), size = strlen(options->plugin_path) + 1;
    if (added + 1 + size > sizeof options->plugin_path) {
        (void)snprintf(error, error_size, "SLUICE_PLUGIN_PATH is longer than %zu bytes", sizeof options->plugin_path - size - 1);
        return SL_E_BAD_INPUT;
    }
    memmove(options->plugin_path + added + 1, options->plugin_path, size);
    memcpy(options->plugin_path, value, added);
    options->plugin_path[added] = ':';
    return SL_OK;
}

static int take_environment(struct sl_options *options, char *error, size_t error_size) {
    static const struct {
        const char *variable;
        const char *option;
    } sources[] = {
        {"SLUICE_WORKER_ENDPOINT", "broker"}, {"SLUICE_WORKER_NAME", "name"},       {"SLUICE_WORKER_SLOTS", "slots"},
        {"SLUICE_DRAIN_TIMEOUT", "drain-timeout"}, {"SLUICE_LOG_LEVEL", "log-level"},
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        const char *value = getenv(sources[i].variable);
        if (!value || !*value) continue;
        const struct option *option = find(sources[i].option, strlen(sources[i].option));
        if (option->set(options, value)) {
            (void)snprintf(error, error_size, "%s cannot be \"%s\": %s", sources[i].variable, value, option->help);
            return SL_E_BAD_INPUT;
        }
    }
    return add_plugin_path(options, error, error_size);
}

static void set_program_directory(struct sl_options *options) {
    ssize_t size = readlink("/proc/self/exe", options->program_directory, sizeof options->program_directory - 1);
    options->program_directory[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(options->program_directory, '/');
    if (slash) *slash = '\0';
}

/* Beside the program, as in a build tree and below most prefixes; then where this build is to be installed. */
static void set_default_path(struct sl_options *options) {
    (void)snprintf(options->plugin_path, sizeof options->plugin_path, "%s/../lib/sluice/plugins:%s", options->program_directory,
                   SLUICE_PLUGIN_DIRECTORY);
}

static void set_default_data(struct sl_options *options) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state) {
        (void)snprintf(options->data, sizeof options->data, "%s/sluice/worker", state);
    } else {
        (void)snprintf(options->data, sizeof options->data, "%s/.local/state/sluice/worker", home && *home ? home : "/var/lib/sluice");
    }
}

static void set_defaults(struct sl_options *options) {
    char machine[48] = "worker";
    memset(options, 0, sizeof *options);
    (void)gethostname(machine, sizeof machine - 1); /* else the word above stays */
    (void)snprintf(options->name, sizeof options->name, "%s-%ld", machine, (long)getpid());
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    options->slots = processors < 1 ? 1 : processors > SL_AGENT_HOSTS_MAX ? SL_AGENT_HOSTS_MAX : (uint32_t)processors;
    options->prefetch = 1;
    options->broker = "tcp://127.0.0.1:7441";
    options->log_level = SL_LOG_INFO;
    options->drain_ms = DRAIN_MS;
    options->grace_ms = GRACE_MS;
    options->probe_ms = PROBE_MS;
    options->stage_limits = (struct sl_host_limits){.memory = SL_STAGE_MEMORY, .file_size = SL_STAGE_FILE_SIZE, .files = SL_STAGE_FILES};
    options->spool_bytes = SL_SPOOL_BYTES;
    options->heartbeat_ms = SL_HEARTBEAT_MS;
    options->lost_ms = SL_LOST_MS;
    set_program_directory(options);
    set_default_path(options);
    set_default_data(options);
}

static bool is_loopback(const char *endpoint) {
    if (strncmp(endpoint, "tcp://", 6) != 0) return true;
    const char *host = endpoint + 6;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost:", 10) == 0 || strncmp(host, "[::1]:", 6) == 0;
}

static int check(const struct sl_options *options, char *error, size_t error_size) {
    if ((uint64_t)options->slots * (1 + (uint64_t)options->prefetch) > SL_SLOTS_MAX) {
        (void)snprintf(error, error_size, "--slots times (1 + --prefetch) is above %d: lower one of them", SL_SLOTS_MAX);
        return SL_E_BAD_INPUT;
    }
    if (options->stage_limits.processes && !options->stage_user) {
        (void)snprintf(error, error_size, "--stage-processes counts all processes of a user: give stages one of their own with --stage-user");
        return SL_E_BAD_INPUT;
    }
    if (!options->insecure && !options->list_plugins && !is_loopback(options->broker)) {
        (void)snprintf(error, error_size, "%s is on another machine and nothing would be encrypted: keep to a private network and say --insecure",
                       options->broker);
        return SL_E_BAD_INPUT;
    }
    return SL_OK;
}

int sl_options_read(int argc, char **argv, struct sl_options *out_options, char *error, size_t error_size) {
    set_defaults(out_options);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return 1;
        }
        if (strcmp(argv[i], "--version") == 0) {
            (void)printf("sluice-worker %s\n", SLUICE_VERSION);
            return 1;
        }
    }
    int rc = take_environment(out_options, error, error_size);
    for (int i = 1; i < argc && rc == SL_OK; i++) rc = take(argv, &i, out_options, error, error_size);
    return rc ? rc : check(out_options, error, error_size);
}
