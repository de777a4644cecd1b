/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs inside a container and does to its stdio what programs do: `keeper_probe NAME`. Linked statically.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define EXPECT(condition)                                                                                    \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            dprintf(2, "%s:%d: not so: %s (%s)\n", __func__, __LINE__, #condition, strerror(errno));         \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

/* Standard input, until its end. */
static int copy(void)
{
    char buffer[4096];
    ssize_t n;

    while ((n = read(0, buffer, sizeof(buffer))) > 0)
        EXPECT(write(1, buffer, (size_t)n) == n);
    EXPECT(n == 0);
    return 0;
}

/* 64 KiB of numbered lines of 16 bytes, and an exit status. */
static int print_64k(void)
{
    char line[32];

    for (int i = 0; i < 4096; i++) {
        EXPECT(snprintf(line, sizeof(line), "line %09d.\n", i) == 16);
        EXPECT(write(1, line, 16) == 16);
    }
    return 3;
}

/* 4 MiB of the same, in large pieces. */
static int print_4m(void)
{
    static char block[64 << 10];

    for (int i = 0; i < 64; i++) {
        for (size_t line = 0; line < sizeof(block) / 16; line++) {
            char text[32];

            EXPECT(snprintf(text, sizeof(text), "line %09d.\n", i * 4096 + (int)line) == 16);
            memcpy(block + line * 16, text, 16);
        }
        EXPECT(write(1, block, sizeof(block)) == sizeof(block));
    }
    return 0;
}

/* Writes without end. */
static int flood(void)
{
    static char block[4096];

    memset(block, 'x', sizeof(block));
    while (write(1, block, sizeof(block)) > 0)
        ;
    return 1;
}

static int interleave(void)
{
    for (int i = 0; i < 3; i++) {
        EXPECT(write(1, "out\n", 4) == 4);
        (void)usleep(20000);
        EXPECT(write(2, "err\n", 4) == 4);
        (void)usleep(20000);
    }
    return 0;
}

static volatile sig_atomic_t resized;

static void on_resize(int number)
{
    (void)number;
    resized = 1;
}

/* Says the size of its terminal at once and when it has changed. */
static int terminal(void)
{
    struct winsize size;

    EXPECT(signal(SIGWINCH, on_resize) != SIG_ERR);
    for (int fd = 0; fd <= 2; fd++)
        EXPECT(isatty(fd));
    EXPECT(tcgetsid(0) == getpid());
    EXPECT(strncmp(ttyname(0), "/dev/pts/", 9) == 0 || strcmp(ttyname(0), "/dev/console") == 0);
    EXPECT(open("/dev/tty", O_RDWR) >= 0);
    EXPECT(ioctl(0, TIOCGWINSZ, &size) == 0);
    printf("%dx%d\n", size.ws_col, size.ws_row);
    (void)fflush(stdout);
    while (!resized)
        (void)usleep(1000);
    EXPECT(ioctl(0, TIOCGWINSZ, &size) == 0);
    printf("%dx%d\n", size.ws_col, size.ws_row);
    return 0;
}

/* Says the size of its terminal when it has the one that is told late. */
static int sized(void)
{
    struct winsize size = { 0 };

    while (size.ws_col != 132) {
        EXPECT(ioctl(0, TIOCGWINSZ, &size) == 0);
        (void)usleep(1000);
    }
    printf("%dx%d\n", size.ws_col, size.ws_row);
    return 0;
}

static int console(void)
{
    int fd = open("/dev/console", O_RDWR);

    EXPECT(fd >= 0 && write(fd, "to the console\n", 15) == 15);
    return 0;
}

/* Ends, and leaves a process that holds its output and its input for a while. */
static int leave_behind(void)
{
    pid_t pid = fork();

    EXPECT(pid >= 0);
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    EXPECT(write(1, "left\n", 5) == 5);
    return 0;
}

/* One more process of a container, which it is not the first of. */
static int joined(void)
{
    char link[64] = "", first[64] = "";
    struct stat st;

    EXPECT(getpid() > 1 && getppid() == 0 && getsid(0) == getpid());
    EXPECT(stat("/probe", &st) == 0);
    for (size_t i = 0; i < 5; i++) {
        static const char *const names[] = { "mnt", "pid", "ipc", "uts", "cgroup" };
        char own[64], other[64];

        (void)snprintf(own, sizeof(own), "/proc/self/ns/%s", names[i]);
        (void)snprintf(other, sizeof(other), "/proc/1/ns/%s", names[i]);
        memset(link, 0, sizeof(link));
        memset(first, 0, sizeof(first));
        EXPECT(readlink(own, link, sizeof(link) - 1) > 0);
        EXPECT(readlink(other, first, sizeof(first) - 1) > 0);
        EXPECT(strcmp(link, first) == 0);
    }
    EXPECT(access("/of-the-first", F_OK) == 0);
    return 0;
}

/* The first process of a container that others join. */
static int host_others(void)
{
    int fd = open("/of-the-first", O_WRONLY | O_CREAT, 0600);

    EXPECT(fd >= 0);
    (void)close(fd);
    EXPECT(write(1, "ready\n", 6) == 6);
    for (;;)
        (void)pause();
}

/* Looks at all other processes of the container as an attacker would, until there is a file /stop. */
static int look_into_others(void)
{
    static char path[PATH_MAX], exe[PATH_MAX];
    int found = 0;

    EXPECT(write(1, "ready\n", 6) == 6);
    while (access("/stop", F_OK) < 0) {
        for (int pid = 2; pid < 400; pid++) {
            (void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
            memset(exe, 0, sizeof(exe));
            if (readlink(path, exe, sizeof(exe) - 1) > 0 && strcmp(exe, "/probe") != 0 &&
                strcmp(exe, "/keep") != 0)
                found++;
        }
    }
    printf("%d\n", found);
    return found != 0;
}

static int null_is_missing(void)
{
    EXPECT(unlink("/dev/null") == 0);
    return 0;
}

static int null_is_a_fifo(void)
{
    return null_is_missing() || mkfifo("/dev/null", 0666);
}

static int null_is_a_link(void)
{
    return null_is_missing() || symlink("zero", "/dev/null");
}

static int null_is_a_file(void)
{
    int fd;

    EXPECT(null_is_missing() == 0);
    fd = open("/dev/null", O_WRONLY | O_CREAT, 0666);
    EXPECT(fd >= 0 && write(fd, "text", 4) == 4);
    return 0;
}

static const struct act {
    const char *name;
    int (*run)(void);
} acts[] = {
    { "copy", copy },
    { "print-64k", print_64k },
    { "print-4m", print_4m },
    { "flood", flood },
    { "interleave", interleave },
    { "terminal", terminal },
    { "sized", sized },
    { "console", console },
    { "leave-behind", leave_behind },
    { "joined", joined },
    { "host-others", host_others },
    { "look-into-others", look_into_others },
    { "null-is-missing", null_is_missing },
    { "null-is-a-fifo", null_is_a_fifo },
    { "null-is-a-link", null_is_a_link },
    { "null-is-a-file", null_is_a_file },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(acts) / sizeof(acts[0]); i++)
        if (strcmp(acts[i].name, argv[1]) == 0)
            return acts[i].run();
    dprintf(2, "usage: keeper_probe NAME\n");
    return 2;
}
