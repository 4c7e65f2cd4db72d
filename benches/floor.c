/* The floor: the namespaces, maps, mounts and the exec that any container needs, and nothing else.
 *   floor ROOT COMMAND [ARG...]
 * Waits for the command and ends with its status. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int result, const char *what) {
    if (result < 0) {
        perror(what);
        _exit(125);
    }
}

static void put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    must(fd, path);
    must(write(fd, text, strlen(text)), path);
    close(fd);
}

int main(int argc, char **argv) {
    char map[64];
    if (argc < 3) return 2;
    uid_t uid = getuid();
    gid_t gid = getgid();
    must(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS), "unshare");
    snprintf(map, sizeof map, "0 %u 1", uid);
    put("/proc/self/uid_map", map);
    put("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", gid);
    put("/proc/self/gid_map", map);
    pid_t child = fork();
    must(child, "fork");
    if (child == 0) {
        const char *root = argv[1];
        must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
        must(mount(root, root, NULL, MS_BIND | MS_REC, NULL), "bind");
        must(chdir(root), "chdir");
        must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "proc");
        must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755"), "dev");
        must(mkdir("dev/pts", 0755), "mkdir");
        must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666"), "devpts");
        must(mkdir("dev/shm", 0755), "mkdir");
        must(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64m"), "shm");
        must(mkdir("dev/mqueue", 0755), "mkdir");
        must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "mqueue");
        const char *nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
        for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) {
            char from[32], to[32];
            snprintf(from, sizeof from, "/dev/%s", nodes[i]);
            snprintf(to, sizeof to, "dev/%s", nodes[i]);
            close(open(to, O_CREAT | O_WRONLY, 0666));
            must(mount(from, to, NULL, MS_BIND, NULL), from);
        }
        must(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL), "sysfs");
        must(sethostname("floor", 5), "hostname");
        must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
        must(umount2(".", MNT_DETACH), "umount");
        must(chdir("/"), "chdir");
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
