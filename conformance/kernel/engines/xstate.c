/* Preloaded into User Mode Linux on CPUs with AMX.

   UML before 6.13 keeps 2,696 bytes of a process's extended registers (all but AMX).  The host takes
   a register set only whole, so setting it fails with EFAULT.  This completes the set with what the
   process has now: its AMX state, which no guest ever uses. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

static unsigned char whole[1 << 16];

long ptrace(enum __ptrace_request request, ...)
{
    static long (*real)(enum __ptrace_request, ...);
    va_list list;
    va_start(list, request);
    pid_t pid = va_arg(list, pid_t);
    void *addr = va_arg(list, void *);
    void *data = va_arg(list, void *);
    va_end(list);

    if (!real)
        real = dlsym(RTLD_NEXT, "ptrace");
    long result = real(request, pid, addr, data);
    if (result == 0 || errno != EFAULT)
        return result;
    if (request != PTRACE_SETREGSET || addr != (void *)NT_X86_XSTATE)
        return result;

    struct iovec part = *(struct iovec *)data;
    struct iovec all = {whole, sizeof whole};
    if (real(PTRACE_GETREGSET, pid, addr, &all) != 0 || all.iov_len <= part.iov_len)
        return -1;
    memcpy(whole, part.iov_base, part.iov_len);
    return real(PTRACE_SETREGSET, pid, addr, &all);
}
