/* Stands between a server and its C library (LD_PRELOAD), for tests alone.
 *
 * E2E_AHEAD: by how many seconds the wall clock is ahead.
 * E2E_DEATH: a file whose first byte decides when the process dies: 'b' before it next writes to a file at an offset (what
 * a process has written survives its end, synced or not), 'a' behind its next sync; anything else, not at all. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile char *death;
static long ahead;

/* Before the server closes itself in: from then on it may open nothing else. */
__attribute__((constructor)) static void prepare(void) {
    const char *text = getenv("E2E_AHEAD"), *path = getenv("E2E_DEATH");
    if (text) ahead = atol(text);
    if (!path) return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) abort();
    void *seen = mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
    if (seen == MAP_FAILED) abort();
    close(file);
    death = seen;
}

/* The trap is for a server that may not call kill() any more. */
static void die_if(char when) {
    if (!death || *death != when) return;
    kill(getpid(), SIGKILL);
    __builtin_trap();
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int outcome = (int)syscall(SYS_clock_gettime, clock, time);
    if (outcome == 0 && clock == CLOCK_REALTIME) time->tv_sec += ahead;
    return outcome;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    die_if('b');
    return syscall(SYS_pwrite64, file, bytes, count, offset);
}

int fdatasync(int file) {
    int outcome = (int)syscall(SYS_fdatasync, file);
    die_if('a');
    return outcome;
}
