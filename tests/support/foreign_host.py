"""Another host, as Python sees it: with a clock of its own, and a name of its own.

A small library, built here and preloaded, answers what Python asks the system for. Only Python
is deceived: Ray's own processes wait by the system's clock, and would wait for hours.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The interpreter and its modules, gRPC's among them: Python gives it moments by its own clock. */
static int asked_by_python(void *caller) {
    Dl_info found;
    if (!dladdr(caller, &found) || !found.dli_fname) return 0;
    const char *slash = strrchr(found.dli_fname, '/');
    const char *name = slash ? slash + 1 : found.dli_fname;
    return strstr(name, "python") != NULL;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    long answer = syscall(SYS_clock_gettime, clock, now);
    const char *shift = getenv("ALBUMEN_CLOCK_SHIFT");
    if (!answer && shift && clock == CLOCK_REALTIME && asked_by_python(__builtin_return_address(0)))
        now->tv_sec += atol(shift);
    return (int)answer;
}

int gethostname(char *name, size_t length) {
    const char *host = getenv("ALBUMEN_HOST_NAME");
    if (host && asked_by_python(__builtin_return_address(0))) {
        snprintf(name, length, "%s", host);
        return 0;
    }
    static int (*real)(char *, size_t);
    if (!real) real = (int (*)(char *, size_t))dlsym(RTLD_NEXT, "gethostname");
    return real(name, length);
}

/* The name leads to this machine: asking the network for it would take long, and find nothing. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (!real) real = (int (*)(const char *, const char *, const struct addrinfo *,
                               struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");
    const char *host = getenv("ALBUMEN_HOST_NAME");
    return real(node && host && !strcmp(node, host) ? "localhost" : node, service, hints, found);
}
"""


def build(folder: Path) -> Path | None:
    """Build the library; None where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "foreign_host.c", folder / "foreign_host.so"
    source.write_text(_SOURCE)
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]
    subprocess.run(command, check=True)
    return library


def environment(library: Path, name: str, clock_ahead_seconds: int = 0) -> dict[str, str]:
    """The variables with which a process, and all that it starts, is on that host."""
    return {
        "LD_PRELOAD": str(library),
        "ALBUMEN_HOST_NAME": name,
        "ALBUMEN_CLOCK_SHIFT": str(clock_ahead_seconds),
    }
