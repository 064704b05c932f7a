/* Records every call that changes files below one folder, in order, and can make the n-th one fail.
 *
 * Loaded with LD_PRELOAD; does nothing until trust_arm() is called. Each record is a header, two paths and the data;
 * trust/shim.py reads them. Calls on the file `acks` and on others outside the folder pass unseen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN = 1, CLOSE, WRITE, SYNC, TRUNCATE, RENAME, UNLINK, MKDIR, RMDIR, MAP, LINK };
struct header { int32_t kind, fd; int64_t offset, length; int32_t first, second; };

#define FDS 65536
static char root[PATH_MAX];
static size_t root_length;
static int log_fd = -1, fail_errno, fail_from_then_on;
static long calls, fail_at;
static unsigned char followed[FDS]; /* 1: below the folder, 2: the file of acknowledgements */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

void trust_arm(const char *folder, const char *log, long at, int error, int from_then_on) {
    pthread_mutex_lock(&lock);
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    log_fd = log ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
    calls = 0;
    fail_at = at;
    fail_errno = error;
    fail_from_then_on = from_then_on;
    pthread_mutex_unlock(&lock);
}

void trust_disarm(void) {
    pthread_mutex_lock(&lock);
    root_length = 0;
    if (log_fd >= 0) syscall(SYS_close, log_fd);
    log_fd = -1;
    pthread_mutex_unlock(&lock);
}

long trust_calls(void) { return calls; }

static void put(const void *data, size_t length) {
    const char *at = data;
    while (length) {
        long done = syscall(SYS_write, log_fd, at, length);
        if (done <= 0) abort();
        at += done;
        length -= (size_t)done;
    }
}

static void record(int kind, int fd, int64_t offset, int64_t length, const char *first, const char *second, const void *data) {
    if (log_fd < 0) return;
    struct header head = {kind, fd, offset, length, first ? (int32_t)strlen(first) : 0, second ? (int32_t)strlen(second) : 0};
    put(&head, sizeof head);
    if (first) put(first, (size_t)head.first);
    if (second) put(second, (size_t)head.second);
    if (data) put(data, (size_t)length);
}

/* The absolute path of a name, or NULL when it is not below the folder. */
static const char *below(int directory, const char *path, char *room) {
    if (!root_length || !path) return NULL;
    if (path[0] != '/') {
        char link[64], base[PATH_MAX];
        if (directory == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return NULL;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length < 0) return NULL;
            base[length] = 0;
        }
        if (snprintf(room, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) return NULL;
    } else snprintf(room, PATH_MAX, "%s", path);
    return strncmp(room, root, root_length) == 0 && (room[root_length] == '/' || !room[root_length]) ? room : NULL;
}

static int is_acks(const char *path) { return strcmp(path + root_length, "/acks") == 0; }

/* Counts a call that changes something; non-zero when it is to fail. */
static int fails(void) {
    calls++;
    if (!fail_at || calls < fail_at || (calls > fail_at && !fail_from_then_on)) return 0;
    errno = fail_errno;
    return 1;
}

static int follows(int fd) { return root_length && fd >= 0 && fd < FDS ? followed[fd] : 0; }

static int opened(int directory, const char *path, int flags, mode_t mode) {
    char room[PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *full = below(directory, path, room);
    int makes = full && (flags & O_CREAT) && faccessat(directory, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    int fd = -1;
    if (!((makes || (full && (flags & O_TRUNC))) && !is_acks(full) && fails())) {
        fd = (int)syscall(SYS_openat, directory, path, flags | O_LARGEFILE, mode);
        if (fd >= 0 && fd < FDS) followed[fd] = full ? (is_acks(full) ? 2 : 1) : 0;
        if (fd >= 0 && full) record(OPEN, fd, flags & (O_CREAT | O_TRUNC), 0, full, NULL, NULL);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int openat(int directory, const char *path, int flags, ...) { MODE return opened(directory, path, flags, mode); }
int openat64(int directory, const char *path, int flags, ...) { MODE return opened(directory, path, flags, mode); }

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (follows(fd)) { record(CLOSE, fd, 0, 0, NULL, NULL, NULL); followed[fd] = 0; }
    int found = (int)syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return found;
}

static ssize_t written(int fd, const void *data, size_t length, off64_t offset, int at_offset) {
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    int kind = follows(fd);
    if (kind && !at_offset) offset = lseek64(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    if (kind == 1 && fails()) {
        int error = errno;
        if (error == ENOSPC && length > 1) { /* the part that still has room is written */
            done = at_offset ? syscall(SYS_pwrite64, fd, data, length / 2, offset) : syscall(SYS_write, fd, data, length / 2);
            if (fail_from_then_on == 0) fail_at = calls + 1; /* the rest finds none */
        } else errno = error;
    } else done = at_offset ? syscall(SYS_pwrite64, fd, data, length, offset) : syscall(SYS_write, fd, data, length);
    if (kind && done > 0) record(WRITE, fd, offset, done, NULL, NULL, data);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *data, size_t length) { return written(fd, data, length, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return written(fd, data, length, offset, 1); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return written(fd, data, length, offset, 1); }

#define CALLED(condition, call, say) \
    pthread_mutex_lock(&lock); int found = -1; \
    if (!((condition) && fails())) { found = (int)(call); if (found == 0 && (condition)) say; } \
    pthread_mutex_unlock(&lock); return found

int fsync(int fd) { CALLED(follows(fd) == 1, syscall(SYS_fsync, fd), record(SYNC, fd, 0, 0, NULL, NULL, NULL)); }
int fdatasync(int fd) { CALLED(follows(fd) == 1, syscall(SYS_fdatasync, fd), record(SYNC, fd, 0, 0, NULL, NULL, NULL)); }
int ftruncate(int fd, off_t length) { CALLED(follows(fd) == 1, syscall(SYS_ftruncate, fd, length), record(TRUNCATE, fd, length, 0, NULL, NULL, NULL)); }
int ftruncate64(int fd, off64_t length) { CALLED(follows(fd) == 1, syscall(SYS_ftruncate, fd, length), record(TRUNCATE, fd, length, 0, NULL, NULL, NULL)); }

int mkdirat(int directory, const char *path, mode_t mode) {
    char room[PATH_MAX]; const char *full = below(directory, path, room);
    CALLED(full, syscall(SYS_mkdirat, directory, path, mode), record(MKDIR, -1, 0, 0, full, NULL, NULL));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int renameat(int from, const char *old, int to, const char *new) {
    char room[PATH_MAX], other[PATH_MAX]; const char *first = below(from, old, room), *second = below(to, new, other);
    CALLED(first && second, syscall(SYS_renameat2, from, old, to, new, 0), record(RENAME, -1, 0, 0, first, second, NULL));
}
int rename(const char *old, const char *new) { return renameat(AT_FDCWD, old, AT_FDCWD, new); }

int linkat(int from, const char *old, int to, const char *new, int flags) {
    char room[PATH_MAX], other[PATH_MAX]; const char *first = below(from, old, room), *second = below(to, new, other);
    CALLED(first && second, syscall(SYS_linkat, from, old, to, new, flags), record(LINK, -1, 0, 0, first, second, NULL));
}
int link(const char *old, const char *new) { return linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

/* Removing takes no space, so it is recorded and never made to fail. */
int unlinkat(int directory, const char *path, int flags) {
    char room[PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *full = below(directory, path, room);
    int found = (int)syscall(SYS_unlinkat, directory, path, flags);
    if (found == 0 && full) record(flags & AT_REMOVEDIR ? RMDIR : UNLINK, -1, 0, 0, full, NULL, NULL);
    pthread_mutex_unlock(&lock);
    return found;
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

/* Ways to write that go round the calls above: refused, so that the slow way is taken, or recorded, so that it is seen. */
ssize_t sendfile64(int to, int from, off64_t *offset, size_t count) {
    if (follows(to)) { errno = EINVAL; return -1; }
    return syscall(SYS_sendfile, to, from, offset, count);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t count) { return sendfile64(to, from, offset, count); }
ssize_t copy_file_range(int from, off64_t *in, int to, off64_t *out, size_t length, unsigned flags) {
    if (follows(to)) { errno = EINVAL; return -1; }
    return syscall(SYS_copy_file_range, from, in, to, out, length, flags);
}
static void *mapped(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
    void *found = (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    if ((flags & MAP_SHARED) && (protection & PROT_WRITE) && follows(fd)) {
        pthread_mutex_lock(&lock);
        record(MAP, fd, 0, 0, NULL, NULL, NULL);
        pthread_mutex_unlock(&lock);
    }
    return found;
}
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) { return mapped(address, length, protection, flags, fd, offset); }
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) { return mapped(address, length, protection, flags, fd, offset); }
