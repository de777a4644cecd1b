/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_PROGRAM_H
#define GUEST_LAUNCH_PROGRAM_H

#include <stddef.h>

#include "agent/guest/launch/root.h"

/* The kernel reads this much of a script's first line (BINPRM_BUF_SIZE). */
#define LAUNCH_SCRIPT_HEAD 256

/*
 * Finds the program of a request inside the root.
 *
 * name: args[0]. search: the value of PATH; its empty and relative elements are skipped, since "the current
 * directory" is no place for a program nobody named. cwd: absolute, for a relative name with a slash.
 *
 * Checks also what execve() would need next, because its own answer ("No such file or directory" about a file
 * that is there) tells nobody what is missing: the interpreter of a script, the loader of a dynamic ELF
 * program. The magic links of /proc are refused all along that way: an image whose program is a link or a
 * script line to /proc/self/exe would otherwise start the daemon's own binary (CVE-2019-5736).
 *
 * *ret_path: the path for execve() inside the container; the caller frees it. Returns 0 or failure->error.
 * Programs below mounts that only the container has (launch_root_hides()) do not exist yet: not found.
 */
int launch_program_find(const struct launch_root *root, const char *name, const char *search, const char *cwd,
                        char **ret_path, struct launch_failure *failure);

/*
 * Reads the first line of a script: *ret_interpreter is a path in head, NUL-terminated. head: the first bytes
 * of a file, changed by this. Returns 1, 0 (no script) or -ENOEXEC (a script without interpreter, or a line
 * that does not fit). Pure.
 */
int launch_script_parse(char *head, size_t size, const char **ret_interpreter);

/*
 * Reads PT_INTERP, the loader, of the ELF program behind fd into buffer.
 * Returns 1, 0 (no ELF, or static), -ENOEXEC (damaged, or not for this machine) or errors of pread().
 */
int launch_elf_loader(int fd, char *buffer, size_t size);

#endif
