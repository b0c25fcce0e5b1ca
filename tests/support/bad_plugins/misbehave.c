/* Stage types that do what a stage must not do, one a misbehaviour, and a few that do unusual things that are allowed. */
#include <sluice/stage.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

static const sluice_host *host;
static const char nil[] = "\xc0";
static const char map_of_a[] = "\x81\xa1"
                               "a\x01";
static const char map_of_a_and_b[] = "\x82\xa1"
                                     "a\x01\xa1"
                                     "b\x93\x01\x02\x03";

static sluice_outcome wait_for_ever(void) {
    while (pause() != 0) {
    }
    return SLUICE_DONE;
}

#define EXECUTE(name) \
    static sluice_outcome name(void *self, sluice_ctx *ctx, sluice_bytes upstream, sluice_out *out)
#define UNUSED ((void)self, (void)ctx, (void)upstream, (void)out)

EXECUTE(write_twice) {
    UNUSED;
    (void)host->out_write(out, nil, 1);
    (void)host->out_write(out, map_of_a, sizeof map_of_a - 1);
    return SLUICE_DONE;
}

EXECUTE(write_nothing) {
    UNUSED;
    return SLUICE_DONE;
}

EXECUTE(write_garbage) {
    UNUSED;
    (void)host->out_write(out, "\xc1", 1);
    return SLUICE_DONE;
}

EXECUTE(write_large) {
    UNUSED;
    size_t size = SLUICE_VALUE_BYTES_MAX + 1;
    char *bytes = calloc(1, size);
    bytes[0] = (char)0xc6;
    int rc = host->out_write(out, bytes, size);
    free(bytes);
    return rc == 0 ? SLUICE_DONE : SLUICE_FAILED_RETRYABLE; /* the host says permanent, whatever this says */
}

EXECUTE(write_deep) {
    UNUSED;
    char bytes[SLUICE_VALUE_DEPTH_MAX + 1];
    memset(bytes, 0x91, sizeof bytes);
    bytes[sizeof bytes - 1] = 1;
    (void)host->out_write(out, bytes, sizeof bytes);
    return SLUICE_DONE;
}

EXECUTE(write_map) {
    UNUSED;
    (void)host->out_write(out, map_of_a, sizeof map_of_a - 1);
    return SLUICE_DONE;
}

EXECUTE(write_two) {
    UNUSED;
    (void)host->out_write(out, map_of_a_and_b, sizeof map_of_a_and_b - 1);
    return SLUICE_DONE;
}

EXECUTE(write_state_in_execute) {
    UNUSED;
    (void)host->state_write(out, "a", nil, 1);
    return SLUICE_DONE;
}

EXECUTE(close_channel) {
    UNUSED;
    for (int fd = 3; fd < 64; fd++) (void)close(fd);
    return wait_for_ever();
}

/* Calls itself until there is no stack left; volatile keeps the compiler from seeing that it never returns. */
static int recurse(volatile char *above) {
    volatile char room[4096];
    room[0] = above[0];
    return recurse(room) + room[0];
}

EXECUTE(overflow_stack) {
    UNUSED;
    volatile char start[1] = {0};
    return recurse(start) == 0 ? SLUICE_DONE : SLUICE_FAILED_RETRYABLE;
}

EXECUTE(ignore_terminate) {
    UNUSED;
    (void)signal(SIGTERM, SIG_IGN);
    return wait_for_ever();
}

EXECUTE(fork_child) {
    UNUSED;
    if (fork() == 0) return wait_for_ever();
    (void)raise(SIGKILL);
    return SLUICE_DONE;
}

/* A child that has left the process group and whose parent is gone. */
EXECUTE(fork_daemon) {
    UNUSED;
    if (fork() == 0) {
        (void)setsid();
        if (fork() != 0) _exit(0);
        return wait_for_ever();
    }
    (void)raise(SIGKILL);
    return SLUICE_DONE;
}

static void *spin(void *count) {
    static volatile unsigned turns;
    (void)count;
    for (;;) turns++;
    return NULL;
}

static void start_spinning(void) {
    pthread_t thread;
    for (long i = sysconf(_SC_NPROCESSORS_ONLN); i > 0; i--) (void)pthread_create(&thread, NULL, spin, NULL);
}

EXECUTE(leave_threads) {
    UNUSED;
    start_spinning();
    return SLUICE_DONE;
}

EXECUTE(leave_process) {
    UNUSED;
    if (fork() == 0) {
        (void)setsid();
        start_spinning();
        return wait_for_ever();
    }
    return SLUICE_DONE;
}

/* Joins the process group of a child, so that its own number names no group any more. */
EXECUTE(leave_group) {
    UNUSED;
    int ready[2];
    char byte;
    if (pipe(ready) != 0) return SLUICE_FAILED_RETRYABLE;
    pid_t child = fork();
    if (child == 0) {
        if (setpgid(0, 0) != 0 || write(ready[1], "", 1) != 1) _exit(1);
        return wait_for_ever();
    }
    if (read(ready[0], &byte, 1) != 1 || setpgid(0, child) != 0) return SLUICE_FAILED_RETRYABLE;
    (void)signal(SIGTERM, SIG_IGN);
    return wait_for_ever();
}

EXECUTE(write_endlessly) {
    UNUSED;
    for (;;) {
        if (write(1, "blah blah\n", 10) < 0) return SLUICE_FAILED_RETRYABLE;
    }
}

EXECUTE(exit_zero) {
    UNUSED;
    exit(0);
}

EXECUTE(abort_now) {
    UNUSED;
    (void)fprintf(stderr, "line one\nthe reason\n");
    abort();
}

EXECUTE(fault) {
    UNUSED;
    (void)raise(SIGSEGV);
    return SLUICE_DONE;
}

EXECUTE(strange_outcome) {
    UNUSED;
    int number = 7;
    sluice_outcome outcome;
    memcpy(&outcome, &number, sizeof outcome);
    return outcome;
}

/* A frame of its own on the host's socket: [17, nonce 1, done, ...]. */
EXECUTE(forge_result) {
    UNUSED;
    static const unsigned char frame[] = {11, 0, 0, 0, 0x98, 17, 1, 0, 0, 0, 0x90, 0xc4, 1, 0xc0, 0xa0};
    (void)send(3, frame, sizeof frame, 0);
    return wait_for_ever();
}

/* A frame for the running attempt, whose nonce is the last part of its token: [kind, nonce, rest]. */
static bool send_frame(sluice_ctx *ctx, unsigned char head, unsigned char kind, const char *rest, size_t rest_size) {
    unsigned char frame[64] = {0, 0, 0, 0, head, kind, 0xcf};
    uint64_t nonce = strtoull(strrchr(host->task(ctx)->attempt_token, '.') + 1, NULL, 16);
    size_t size = 7;
    for (int shift = 56; shift >= 0; shift -= 8) frame[size++] = (unsigned char)(nonce >> shift);
    memcpy(frame + size, rest, rest_size);
    size += rest_size;
    frame[0] = (unsigned char)(size - 4);
    return send(3, frame, size, 0) == (ssize_t)size;
}

/* Sends such a frame; the host itself never answers then. */
static _Noreturn void forge(sluice_ctx *ctx, unsigned char head, unsigned char kind, const char *rest, size_t rest_size) {
    (void)send_frame(ctx, head, kind, rest, rest_size);
    for (;;) (void)pause();
}

/* done, count and duration 0, then the values, the output, and no error. */
#define FORGED_RESULT(name, text) \
    EXECUTE(name) { \
        UNUSED; \
        static const char rest[] = "\0\0\0" text "\xa0"; \
        forge(ctx, 0x98, 17, rest, sizeof rest - 1); \
    }
FORGED_RESULT(forge_no_output, "\x90\xc4\x00")
FORGED_RESULT(forge_bad_output, "\x90\xc4\x01\xc1")
FORGED_RESULT(forge_bad_value, "\x91\x92\xa1" "a\xc4\x02\x91\xc1\xc4\x00")
FORGED_RESULT(forge_empty_value, "\x91\x92\xa1" "a\xc4\x00\xc4\x00")
FORGED_RESULT(forge_bad_key, "\x91\x92\xa1" "-\xc4\x01\xc0\xc4\x00")

EXECUTE(forge_bad_field) {
    UNUSED;
    forge(ctx, 0x94, 19, "\xa1" "f\xc4\x01\xc1", 5);
}

/* Fails when a program that the stage executes could speak in the name of its host. */
EXECUTE(execute_program) {
    UNUSED;
    bool is_open = system(": 2>/dev/null >&3") == 0;
    return is_open ? SLUICE_FAILED_PERMANENT : SLUICE_DONE;
}

/* These four stop by themselves far above the limits of the tests, so that a limit that fails costs a test and not the machine. */
enum { TAKEN_MIB_MAX = 1024, WRITTEN_MIB_MAX = 64, CHILDREN_MAX = 400 };

/* Takes memory, and uses it, until there is none; then ends as a C++ program would. */
EXECUTE(take_memory) {
    UNUSED;
    size_t mib = (size_t)1 << 20;
    for (size_t taken = 0; taken < TAKEN_MIB_MAX; taken += 8) {
        char *memory = malloc(8 * mib);
        if (!memory) {
            (void)fprintf(stderr, "no memory after %zu MiB\n", taken);
            abort();
        }
        memset(memory, 1, 8 * mib);
    }
    return SLUICE_FAILED_RETRYABLE;
}

/* Lets a file grow that has no name, so that nobody need remove it. */
EXECUTE(write_file) {
    UNUSED;
    static char block[1 << 20];
    FILE *file = tmpfile();
    for (int written = 0; file && written < WRITTEN_MIB_MAX; written++) {
        if (fwrite(block, sizeof block, 1, file) != 1) break;
    }
    return SLUICE_FAILED_RETRYABLE;
}

EXECUTE(open_files) {
    UNUSED;
    int count = 0;
    while (open("/dev/null", O_RDONLY) >= 0) count++;
    char sentence[64];
    (void)snprintf(sentence, sizeof sentence, "%d more files could be opened", count);
    host->fail(ctx, sentence);
    return SLUICE_FAILED_RETRYABLE;
}

/* Starts children until that is refused. */
EXECUTE(start_processes) {
    UNUSED;
    int count = 0;
    pid_t child;
    while ((child = fork()) > 0 && count < CHILDREN_MAX) count++;
    if (child == 0) return wait_for_ever();
    char sentence[64];
    (void)snprintf(sentence, sizeof sentence, "%s after %s", strerror(errno), count > 0 ? "some children" : "no child");
    host->fail(ctx, sentence);
    return SLUICE_FAILED_RETRYABLE;
}

/* Fields that are fine, but for their number; until the host is killed. */
EXECUTE(forge_many_fields) {
    UNUSED;
    while (send_frame(ctx, 0x94, 19, "\xa1" "f\xc4\x01\xc0", 5)) {
    }
    return SLUICE_FAILED_RETRYABLE;
}

EXECUTE(send_nonsense) {
    UNUSED;
    (void)send(3, "\x04\x00\x00\x00nope", 8, 0);
    return wait_for_ever();
}

EXECUTE(cooperate) {
    UNUSED;
    uint64_t done = 0;
    while (host->progress(ctx, ++done, 100) == 0) {
        if (write(-1, "", 0) == 0) return SLUICE_DONE; /* some system call, so that it does not spin in user space alone */
    }
    return SLUICE_FAILED_RETRYABLE;
}

EXECUTE(set_field) {
    UNUSED;
    int rc = host->field_set(ctx, "pdf_ready", "\xc3", 1);
    if (host->field_set(ctx, "0bad", "\xc3", 1) == 0 || host->field_set(ctx, "fine", "\xc1", 1) == 0) rc = -1;
    return rc == 0 ? SLUICE_DONE : SLUICE_FAILED_PERMANENT;
}

EXECUTE(log_and_fail) {
    UNUSED;
    host->log(ctx, SLUICE_LOG_WARNING, "look\there");
    host->fail(ctx, "it did not \xff work");
    return SLUICE_FAILED_RETRYABLE;
}

/* Appends a word and a space. */
static void add_word(char *text, size_t size, const char *word) {
    size_t used = strlen(text);
    (void)snprintf(text + used, size - used, "%s ", word);
}

/* Tells in what surroundings a stage runs: "fds: 0 1 ...\nenv: A=b ...\n" and a few numbers. */
EXECUTE(describe) {
    UNUSED;
    char text[16000] = "fds: ", numbers[128], value[sizeof text + 3];
    for (int fd = 0; fd < 4096; fd++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%d", fd);
        if (fcntl(fd, F_GETFD) >= 0) add_word(text, sizeof text, number);
    }
    struct rlimit core = {1, 1};
    (void)getrlimit(RLIMIT_CORE, &core);
    (void)snprintf(numbers, sizeof numbers, "\nuid %d leads %d privileges %d core %d\nenv: ", (int)getuid(), getpgrp() == getpid(),
                   prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, (int)core.rlim_cur);
    add_word(text, sizeof text, numbers);
    for (char **entry = environ; *entry; entry++) add_word(text, sizeof text, *entry);
    size_t size = strlen(text);
    value[0] = (char)0xda;
    value[1] = (char)(size >> 8);
    value[2] = (char)size;
    memcpy(value + 3, text, size);
    return host->out_write(out, value, size + 3) == 0 ? SLUICE_DONE : SLUICE_FAILED_PERMANENT;
}

static int handle_undeclared(sluice_out *out, const char *stage_name, sluice_bytes output) {
    (void)stage_name;
    return host->state_write(out, "b", output.data, output.size) == 0 ? 0 : 1;
}

static int handle_one(sluice_out *out, const char *stage_name, sluice_bytes output) {
    (void)output;
    return stage_name[0] ? host->state_write(out, "a", "\xa3" "yes", 4) : 1;
}

static int handle_badly(sluice_out *out, const char *stage_name, sluice_bytes output) {
    (void)out;
    (void)stage_name;
    (void)output;
    return 1;
}

static int64_t count_negative(sluice_bytes output) {
    (void)output;
    return -5;
}

static int refuse_open(const sluice_definition *definition, void **out_self, char *error, size_t error_size) {
    (void)out_self;
    (void)snprintf(error, error_size, "stage %s of %s will not open", definition->name, definition->pipeline);
    return 1;
}

static const char *const key_a[] = {"a", NULL};
static const char *const keys_a_b[] = {"a", "b", NULL};

#define TYPE(name, ...) \
    static const sluice_registration type_##name = { \
        .size = sizeof type_##name, .stage_type = #name, .description = "Misbehaves: " #name, .idempotent = 1, __VA_ARGS__}

TYPE(twice, .execute = write_twice);
TYPE(nothing, .execute = write_nothing);
TYPE(garbage, .execute = write_garbage);
TYPE(large, .execute = write_large);
TYPE(deep, .execute = write_deep);
TYPE(one_key, .execute = write_map, .state_keys = key_a);
TYPE(two_keys, .execute = write_two, .state_keys = keys_a_b);
TYPE(missing_key, .execute = write_map, .state_keys = keys_a_b);
TYPE(early_state, .execute = write_state_in_execute, .state_keys = key_a);
TYPE(undeclared, .execute = write_map, .state_keys = key_a, .output_handler = handle_undeclared);
TYPE(handled, .execute = write_map, .state_keys = key_a, .output_handler = handle_one);
TYPE(bad_handler, .execute = write_map, .state_keys = key_a, .output_handler = handle_badly);
TYPE(negative, .execute = write_map, .output_counter = count_negative);
TYPE(closes, .execute = close_channel);
TYPE(overflow, .execute = overflow_stack);
TYPE(ignores, .execute = ignore_terminate);
TYPE(forks, .execute = fork_child);
TYPE(daemon, .execute = fork_daemon);
TYPE(regroups, .execute = leave_group);
TYPE(leaves_threads, .execute = leave_threads);
TYPE(leaves_process, .execute = leave_process);
TYPE(executes, .execute = execute_program);
TYPE(hungry, .execute = take_memory);
TYPE(fills, .execute = write_file);
TYPE(opens, .execute = open_files);
TYPE(multiplies, .execute = start_processes);
TYPE(endless, .execute = write_endlessly);
TYPE(exits, .execute = exit_zero);
TYPE(aborts, .execute = abort_now);
TYPE(faults, .execute = fault);
TYPE(strange, .execute = strange_outcome);
TYPE(forges, .execute = forge_result);
TYPE(no_output, .execute = forge_no_output);
TYPE(bad_output, .execute = forge_bad_output);
TYPE(bad_value, .execute = forge_bad_value, .state_keys = key_a);
TYPE(empty_value, .execute = forge_empty_value, .state_keys = key_a);
TYPE(bad_key, .execute = forge_bad_key, .state_keys = key_a);
TYPE(many_fields, .execute = forge_many_fields);
TYPE(bad_field, .execute = forge_bad_field);
TYPE(nonsense, .execute = send_nonsense);
TYPE(cooperates, .execute = cooperate);
TYPE(field, .execute = set_field);
TYPE(fails, .execute = log_and_fail);
TYPE(surroundings, .execute = describe);
TYPE(refuses, .execute = write_map, .open = refuse_open);

static const sluice_registration *const types[] = {
    &type_twice, &type_nothing, &type_garbage, &type_large, &type_deep, &type_one_key, &type_two_keys, &type_missing_key,
    &type_early_state, &type_undeclared, &type_handled, &type_bad_handler, &type_negative, &type_closes, &type_overflow,
    &type_ignores, &type_regroups, &type_leaves_threads, &type_leaves_process, &type_hungry, &type_fills, &type_opens, &type_multiplies, &type_executes, &type_forks, &type_daemon, &type_endless, &type_exits, &type_aborts, &type_faults, &type_strange,
    &type_forges, &type_no_output, &type_bad_output, &type_bad_value, &type_empty_value, &type_bad_key, &type_bad_field, &type_many_fields, &type_nonsense, &type_cooperates, &type_field, &type_fails, &type_refuses, &type_surroundings};
static const sluice_registration_list list = {.size = sizeof list, .abi_major = SLUICE_ABI_MAJOR,
                                              .count = sizeof types / sizeof types[0], .registrations = types};

const sluice_registration_list *sluice_plugin_v1(const sluice_host *given) {
    host = given;
    return &list;
}

/* A function that a pipeline may name: the type "nothing", with an output of its own. */
EXECUTE(write_replaced) {
    UNUSED;
    (void)host->out_write(out, "\xa8replaced", 9);
    return SLUICE_DONE;
}

SLUICE_EXPORT const sluice_registration_list *replacement(const sluice_host *given);
const sluice_registration_list *replacement(const sluice_host *given) {
    static const sluice_registration type = {.size = sizeof type, .stage_type = "nothing", .description = "Another one",
                                             .idempotent = 1, .execute = write_replaced};
    static const sluice_registration *const replaced[] = {&type};
    static const sluice_registration_list replaced_list = {.size = sizeof replaced_list, .abi_major = SLUICE_ABI_MAJOR, .count = 1,
                                                           .registrations = replaced};
    host = given;
    return &replaced_list;
}
