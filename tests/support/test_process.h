/* Programs under test as child processes, and what they leave behind. */
#ifndef SL_TEST_PROCESS_H
#define SL_TEST_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Makes this process the reaper of everything that the programs leave behind, so that it can be counted. */
void test_process_adopt(void);

/* Starts a program with its stdout and stderr going to the file `log` (NULL: nowhere). Asserts that it could be started. */
pid_t test_process_start(char *const *arguments, const char *log);

/* Waits for its end, at most timeout_ms; returns the status as of waitpid, or -1 with the process killed. */
int test_process_wait(pid_t pid, int timeout_ms);

/* How many processes descend from this one and carry that name (as in /proc/PID/comm); NULL: any. Zombies do not count. */
size_t test_process_count(const char *name);

/* The first such process, or 0. */
pid_t test_process_find(const char *name);

/* Open descriptors of a process. */
size_t test_process_descriptors(pid_t pid);

/* Waits until no process of that name descends from this one; false after timeout_ms. */
bool test_process_gone(const char *name, int timeout_ms);

/* The contents of a file as text, at most size - 1 bytes. */
void test_process_read(const char *path, char *out, size_t size);

#endif
