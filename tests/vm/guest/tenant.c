/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A container's program for the microVM tests: takes memory of every kind, keeps it, and proves that it is
 * still what it was.
 *
 *     tenant hold ANON FILE     ANON bytes of anonymous memory, FILE bytes of files in /tmp; does what
 * programs do (see below), says "ready" and stays; SIGUSR1: checks every page and says "intact N"; SIGTERM:
 * exits with 0 tenant exercise           pipes, fork and exec of 100 processes at once, threads, files in
 * tmpfs, mapped files; says "exercised" tenant overflow BYTES     takes BYTES of anonymous memory, says
 * "took"; for a test of the limit
 *
 * It is process 1 of its container and statically linked. Any failure is one line on standard error and exit
 * status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE      4096
#define PROCESSES 100
#define THREADS   16

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;
    int error = errno;

    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fprintf(stderr, ": %s\n", strerror(error));
    exit(1);
}

/* A different value in each page, so that a page that was lost or exchanged shows. */
static void fill(unsigned char *memory, size_t size)
{
    for (size_t at = 0; at < size; at += PAGE)
        *(uint64_t *)(memory + at) = at ^ 0x5a6f6e65436f6e65ULL;
}

static void check(const unsigned char *memory, size_t size, const char *what)
{
    for (size_t at = 0; at < size; at += PAGE)
        if (*(const uint64_t *)(memory + at) != (at ^ 0x5a6f6e65436f6e65ULL)) {
            errno = EIO;
            fail("page at offset %zu of %s has changed", at, what);
        }
}

static unsigned char *anonymous(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        fail("mmap of %zu bytes", size);
    return memory;
}

/* A file written through a mapping, with the rest of the first half written through write(). */
static unsigned char *mapped_file(const char *path, size_t size)
{
    static unsigned char page[PAGE];
    void *memory;
    int fd;

    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        fail("open %s", path);
    for (size_t at = 0; at < size / 2; at += PAGE)
        if (write(fd, page, PAGE) != PAGE)
            fail("write %s at %zu", path, at);
    if (ftruncate(fd, (off_t)size) < 0)
        fail("ftruncate %s to %zu", path, size);
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        fail("mmap %s", path);
    (void)close(fd);
    return memory;
}

static void exercise_pipe(void)
{
    static char in[65536], out[65536];
    size_t got = 0;
    ssize_t n;
    int fds[2];

    memset(in, 'p', sizeof(in));
    if (pipe2(fds, O_CLOEXEC) < 0)
        fail("pipe");
    /* A whole pipe at once: its buffers are allocations that a cpuset without a home node refuses. */
    if (write(fds[1], in, sizeof(in)) != (ssize_t)sizeof(in))
        fail("write to a pipe");
    while (got < sizeof(out) && (n = read(fds[0], out + got, sizeof(out) - got)) > 0)
        got += (size_t)n;
    if (got != sizeof(out) || memcmp(in, out, sizeof(in)) != 0)
        fail("read from a pipe gave %zu bytes", got);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void exercise_processes(void)
{
    pid_t pids[PROCESSES];
    int status;

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] < 0)
            fail("fork number %d", i);
        if (pids[i] == 0) {
            (void)execl("/proc/self/exe", "tenant", "child", NULL);
            _exit(126);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        if (waitpid(pids[i], &status, 0) != pids[i])
            fail("waitpid");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
            fail("process %d ended with wait status %d", i, status);
    }
}

static void *thread_main(void *arg)
{
    size_t size = 1 << 20;
    unsigned char *memory = malloc(size);

    (void)arg;
    if (!memory)
        return NULL;
    fill(memory, size);
    check(memory, size, "a thread's memory");
    free(memory);
    return (void *)1;
}

static void exercise_threads(void)
{
    pthread_t threads[THREADS];
    void *result;

    for (int i = 0; i < THREADS; i++) {
        errno = pthread_create(&threads[i], NULL, thread_main, NULL);
        if (errno)
            fail("thread number %d", i);
    }
    for (int i = 0; i < THREADS; i++) {
        errno = pthread_join(threads[i], &result);
        if (errno || !result)
            fail("thread number %d", i);
    }
}

static void exercise_files(void)
{
    static const char *const paths[] = { "/tmp/tenant.try", "/dev/shm/tenant.try", "/run/tenant.try" };
    size_t size = 1 << 20;
    unsigned char *memory;
    struct stat st;
    int fd;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        memory = mapped_file(paths[i], size);
        fill(memory, size);
        check(memory, size, paths[i]);
        (void)munmap(memory, size);
        if (unlink(paths[i]) < 0)
            fail("unlink %s", paths[i]);
    }
    fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        fail("open the program");
    memory = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED || memcmp(memory, "\177ELF", 4) != 0)
        fail("mmap the program");
    (void)munmap(memory, (size_t)st.st_size);
    (void)close(fd);
}

static void exercise(void)
{
    exercise_pipe();
    exercise_processes();
    exercise_threads();
    exercise_files();
}

static int hold(size_t anon_size, size_t file_size)
{
    unsigned char *anon, *file;
    sigset_t set;
    int caught, n = 0;

    /* Process 1 gets no signal it has no handler for; these are taken by sigwait. */
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR1);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);

    anon = anonymous(anon_size);
    fill(anon, anon_size);
    file = mapped_file("/tmp/tenant.file", file_size);
    fill(file, file_size);
    exercise();
    (void)puts("ready");
    for (;;) {
        (void)fflush(stdout);
        if (sigwait(&set, &caught) != 0)
            fail("sigwait");
        if (caught == SIGTERM)
            return 0;
        check(anon, anon_size, "anonymous memory");
        check(file, file_size, "the file");
        (void)printf("intact %d\n", ++n);
    }
}

static size_t size_of(const char *text)
{
    char *end;
    unsigned long long size;

    errno = 0;
    size = strtoull(text, &end, 10);
    if (errno || *end || end == text || size % PAGE != 0) {
        errno = EINVAL;
        fail("'%s' is not a multiple of %d", text, PAGE);
    }
    return size;
}

int main(int argc, char *argv[])
{
    const char *verb = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "child") == 0)
        return 42;
    if (strcmp(verb, "hold") == 0 && argc == 4)
        return hold(size_of(argv[2]), size_of(argv[3]));
    if (strcmp(verb, "exercise") == 0 && argc == 2) {
        exercise();
        (void)puts("exercised");
        return 0;
    }
    if (strcmp(verb, "sit") == 0 && argc == 3) {
        fill(anonymous(size_of(argv[2])), size_of(argv[2]));
        (void)puts("ready");
        (void)fflush(stdout);
        for (;;)
            (void)pause();
    }
    if (strcmp(verb, "overflow") == 0 && argc == 3) {
        size_t size = size_of(argv[2]);

        fill(anonymous(size), size);
        (void)puts("took");
        return 0;
    }
    (void)fprintf(stderr, "usage: tenant hold ANON FILE | exercise | overflow BYTES | sit BYTES\n");
    return 2;
}
