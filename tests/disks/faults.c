/* Preloaded into a program, this makes its writes below a folder fail as a failing disk's would, while a file says so.

   SWEEP_TEST_FAULTS_UNDER  the folder
   SWEEP_TEST_FAULTS        the file; it holds the number of an error. Where it is missing or empty, nothing fails.

   Files that are open already are told by /proc/self/fd, as a file system that turns read-only would tell. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Past the wrappers below. */
static int fault(void) {
    const char *file = getenv("SWEEP_TEST_FAULTS");
    char text[16] = {0};
    if (file == NULL) return 0;
    long fd = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    long n = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    return n > 0 ? atoi(text) : 0;
}

static int is_under(const char *path) {
    const char *folder = getenv("SWEEP_TEST_FAULTS_UNDER");
    return folder != NULL && path != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

static int path_fails(const char *path) {
    int saved = errno, error = is_under(path) ? fault() : 0;
    errno = error != 0 ? error : saved;
    return error != 0;
}

static int fd_fails(int fd) {
    char link[64], path[PATH_MAX];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    errno = saved;
    if (n <= 0) return 0;
    path[n] = 0;
    return path_fails(path);
}

static int writes(int flags) { return (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) != 0; }

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                        \
    int name(const char *path, int flags, ...) {                          \
        mode_t mode = 0;                                                  \
        if (flags & O_CREAT) {                                            \
            va_list rest;                                                 \
            va_start(rest, flags);                                        \
            mode = va_arg(rest, mode_t);                                  \
            va_end(rest);                                                 \
        }                                                                 \
        if (writes(flags) && path_fails(path)) return -1;                 \
        return REAL(name)(path, flags, mode);                             \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                      \
    int name(int at, const char *path, int flags, ...) {                  \
        mode_t mode = 0;                                                  \
        if (flags & O_CREAT) {                                            \
            va_list rest;                                                 \
            va_start(rest, flags);                                        \
            mode = va_arg(rest, mode_t);                                  \
            va_end(rest);                                                 \
        }                                                                 \
        if (writes(flags) && path_fails(path)) return -1;                 \
        return REAL(name)(at, path, flags, mode);                         \
    }
OPENAT(openat)
OPENAT(openat64)

#define BY_FD(type, name, declared, passed)                               \
    type name declared {                                                  \
        if (fd_fails(fd)) return -1;                                      \
        return REAL(name) passed;                                         \
    }
BY_FD(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n))
BY_FD(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at))
BY_FD(ssize_t, pwrite64, (int fd, const void *data, size_t n, off64_t at), (fd, data, n, at))
BY_FD(ssize_t, writev, (int fd, const struct iovec *parts, int n), (fd, parts, n))
BY_FD(int, ftruncate, (int fd, off_t length), (fd, length))
BY_FD(int, ftruncate64, (int fd, off64_t length), (fd, length))

#define BY_PATH(name, declared, passed)                                   \
    int name declared {                                                   \
        if (path_fails(path)) return -1;                                  \
        return REAL(name) passed;                                         \
    }
BY_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
BY_PATH(rmdir, (const char *path), (path))
BY_PATH(unlink, (const char *path), (path))
BY_PATH(unlinkat, (int at, const char *path, int flags), (at, path, flags))
BY_PATH(rename, (const char *path, const char *to), (path, to))
BY_PATH(link, (const char *path, const char *to), (path, to))
BY_PATH(linkat, (int from, const char *path, int at, const char *to, int flags), (from, path, at, to, flags))

/* It answers the error itself. */
int posix_fallocate64(int fd, off64_t from, off64_t length) {
    return fd_fails(fd) ? errno : REAL(posix_fallocate64)(fd, from, length);
}
int posix_fallocate(int fd, off_t from, off_t length) {
    return fd_fails(fd) ? errno : REAL(posix_fallocate)(fd, from, length);
}
