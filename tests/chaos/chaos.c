/* Runs a cluster of real programs, kills its parts while clients work, and has the checker judge what clients and stages wrote
 * down. See chaos --help; what is killed stands in faults.def, what must hold in check.py. */
#include "base/err.h"
#include "client.h"
#include "collect.h"
#include "faults.h"
#include "io/clock.h"
#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_SKIPPED = 77, LEFT_MAX = 32, LEAVE_MS = 3000, FLAT_MS = 5000, STILL_MS = 1500, FIRST_MS = 15000, WARM_HOSTS = 5, LINE_SIZE = 1024 };

/* The clients of one phase, and the pipe whose closing tells them to stop. */
struct clients {
    pid_t pids[CHAOS_CLIENTS_MAX];
    uint32_t count;
    int stop_fd;
};

struct score {
    uint32_t passed, failed;
};

static void judge(struct score *score, bool good, const char *what) {
    printf("  %-4s %s\n", good ? "ok" : "FAIL", what);
    if (good) {
        score->passed++;
    } else {
        score->failed++;
    }
}

/* A child that runs a part of this program; it dies with us. */
static pid_t start_part(void) {
    pid_t parent = getpid();
    (void)fflush(stdout); /* or the child prints it once more */
    pid_t pid = fork();
    if (pid != 0) return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) _exit(127);
    return 0;
}

static void start_clients(const struct chaos_cluster *cluster, uint32_t phase, struct clients *out) {
    int ends[2];
    *out = (struct clients){.count = 0, .stop_fd = -1};
    if (pipe2(ends, O_CLOEXEC)) abort();
    for (uint32_t i = 0; i < cluster->options->clients; i++) {
        pid_t pid = start_part();
        if (pid == 0) {
            (void)close(ends[1]);
            exit(chaos_client_run(cluster, i + 1, phase, ends[0]));
        }
        out->pids[out->count++] = pid;
    }
    (void)close(ends[0]);
    out->stop_fd = ends[1];
}

/* Tells them to stop and keeps the cluster alive until all their jobs have ended. Whether all did. */
static bool finish_clients(struct chaos_cluster *cluster, struct clients *clients) {
    bool good = true;
    (void)close(clients->stop_fd);
    for (uint32_t i = 0; i < clients->count; i++) {
        int status;
        while (!chaos_process_wait(clients->pids[i], 0, &status)) chaos_cluster_watch(cluster, 20);
        good = good && status == 0;
    }
    return good;
}

/* Whether some stage has written into the history. */
static bool is_working(const struct chaos_cluster *cluster) {
    char line[LINE_SIZE];
    bool found = false;
    FILE *file = fopen(cluster->history_path, "re");
    while (file && !found && fgets(line, sizeof line, file)) found = strstr(line, "\"who\":\"stage\"") != NULL;
    if (file) (void)fclose(file); /* it was only read */
    return found;
}

static bool wait_for_work(struct chaos_cluster *cluster) {
    uint64_t until = sl_clock_now_ns() + (uint64_t)FIRST_MS * 1000000;
    while (!is_working(cluster) && sl_clock_now_ns() < until) chaos_cluster_watch(cluster, 20);
    return is_working(cluster);
}

static size_t descriptors(const struct chaos_cluster *cluster) {
    size_t count = chaos_process_descriptors(cluster->broker);
    for (uint32_t i = 0; i < cluster->options->workers; i++) {
        pid_t below[LEFT_MAX];
        size_t found = chaos_process_below(cluster->workers[i], "sluice-spawner", below, LEFT_MAX);
        count += chaos_process_descriptors(cluster->workers[i]);
        for (size_t k = 0; k < found && k < LEFT_MAX; k++) count += chaos_process_descriptors(below[k]);
    }
    return count;
}

/* The figure once it has stood still: while a killed host is being replaced one descriptor is missing. */
static size_t steady_descriptors(struct chaos_cluster *cluster) {
    size_t count = descriptors(cluster);
    uint64_t now = sl_clock_now_ns(), until = now + (uint64_t)FLAT_MS * 1000000, still_since = now;
    while (now < until && now - still_since < (uint64_t)STILL_MS * 1000000) {
        chaos_cluster_watch(cluster, 50);
        size_t again = descriptors(cluster);
        now = sl_clock_now_ns();
        if (again != count) still_since = now;
        count = again;
    }
    return count;
}

/* Two phases with kills of stage hosts alone: after each, with no client left, broker, workers and spawners have the same number
 * of descriptors open. */
static void run_hosts(struct chaos_faults *faults, struct chaos_cluster *cluster, struct score *score) {
    struct clients clients;
    start_clients(cluster, 1, &clients);
    bool works = wait_for_work(cluster);
    chaos_faults_hosts(faults, cluster, WARM_HOSTS);
    bool ended = finish_clients(cluster, &clients);
    size_t before = steady_descriptors(cluster);

    start_clients(cluster, 2, &clients);
    chaos_faults_hosts(faults, cluster, cluster->options->kills);
    ended = finish_clients(cluster, &clients) && ended;
    uint64_t until = sl_clock_now_ns() + (uint64_t)FLAT_MS * 1000000;
    size_t after = descriptors(cluster);
    while (after > before && sl_clock_now_ns() < until) {
        chaos_cluster_watch(cluster, 50);
        after = descriptors(cluster);
    }
    judge(score, works, "the cluster works");
    judge(score, ended, "every client saw its jobs end");
    printf("  descriptors of broker, workers and spawners: %zu, after %u more kills %zu\n", before, cluster->options->kills, after);
    judge(score, after <= before, "descriptors are as many as before");
}

static void run_faults(struct chaos_faults *faults, struct chaos_cluster *cluster, struct score *score) {
    struct clients clients;
    start_clients(cluster, 1, &clients);
    bool works = wait_for_work(cluster);
    judge(score, works, "the cluster works");
    if (works) chaos_faults_run(faults, cluster);
    judge(score, finish_clients(cluster, &clients), "every client saw its jobs end");
}

static void run_all(struct chaos_faults *faults, struct chaos_cluster *cluster, struct score *score) {
    if (cluster->options->mode == CHAOS_HOSTS) {
        run_hosts(faults, cluster, score);
    } else {
        run_faults(faults, cluster, score);
    }
}

/* Asks about all jobs a broker that was not there when they ran, so that its answers come from Redis. */
static bool collect(struct chaos_cluster *cluster) {
    int status;
    chaos_cluster_kill(&cluster->broker);
    chaos_cluster_start_broker(cluster, true);
    pid_t pid = start_part();
    if (pid == 0) exit(chaos_collect_run(cluster));
    while (!chaos_process_wait(pid, 0, &status)) chaos_cluster_watch(cluster, 20);
    return status == 0;
}

static bool is_everything_gone(void) {
    pid_t left[LEFT_MAX];
    size_t count = chaos_process_below(getpid(), NULL, left, LEFT_MAX);
    if (count > LEFT_MAX) count = LEFT_MAX;
    if (chaos_process_wait_gone(left, count, LEAVE_MS) == 0) return true;
    for (size_t i = 0; i < count; i++) {
        chaos_process_show(left[i]);
        (void)kill(left[i], SIGKILL); /* it descends from us; one that has just ended is fine */
    }
    return false;
}

static bool is_folder_empty(const char *path) {
    bool empty = true;
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        printf("  left: %s/%s\n", path, entry->d_name);
        empty = false;
    }
    if (directory) (void)closedir(directory);
    return empty;
}

/* Runs the checker, passes its lines on, and adds its sum, which is its last line. */
static void check(const struct chaos_cluster *cluster, struct score *score) {
    char command[LINE_SIZE], line[LINE_SIZE];
    unsigned passed = 0, failed = 0, own_passed, own_failed;
    (void)snprintf(command, sizeof command, "exec /usr/bin/python3 -B '%s/check.py' --pipelines '%s/pipelines' --policies '%s/policies.yaml' '%s'",
                   CHAOS_SOURCE, CHAOS_SOURCE, CHAOS_SOURCE, cluster->folder);
    FILE *checker = popen(command, "re");
    while (checker && fgets(line, sizeof line, checker)) {
        if (sscanf(line, "%u passed, %u failed", &own_passed, &own_failed) == 2) {
            passed = own_passed;
            failed = own_failed;
        } else {
            printf("%s", line);
        }
    }
    int status = checker ? pclose(checker) : -1;
    score->passed += passed;
    score->failed += failed;
    if (passed + failed == 0 || (status != 0 && failed == 0)) judge(score, false, "the checker works");
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    (void)remove(path); /* what stays lies in the folder of the build */
    return 0;
}

static void report_faults(const struct chaos_faults *faults, uint64_t began_ns) {
    uint32_t kills = 0;
    for (unsigned i = 0; i < CHAOS_FAULT_COUNT; i++) {
        if (faults->done[i] == 0) continue;
        if (chaos_fault_is_kill((enum chaos_fault)i)) kills += faults->done[i];
        printf("  %-4s %3u  %s\n", chaos_fault_is_kill((enum chaos_fault)i) ? "kill" : "", faults->done[i],
               chaos_fault_word((enum chaos_fault)i));
    }
    printf("  %u kills in %.1f s\n", kills, (double)(sl_clock_now_ns() - began_ns) / 1e9);
}

static void judge_programs(const struct chaos_cluster *cluster, struct score *score) {
    judge(score, cluster->died == 0, "no program ended by itself");
    judge(score, cluster->unpeaceful == 0, "every program that was asked to leave left in peace");
    judge(score, cluster->hosts_left == 0, "no process outlived its killed worker by two seconds");
    judge(score, is_everything_gone(), "no process is left");
    judge(score, is_folder_empty(cluster->sockets), "no socket is left");
}

static void say_again(const struct chaos_options *options, const struct chaos_cluster *cluster) {
    static const char *const modes[] = {"mix", "each", "hosts"};
    printf("  the run's folder: %s\n  again: chaos --seed %llu --kills %u --mode %s --workers %u --clients %u%s\n", cluster->folder,
           (unsigned long long)options->seed, options->kills, modes[options->mode], options->workers, options->clients,
           options->production ? " --production" : "");
}

int main(int argc, char **argv) {
    struct chaos_options options;
    struct chaos_cluster cluster;
    struct score score = {0, 0};
    int rc = chaos_options_read(argc, argv, &options);
    if (rc) return rc == 1 ? 0 : rc;
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a run that is stopped from outside has told what it knew */
    chaos_process_adopt();
    struct chaos_faults faults = {.rng = {options.seed}};
    uint64_t began_ns = sl_clock_now_ns();
    printf("chaos: seed %llu\n", (unsigned long long)options.seed);
    rc = chaos_cluster_start(&options, &cluster);
    if (rc == SL_E_NOT_FOUND) {
        printf("skipped: no Redis is installed\n");
        return EXIT_SKIPPED;
    }
    if (rc) {
        printf("chaos: the cluster cannot be started in %s\n0 passed, 1 failed\n", options.folder);
        return 1;
    }
    run_all(&faults, &cluster, &score);
    report_faults(&faults, began_ns);
    judge(&score, collect(&cluster), "the ledger answers about every job");
    chaos_cluster_stop(&cluster);
    judge_programs(&cluster, &score);
    check(&cluster, &score);
    if (score.failed || options.keep) say_again(&options, &cluster);
    if (!score.failed && !options.keep) (void)nftw(cluster.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); /* as above */
    (void)nftw(cluster.sockets, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    chaos_history_close(&cluster.history);
    printf("%u passed, %u failed\n", score.passed, score.failed);
    return score.failed ? 1 : 0;
}
