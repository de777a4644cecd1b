/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LOG_H
#define GUEST_LOG_H

/*
 * The daemon's log: one line per fact on standard error. With the journal behind it each line begins with its
 * <priority> (sd-daemon(3)), else with the program's name. What a peer sent cannot break a line: control
 * characters become '?'.
 */

#include <syslog.h>

/* Finds out whether standard error is the journal. Call once, first. */
void log_open(void);

/* Lines above this syslog priority are dropped; LOG_INFO at first. */
void log_set_level(int level);

void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)

/* From the one to the other lines wait, in their order, as many as fit into some kilobytes: a console is
 * slow, and whoever reads the journal is woken. For the short while in which somebody waits for more than the
 * log. */
void log_hold(void);
void log_release(void);

/* Logs an error and returns `error`: for the frame that gives up. */
int log_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
