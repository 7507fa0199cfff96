/* Hides processor features from this process: every CPUID instruction faults, and the handler answers it without some
 * bits. Linux lifts the fault on exec, so the library is loaded into the process that it is to work on. */

#define _GNU_SOURCE
#include <asm/prctl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

struct mask {
    uint32_t leaf, subleaf;
    uint32_t hidden[4]; /* bits of EAX, EBX, ECX, EDX */
};

static struct mask masks[16];
static int masks_count;

static void answer(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)registers[REG_RIP];
    if (code[0] != 0x0f || code[1] != 0xa2) { /* not CPUID: a true fault, which happens again on return */
        signal(SIGSEGV, SIG_DFL);
        return;
    }
    uint32_t leaf = (uint32_t)registers[REG_RAX], subleaf = (uint32_t)registers[REG_RCX];
    uint32_t found[4];
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
    __asm__ volatile("cpuid"
                     : "=a"(found[0]), "=b"(found[1]), "=c"(found[2]), "=d"(found[3])
                     : "a"(leaf), "c"(subleaf));
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
    for (int i = 0; i < masks_count; i++) {
        if (masks[i].leaf == leaf && masks[i].subleaf == subleaf) {
            for (int j = 0; j < 4; j++) {
                found[j] &= ~masks[i].hidden[j];
            }
        }
    }
    registers[REG_RAX] = found[0];
    registers[REG_RBX] = found[1];
    registers[REG_RCX] = found[2];
    registers[REG_RDX] = found[3];
    registers[REG_RIP] += 2;
}

/* Returns 0, or -1 if this processor or hypervisor has no faulting of CPUID. */
int hide(const struct mask *wanted, int count) {
    if (count > (int)(sizeof masks / sizeof *masks)) {
        return -1;
    }
    for (masks_count = 0; masks_count < count; masks_count++) {
        masks[masks_count] = wanted[masks_count];
    }
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (sigaction(SIGSEGV, &action, 0) != 0) {
        return -1;
    }
    return (int)syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
}
