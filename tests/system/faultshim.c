/* A disk that fails when it is told to: preloaded, it stands between a replica and the kernel.
 *
 * FAULTS names a file of ten rows of four 32-bit numbers, mapped, so that a test changes them while replicas run. Row N is for files below a
 * directory `replica-N`:
 *     0  full: a write that makes a file longer fails with this errno
 *     1  sync: fsync and fdatasync fail with this errno
 *     2  delay: each fdatasync takes so many microseconds longer
 *     3  write: every write fails with this errno
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FULL, SYNC, DELAY, WRITE };
static volatile int (*rows)[4];

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("FAULTS");
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *found = mmap(0, sizeof(int[10][4]), PROT_READ, MAP_SHARED, fd, 0);
    if (found != MAP_FAILED) rows = found;
    close(fd);
}

static int fault(int fd, int which) {
    char link[32], path[4096];
    if (!rows) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    char *home = strstr(path, "/replica-");
    if (!home || !strchr(home + 1, '/')) return 0;
    int row = atoi(home + 9);
    return row > 0 && row < 10 ? rows[row][which] : 0;
}

static ssize_t put(int fd, const void *data, size_t length, off_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "pwrite");
    struct stat found;
    int full = fault(fd, FULL), broken = fault(fd, WRITE);
    if (broken) { errno = broken; return -1; }
    if (full && fstat(fd, &found) == 0 && offset + (off_t)length > found.st_size) { errno = full; return -1; }
    return real(fd, data, length, offset);
}

static int settle(int fd, const char *name) {
    int (*real)(int) = dlsym(RTLD_NEXT, name);
    int broken = fault(fd, SYNC), delay = fault(fd, DELAY);
    if (broken) { errno = broken; return -1; }
    if (delay) usleep(delay);
    return real(fd);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return put(fd, data, length, offset); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return put(fd, data, length, offset); }
int fdatasync(int fd) { return settle(fd, "fdatasync"); }
int fsync(int fd) { return settle(fd, "fsync"); }
