/* A program that leaks on purpose when it is given an argument, and ends with 0 all the same, as a child of Criterion
   does: it proves that a leak report alone fails a run of the tests. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sanitizer/lsan_interface.h>

static void leak(void) {
    char *volatile lost = malloc(64);
    lost = NULL;
    (void)lost;
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) leak();
    puts("1 passed, 0 failed");
    fflush(stdout);
    (void)__lsan_do_recoverable_leak_check();
    _exit(0);
}
