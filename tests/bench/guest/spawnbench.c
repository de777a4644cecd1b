/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts programs in several ways and says when they were asked for and when they ran; runs in the guest, so
 * that there is one clock. The table of verbs at the end is the list of what it does. Prints a line per
 * start: REQUEST INSTRUCTION OUTPUT, in nanoseconds of CLOCK_MONOTONIC.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

/* Of one start by `serve`: the words of its command line. */
#define WORDS_MAX  32
#define STARTS_MAX 256

void die(const char *what, const char *on)
{
    (void)fprintf(stderr, "spawnbench: %s %s: %s\n", what, on, strerror(errno));
    exit(EXIT_FAILURE);
}

uint64_t monotonic_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
        die("cannot read", "the clock");
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t parse_stamp(const char *text)
{
    char *end;
    uint64_t time = strtoull(text, &end, 10);

    if (end == text || *end != '\n')
        die("this is no time:", text);
    return time;
}

static unsigned parse_count(const char *text)
{
    unsigned long count = strtoul(text, NULL, 10);

    if (count == 0 || count > STARTS_MAX)
        die("no count:", text);
    return (unsigned)count;
}

static void print(const struct launched *launched, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        (void)printf("%llu %llu %llu\n", (unsigned long long)launched[i].request,
                     (unsigned long long)launched[i].instruction, (unsigned long long)launched[i].output);
}

/* Reads what a program says first. */
static void read_stamp(int fd, struct launched *ret_launched)
{
    char text[64] = "";
    size_t used = 0;
    ssize_t n;

    while (!strchr(text, '\n') && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0) {
        if (used == 0)
            ret_launched->output = monotonic_ns();
        used += (size_t)n;
    }
    ret_launched->instruction = parse_stamp(text);
    (void)close(fd);
}

static void make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        die("cannot make", "a pipe");
}

static void reap(unsigned n)
{
    int status;

    while (n-- > 0)
        if (wait(&status) < 0 || status != 0)
            die("a program failed:", "see above");
}

/* What has said its time, and stays, so that the end of one is no part of another's start. */
static void end(const int *pids, unsigned n)
{
    int status;

    for (unsigned i = 0; i < n; i++)
        if (kill(pids[i], SIGKILL) < 0 || waitpid(pids[i], &status, 0) < 0)
            die("cannot end", "a program");
}

static void do_floor(char **args)
{
    char *argv[] = { args[3], (char *)"stay", NULL };
    uint64_t flags = strtoull(args[1], NULL, 16), request;
    unsigned n = parse_count(args[2]);
    struct launched launched[STARTS_MAX] = { 0 };
    int readers[STARTS_MAX], pids[STARTS_MAX];

    request = monotonic_ns();
    for (unsigned i = 0; i < n; i++) {
        int ends[2];

        make_pipe(ends);
        pids[i] = launch_floor(args[0], i, flags, argv, ends[1]);
        (void)close(ends[1]);
        readers[i] = ends[0];
        launched[i].request = request;
    }
    for (unsigned i = 0; i < n; i++)
        read_stamp(readers[i], &launched[i]);
    end(pids, n);
    print(launched, n);
}

static void do_command(char **args)
{
    struct launched launched = { .request = monotonic_ns() };
    int ends[2];

    make_pipe(ends);
    (void)launch_command(args, ends[1]);
    (void)close(ends[1]);
    read_stamp(ends[0], &launched);
    reap(1);
    print(&launched, 1);
}

static void do_czoned(char **args)
{
    unsigned n = parse_count(args[2]);
    struct launched launched[STARTS_MAX] = { 0 };

    launch_czoned(args[0], args[1], args[3], n, launched);
    print(launched, n);
}

/* One line per cgroup that is made below a directory, and removed again: the nanoseconds that took. */
static void do_cgroups(char **args)
{
    unsigned n = parse_count(args[1]);

    for (unsigned i = 0; i < n; i++) {
        uint64_t begin = monotonic_ns(), made;
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/made", args[0]);
        if (mkdir(path, 0755) < 0)
            die("cannot make", path);
        made = monotonic_ns();
        if (rmdir(path) < 0)
            die("cannot remove", path);
        (void)printf("%llu\n", (unsigned long long)(made - begin));
    }
}

/* One line of words; returns how many. */
static unsigned read_words(int fd, char *line, size_t size, char **words)
{
    unsigned n = 0;
    size_t used = 0;
    char *rest = line;

    while (used == 0 || line[used - 1] != '\n') {
        if (used + 1 >= size || read(fd, line + used, 1) != 1)
            die("cannot read", "a request");
        used++;
    }
    line[used - 1] = '\0';
    for (char *word; n < WORDS_MAX && (word = strsep(&rest, " "));)
        words[n++] = word;
    return n;
}

/* The program's output is the connection itself. */
static void serve_one(int fd)
{
    char line[4096], *words[WORDS_MAX + 1] = { NULL };
    unsigned n = read_words(fd, line, sizeof(line), words);

    if (n == 4 && strcmp(words[0], "floor") == 0)
        (void)launch_floor(words[1], 0, strtoull(words[2], NULL, 16), words + 3, fd);
    else if (n > 1 && strcmp(words[0], "command") == 0)
        (void)launch_command(words + 1, fd);
    else
        die("no such request:", words[0]);
    reap(1);
}

/* For a host that wants to know when the first output is there. */
static void do_serve(char **args)
{
    struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.svm_port = (unsigned)strtoul(args[0], NULL, 10);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 1) < 0)
        die("cannot listen on vsock port", args[0]);
    (void)puts("listening");
    (void)fflush(stdout);
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0)
            die("cannot accept on vsock port", args[0]);
        serve_one(fd);
        (void)close(fd);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int n_args;
        void (*run)(char **args);
    } verbs[] = {
        { "floor", 4, do_floor },     { "command", 1, do_command }, { "czoned", 4, do_czoned },
        { "cgroups", 2, do_cgroups }, { "serve", 1, do_serve },
    };

    for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[1], verbs[i].name) != 0 || argc - 2 < verbs[i].n_args)
            continue;
        verbs[i].run(argv + 2);
        return EXIT_SUCCESS;
    }
    (void)fputs("usage: spawnbench floor CGROUP FLAGS COUNT PROGRAM | command PROGRAM ARG… |\n"
                "                  czoned SOCKET PREFIX COUNT PARAMETERS | cgroups DIR COUNT | serve PORT\n",
                stderr);
    return EXIT_FAILURE;
}
