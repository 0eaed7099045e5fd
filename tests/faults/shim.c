/* System calls that fail, or are the last that a process makes, when a test says so. For LD_PRELOAD; see shim.py.

   Looked at: what touches a file below $FAULTS_STATE, and what is sent on a socket. $FAULTS_CONTROL is a file that holds
   one struct control, which the test maps too: it arms a fault there, and reads what happened. The clock that people
   read is moved by clock_offset; the one that nobody can set stays as it is. SWALLOW is half-open TCP: what is sent on
   that socket from then on comes nowhere, and nobody is told. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum kind { OPEN, WRITE, SYNC, RENAME, UNLINK, SEND, KINDS };
enum action { NOTHING, KILL, TEAR, FAIL, SWALLOW };

#define WHERE 120
#define DESCRIPTORS 65536

struct control {
    int64_t countdown;    /* this call, of those in mask, is the one: 1 is the next; 0 none */
    int64_t clock_offset; /* seconds */
    uint32_t mask;        /* of kinds, by bit */
    uint32_t action;
    uint32_t error;  /* errno, for FAIL */
    uint32_t lasting; /* every call after it, too */
    uint32_t tracing;
    uint32_t struck; /* how often a fault happened */
    uint64_t calls[KINDS];
    uint32_t struck_kind;
    char where[WHERE]; /* what the call that was struck touched, or the first octets that it was to send */
};

static struct control *control;
static const char *state;
static size_t state_length;
static int trace_descriptor = -1;
static unsigned char swallows[DESCRIPTORS];
static const char *names[KINDS] = {"open", "write", "sync", "rename", "unlink", "send"};

#define REAL(name) __typeof__(&name) real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_CONTROL");
    char trace[PATH_MAX];
    state = getenv("FAULTS_STATE");
    if (path == NULL || state == NULL) return;
    state_length = strlen(state);
    int descriptor = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (mapped == MAP_FAILED) return;
    snprintf(trace, sizeof trace, "%s.trace", path);
    trace_descriptor = syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    control = mapped;
}

static int is_ours(const char *path) {
    return strncmp(path, state, state_length) == 0 && (path[state_length] == '/' || path[state_length] == 0);
}

static int path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_ours(path);
}

static int path_at(int directory, const char *name, char *path) {
    if (name == NULL) return 0;
    if (name[0] == '/' || directory == AT_FDCWD) {
        snprintf(path, PATH_MAX, "%s", name);
        return is_ours(path);
    }
    if (!path_of(directory, path)) return 0;
    size_t length = strlen(path);
    snprintf(path + length, PATH_MAX - length, "/%s", name);
    return 1;
}

/* One line per call that succeeded, or that we let fail: its kind, what it touched. */
static void note(const char *how, enum kind kind, const char *what, size_t length) {
    char line[600];
    if (!control->tracing) return;
    int at = snprintf(line, sizeof line, "%s%s ", how, names[kind]);
    for (size_t i = 0; i < length && at < (int)sizeof line - 1; i++) line[at++] = what[i] < ' ' ? '|' : what[i];
    line[at++] = '\n';
    syscall(SYS_write, trace_descriptor, line, at);
}

static _Noreturn void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

/* What happens to this call: NOTHING, TEAR (do half of it, then die), FAIL (errno is set), SWALLOW. */
static enum action fate(enum kind kind, const char *what, size_t length) {
    int error = errno;
    __atomic_add_fetch(&control->calls[kind], 1, __ATOMIC_RELAXED);
    if (!(control->mask & (1u << kind))) return NOTHING;
    if (__atomic_load_n(&control->countdown, __ATOMIC_ACQUIRE) <= 0) return NOTHING;
    if (__atomic_sub_fetch(&control->countdown, 1, __ATOMIC_ACQ_REL) != 0) return NOTHING;
    enum action action = control->action;
    if (action == NOTHING) return NOTHING;
    if (action == FAIL && control->lasting) __atomic_store_n(&control->countdown, 1, __ATOMIC_RELEASE);
    if (length > WHERE - 1) length = WHERE - 1;
    memcpy(control->where, what, length);
    control->where[length] = 0;
    control->struck_kind = kind;
    __atomic_add_fetch(&control->struck, 1, __ATOMIC_RELEASE);
    if (action == KILL) die();
    if (action == FAIL) note("failed-", kind, what, length);
    errno = action == FAIL ? (int)control->error : error;
    return action;
}

#define GUARDED(kind, touched, call, half)                 \
    do {                                                   \
        char path[PATH_MAX];                               \
        if (control == NULL || !(touched)) return call;    \
        switch (fate(kind, path, strlen(path))) {          \
        case FAIL: return -1;                              \
        case TEAR: half; die();                            \
        default: break;                                    \
        }                                                  \
        __typeof__(call) result = call;                    \
        if (result >= 0) note("", kind, path, strlen(path)); \
        return result;                                     \
    } while (0)

static int opened(int directory, const char *name, int flags, mode_t mode) {
    GUARDED(OPEN, path_at(directory, name, path), (int)syscall(SYS_openat, directory, name, flags, mode), );
}

#define MODE                                     \
    mode_t mode = 0;                             \
    if (flags & (O_CREAT | O_TMPFILE)) {         \
        va_list rest;                            \
        va_start(rest, flags);                   \
        mode = va_arg(rest, mode_t);             \
        va_end(rest);                            \
    }

int open(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE return opened(AT_FDCWD, name, flags, mode); }
int openat(int directory, const char *name, int flags, ...) { MODE return opened(directory, name, flags, mode); }
int openat64(int directory, const char *name, int flags, ...) { MODE return opened(directory, name, flags, mode); }
int __open_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags, 0); }
int __open64_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags, 0); }
int __openat_2(int directory, const char *name, int flags) { return opened(directory, name, flags, 0); }
int __openat64_2(int directory, const char *name, int flags) { return opened(directory, name, flags, 0); }

ssize_t write(int fd, const void *octets, size_t size) {
    REAL(write);
    GUARDED(WRITE, path_of(fd, path), real_write(fd, octets, size), real_write(fd, octets, size / 2));
}

ssize_t pwrite(int fd, const void *octets, size_t size, off_t at) {
    REAL(pwrite);
    GUARDED(WRITE, path_of(fd, path), real_pwrite(fd, octets, size, at), real_pwrite(fd, octets, size / 2, at));
}

ssize_t pwrite64(int fd, const void *octets, size_t size, off64_t at) {
    REAL(pwrite64);
    GUARDED(WRITE, path_of(fd, path), real_pwrite64(fd, octets, size, at), real_pwrite64(fd, octets, size / 2, at));
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    GUARDED(WRITE, path_of(fd, path), real_ftruncate(fd, size), );
}

int ftruncate64(int fd, off64_t size) {
    REAL(ftruncate64);
    GUARDED(WRITE, path_of(fd, path), real_ftruncate64(fd, size), );
}

int fsync(int fd) {
    REAL(fsync);
    GUARDED(SYNC, path_of(fd, path), real_fsync(fd), );
}

int fdatasync(int fd) {
    REAL(fdatasync);
    GUARDED(SYNC, path_of(fd, path), real_fdatasync(fd), );
}

int rename(const char *from, const char *to) {
    REAL(rename);
    GUARDED(RENAME, path_at(AT_FDCWD, to, path), real_rename(from, to), );
}

int renameat(int from_directory, const char *from, int directory, const char *to) {
    REAL(renameat);
    GUARDED(RENAME, path_at(directory, to, path), real_renameat(from_directory, from, directory, to), );
}

int link(const char *from, const char *to) {
    REAL(link);
    GUARDED(RENAME, path_at(AT_FDCWD, to, path), real_link(from, to), );
}

int linkat(int from_directory, const char *from, int directory, const char *to, int flags) {
    REAL(linkat);
    GUARDED(RENAME, path_at(directory, to, path), real_linkat(from_directory, from, directory, to, flags), );
}

int unlink(const char *name) {
    REAL(unlink);
    GUARDED(UNLINK, path_at(AT_FDCWD, name, path), real_unlink(name), );
}

int unlinkat(int directory, const char *name, int flags) {
    REAL(unlinkat);
    GUARDED(UNLINK, path_at(directory, name, path), real_unlinkat(directory, name, flags), );
}

static int is_swallowed(int fd) { return fd >= 0 && fd < DESCRIPTORS && swallows[fd]; }

/* Of a stream everything is swallowed from that call on, else the octets behind it would be wrong; of datagrams one. */
#define SENDING(call, half, swallow)                                        \
    if (control != NULL) {                                                  \
        note("", SEND, octets, size > 500 ? 500 : size);                    \
        switch (fate(SEND, octets, size)) {                                 \
        case FAIL: return -1;                                               \
        case TEAR: half; die();                                             \
        case SWALLOW: swallow; return size;                                 \
        default: break;                                                     \
        }                                                                   \
        if (is_swallowed(fd)) return size;                                  \
    }                                                                       \
    return call

ssize_t send(int fd, const void *octets, size_t size, int flags) {
    REAL(send);
    SENDING(real_send(fd, octets, size, flags), real_send(fd, octets, size / 2, flags),
            if (fd < DESCRIPTORS) swallows[fd] = 1);
}

ssize_t sendto(int fd, const void *octets, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    REAL(sendto);
    SENDING(real_sendto(fd, octets, size, flags, to, length), real_sendto(fd, octets, size / 2, flags, to, length), );
}

int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd < DESCRIPTORS) swallows[fd] = 0;
    return real_close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime);
    int result = real_clock_gettime(clock, time);
    if (result == 0 && control != NULL && clock == CLOCK_REALTIME) time->tv_sec += control->clock_offset;
    return result;
}

int gettimeofday(struct timeval *now, void *zone) {
    REAL(gettimeofday);
    int result = real_gettimeofday(now, zone);
    if (result == 0 && control != NULL) now->tv_sec += control->clock_offset;
    return result;
}

time_t time(time_t *where) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (where != NULL) *where = now.tv_sec;
    return now.tv_sec;
}
