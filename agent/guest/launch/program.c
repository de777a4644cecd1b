/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/program.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

/* A script may be interpreted by a script, at most this deep (fs/exec.c, exec_binprm()). */
#define SCRIPT_DEPTH_MAX 5

#define PROGRAM_HEADERS_MAX 64

int launch_script_parse(char *head, size_t size, const char **ret_interpreter)
{
    char *end, *p;

    if (size < 2 || head[0] != '#' || head[1] != '!')
        return 0;
    end = memchr(head, '\n', size);
    if (!end)
        end = head + size; /* arguments may be cut, as the kernel does, the interpreter not */
    for (p = head + 2; p < end && (*p == ' ' || *p == '\t'); p++)
        ;
    *ret_interpreter = p;
    while (p < end && *p != ' ' && *p != '\t' && *p != '\0')
        p++;
    if (p == *ret_interpreter || p == head + LAUNCH_SCRIPT_HEAD)
        return -ENOEXEC;
    *p = '\0';
    return 1;
}

int launch_elf_loader(int fd, char *buffer, size_t size)
{
    ElfW(Phdr) headers[PROGRAM_HEADERS_MAX];
    ElfW(Ehdr) elf;
    ssize_t n;

    n = pread(fd, &elf, sizeof(elf), 0);
    if (n < 0)
        return -errno;
    if (n < SELFMAG || memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0)
        return 0;
    if (n < (ssize_t)sizeof(elf) ||
        elf.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        (elf.e_type != ET_EXEC && elf.e_type != ET_DYN) || elf.e_phentsize != sizeof(headers[0]) ||
        elf.e_phnum == 0 || elf.e_phnum > PROGRAM_HEADERS_MAX || elf.e_phoff > INT64_MAX)
        return -ENOEXEC;
    n = pread(fd, headers, elf.e_phnum * sizeof(headers[0]), (off_t)elf.e_phoff);
    if (n < 0)
        return errno == EINVAL ? -ENOEXEC : -errno;
    if ((size_t)n < elf.e_phnum * sizeof(headers[0]))
        return -ENOEXEC;
    for (int i = 0; i < elf.e_phnum; i++) {
        if (headers[i].p_type != PT_INTERP)
            continue;
        if (headers[i].p_filesz < 2 || headers[i].p_filesz > size || headers[i].p_offset > INT64_MAX)
            return -ENOEXEC;
        n = pread(fd, buffer, headers[i].p_filesz, (off_t)headers[i].p_offset);
        if (n < 0)
            return errno == EINVAL ? -ENOEXEC : -errno;
        if ((size_t)n < headers[i].p_filesz || buffer[n - 1] != '\0')
            return -ENOEXEC;
        return 1;
    }
    return 0;
}

/* Opens an executable regular file of the root. Returns the fd for reading or a negative errno. */
static int open_executable(const struct launch_root *root, const char *path)
{
    CLEANUP_FD int fd = launch_root_open_file(root, path);
    struct stat st;

    if (fd == -EINVAL)
        return -EACCES; /* a directory, a device: what execve() answers */
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
        return -EACCES;
    if (launch_root_hides(root, fd))
        return -ENOENT;
    return take_fd(&fd);
}

static int program_failure(struct launch_failure *failure, int error, const char *name, const char *what)
{
    const char *why = strerror(-error);

    if (error == -ENOENT || error == -ENOTDIR)
        why = "there is no such file in the container's root";
    else if (error == -EACCES)
        why = "it is not an executable file";
    else if (error == -ELOOP)
        why = "a symbolic link on the way is circular, or leads through a magic link of /proc";
    else if (error == -ENOEXEC)
        why = "it is damaged, or made for another kind of machine";
    return launch_failure_set(failure, LAUNCH_NO_PROGRAM, LAUNCH_STAGE_PROGRAM, error, "args",
                              "cannot run '%s'%s%s: %s", name, what ? ", which needs " : "", what ? what : "",
                              why);
}

/* Follows the chain of interpreters down to the loader. fd: of the program; not closed here. */
static int check_needs(const struct launch_root *root, int fd, const char *name, const char *cwd,
                       struct launch_failure *failure)
{
    CLEANUP_FD int owned = -EBADF;

    for (int depth = 0; depth <= SCRIPT_DEPTH_MAX; depth++) {
        char head[LAUNCH_SCRIPT_HEAD], loader[PATH_MAX] = "", path[PATH_MAX];
        const char *needed = loader;
        bool script;
        ssize_t n;
        int r;

        n = pread(fd, head, sizeof(head), 0);
        if (n < 0)
            return program_failure(failure, -errno, name, NULL);
        r = launch_script_parse(head, (size_t)n, &needed);
        script = r > 0;
        if (r == 0)
            r = launch_elf_loader(fd, loader, sizeof(loader));
        if (r <= 0)
            return r < 0 ? program_failure(failure, r, name, NULL) : 0;
        n = snprintf(path, sizeof(path), "%s%s%s", needed[0] == '/' ? "" : cwd, needed[0] == '/' ? "" : "/",
                     needed);
        r = (size_t)n >= sizeof(path) ? -ENAMETOOLONG : open_executable(root, path);
        if (r < 0)
            return program_failure(failure, r, name, needed);
        cleanup_fd(&owned);
        fd = owned = r;
        if (!script)
            return 0;
    }
    return program_failure(failure, -ELOOP, name, NULL);
}

/* Looks for name in each directory of search. Returns the fd and *ret_path, or a negative errno: -EACCES if
 * there was only a file that is not executable. */
static int search_path(const struct launch_root *root, const char *name, const char *search, char **ret_path)
{
    int result = -ENOENT;

    for (const char *p = search; *p;) {
        const char *end = strchrnul(p, ':');
        CLEANUP_FREE char *path = NULL;
        int fd;

        if (*p == '/') {
            if (asprintf(&path, "%.*s/%s", (int)(end - p), p, name) < 0) {
                path = NULL;
                return -ENOMEM;
            }
            fd = open_executable(root, path);
            if (fd >= 0) {
                *ret_path = TAKE(path);
                return fd;
            }
            if (fd != -ENOENT && fd != -ENOTDIR && result == -ENOENT)
                result = fd;
        }
        p = *end ? end + 1 : end;
    }
    return result;
}

int launch_program_find(const struct launch_root *root, const char *name, const char *search, const char *cwd,
                        char **ret_path, struct launch_failure *failure)
{
    CLEANUP_FREE char *path = NULL;
    CLEANUP_FD int fd = -EBADF;
    int r;

    if (!strchr(name, '/')) {
        fd = search_path(root, name, search, &path);
        if (fd == -ENOENT)
            return launch_failure_set(failure, LAUNCH_NO_PROGRAM, LAUNCH_STAGE_PROGRAM, fd, "args",
                                      "no program '%s' in the container's root; PATH is %s", name, search);
    } else {
        if (asprintf(&path, "%s%s%s", name[0] == '/' ? "" : cwd, name[0] == '/' ? "" : "/", name) < 0) {
            path = NULL;
            return program_failure(failure, -ENOMEM, name, NULL);
        }
        fd = open_executable(root, path);
    }
    if (fd < 0)
        return program_failure(failure, fd, name, NULL);
    r = check_needs(root, fd, name, cwd, failure);
    if (r < 0)
        return r;
    *ret_path = TAKE(path);
    return 0;
}
