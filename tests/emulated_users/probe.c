/* Makes system calls and prints what came of them: the same where users are emulated and where they are not. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SAY(call) do { errno = 0; long r_ = (long)(call); \
    printf("%s = %ld %s\n", #call, r_, r_ < 0 ? strerrorname_np(errno) : ""); } while (0)
#define BAD ((void *)8)

static void ids(const char *where) {
    uid_t u[3]; gid_t g[3], list[64];
    getresuid(&u[0], &u[1], &u[2]);
    getresgid(&g[0], &g[1], &g[2]);
    int count = getgroups(64, list);
    printf("%s: uid %u %u %u gid %u %u %u groups", where, u[0], u[1], u[2], g[0], g[1], g[2]);
    for (int i = 0; i < count; i++) printf(" %u", list[i]);
    printf("\n");
    fflush(stdout);
}

/* In a child, so that the next one begins as root again. */
static void child(const char *name, void (*body)(void)) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        printf("- %s\n", name);
        body();
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    if (status) printf("%s ended with %x\n", name, status);
}

static void drop(void) {
    gid_t groups[] = {27, 4};
    SAY(setgroups(2, groups)); SAY(setgid(34)); SAY(setuid(33)); ids("dropped");
    SAY(setuid(0)); SAY(setgid(0)); SAY(seteuid(0)); SAY(setreuid(0, 0)); SAY(setresuid(0, 0, 0));
    SAY(setgroups(0, NULL)); SAY(setgroups(1, groups)); SAY(setuid(33)); SAY(setresuid(-1, -1, -1));
    SAY(setuid(-1)); ids("still");
}
static void saved(void) {
    SAY(seteuid(33)); ids("effective"); SAY(setuid(44)); SAY(setreuid(44, -1)); SAY(seteuid(0)); ids("back");
    SAY(setresuid(1, 2, 3)); ids("three"); SAY(setresuid(3, 1, 2)); ids("swapped"); SAY(setreuid(1, 3)); ids("two");
    SAY(setresuid(4, -1, -1)); SAY(setuid(2)); ids("end");
}
static void groups(void) {
    SAY(setegid(5)); SAY(setregid(6, 7)); ids("group"); SAY(setresgid(1, 2, 3)); SAY(setgid(9)); ids("nine");
    SAY(seteuid(1)); SAY(setgid(10)); SAY(setegid(9)); gid_t many[] = {9, 3, 3, 1}; SAY(setgroups(4, many));
    SAY(seteuid(0)); SAY(setgroups(4, many)); ids("sorted"); SAY(getgroups(2, many)); SAY(getgroups(0, NULL));
    SAY(getgroups(-1, many)); SAY(syscall(SYS_setgroups, 70000, many)); SAY(syscall(SYS_setgroups, -1, many));
}
static void files(void) {
    SAY(setfsuid(5)); SAY(setfsuid(-1)); SAY(setfsgid(6)); SAY(setfsgid(-1));
    close(open("/tmp/fs", O_CREAT | O_WRONLY, 0644));
    struct stat s; SAY(stat("/tmp/fs", &s)); printf("%u:%u\n", s.st_uid, s.st_gid);
    SAY(setfsuid(0)); SAY(setfsgid(0)); SAY(unlink("/tmp/fs"));
}
static void *in_thread(void *told) { (void)told; ids("thread"); return NULL; }
static void threads(void) {
    pthread_t thread;
    SAY(setresuid(33, 33, 0));
    pthread_create(&thread, NULL, in_thread, NULL); pthread_join(thread, NULL);
    pid_t pid = vfork();
    if (pid == 0) { _exit(getuid()); }
    int status; waitpid(pid, &status, 0); printf("vfork %d\n", WEXITSTATUS(status));
}
static void orphan(void) {
    SAY(setresuid(33, 33, 33));
    int ends[2]; char byte;
    if (pipe(ends)) return;
    fflush(stdout);
    if (fork() == 0) {
        pid_t parent = getpid();
        if (fork() == 0) { while (getppid() == parent) sched_yield(); ids("orphan"); SAY(setuid(0)); fflush(stdout); _exit(0); }
        _exit(0);
    }
    close(ends[1]); wait(NULL);
    if (read(ends[0], &byte, 1)) return;
}
static void executed(void) {
    SAY(setresuid(33, 44, 55)); fflush(stdout);
    execl("/probe", "probe", "ids", "executed", NULL);
}

/* Capabilities that outlive a change of ids: with them the ids change once more. */
static void kept(void) {
    struct { unsigned version; int pid; } header = {0x20080522, 0};
    struct { unsigned effective, permitted, inheritable; } data[2];
    SAY(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)); SAY(setresuid(33, 33, 33)); ids("kept");
    if (syscall(SYS_capget, &header, data)) return;
    data[0].effective = data[0].permitted; data[1].effective = data[1].permitted;
    SAY(syscall(SYS_capset, &header, data));
    SAY(setresgid(34, 34, 34)); SAY(setgroups(0, NULL)); SAY(setresuid(44, 44, 44)); ids("changed"); fflush(stdout);
    data[0].effective &= ~0xc0u; data[0].permitted &= ~0xc0u;
    SAY(syscall(SYS_capset, &header, data)); SAY(setresuid(1, 1, 1)); SAY(setresgid(1, 1, 1)); fflush(stdout);
    execl("/probe", "probe", "ids", "executed", NULL);
}
static void gave_away(void) {
    struct { unsigned version; int pid; } header = {0x20080522, 0};
    struct { unsigned effective, permitted, inheritable; } data[2];
    if (syscall(SYS_capget, &header, data)) return;
    data[0].effective &= ~0xc0u; data[0].permitted &= ~0xc0u;
    SAY(syscall(SYS_capset, &header, data)); SAY(setuid(1)); SAY(setgid(1)); SAY(setgroups(0, NULL)); ids("still root");
}
/* A setuid program that cannot be run gives nothing. */
static void failed(void) {
    static char longest[1 << 18]; memset(longest, 'x', sizeof longest - 1);
    char *arguments[] = {"of-50", longest, NULL};
    SAY(setresgid(34, 34, 34)); SAY(setresuid(33, 33, 44)); SAY(execv("/of-50", arguments)); ids("as before");
    SAY(execv("/none", arguments)); ids("still");
}

static void rules(void) {
    child("kept", kept); child("gave_away", gave_away); child("failed", failed);
    child("drop", drop); child("saved", saved); child("groups", groups); child("files", files);
    child("threads", threads); child("orphan", orphan); child("executed", executed);
}

static void show(const char *call, int done, unsigned uid, unsigned gid, unsigned mode) {
    if (done) printf("%s %s\n", call, strerrorname_np(errno)); else printf("%s %u:%u %o\n", call, uid, gid, mode);
}
/* Every way to ask whose a file is. */
static void look(const char *directory, const char *name) {
    char path[4096]; struct stat s; struct statx x;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int at = open(directory, O_PATH), file = open(path, O_RDONLY | O_NONBLOCK), bare = open(path, O_PATH | O_NOFOLLOW);
    show("stat", stat(path, &s), s.st_uid, s.st_gid, s.st_mode);
    show("lstat", lstat(path, &s), s.st_uid, s.st_gid, s.st_mode);
    show("fstat", fstat(file, &s), s.st_uid, s.st_gid, s.st_mode);
    show("fstat of a path", fstat(bare, &s), s.st_uid, s.st_gid, s.st_mode);
    show("fstatat", fstatat(at, name, &s, 0), s.st_uid, s.st_gid, s.st_mode);
    show("fstatat of a link", fstatat(at, name, &s, AT_SYMLINK_NOFOLLOW), s.st_uid, s.st_gid, s.st_mode);
    show("fstatat of nothing", fstatat(bare, "", &s, AT_EMPTY_PATH), s.st_uid, s.st_gid, s.st_mode);
    show("statx", statx(at, name, 0, STATX_BASIC_STATS, &x), x.stx_uid, x.stx_gid, x.stx_mode);
    show("statx of a link", statx(at, name, AT_SYMLINK_NOFOLLOW, STATX_UID, &x), x.stx_uid, x.stx_gid, x.stx_mode & S_IFMT);
    show("statx of nothing", statx(bare, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x), x.stx_uid, x.stx_gid, x.stx_mode);
    if (chdir(directory) == 0) show("relative", stat(name, &s), s.st_uid, s.st_gid, s.st_mode);
    char own[64]; snprintf(own, sizeof own, "/proc/self/fd/%d", file);
    show("by /proc", stat(own, &s), s.st_uid, s.st_gid, s.st_mode);
    if (chroot(directory) == 0) {
        snprintf(path, sizeof path, "/%s", name);
        show("chroot", lstat(path, &s), s.st_uid, s.st_gid, s.st_mode);
        if (chdir("/") == 0) show("chroot, relative", lstat(name, &s), s.st_uid, s.st_gid, s.st_mode);
    }
}

static void give(const char *directory) {
    struct stat s;
    SAY(chdir(directory));
    int file = open("f", O_CREAT | O_RDWR, 0755), at = open(".", O_PATH), bare = open("f", O_PATH);
    SAY(symlink("f", "l")); SAY(chmod("f", 06755));
#define OWNER(path) do { lstat(path, &s); printf("%s %u:%u %o\n", path, s.st_uid, s.st_gid, s.st_mode); } while (0)
    SAY(chown("f", 1, 2)); OWNER("f"); SAY(chmod("f", 02644)); SAY(chown("l", 3, -1)); OWNER("f"); OWNER("l");
    SAY(lchown("l", 4, 5)); OWNER("l"); SAY(fchown(file, -1, 6)); OWNER("f"); SAY(fchown(bare, 1, 1));
    SAY(fchownat(at, "l", 7, 7, AT_SYMLINK_NOFOLLOW)); OWNER("l"); OWNER("f");
    SAY(fchownat(file, "", 8, 8, AT_EMPTY_PATH)); OWNER("f"); SAY(fchownat(bare, "", 9, 9, AT_EMPTY_PATH)); OWNER("f");
    SAY(fchownat(at, "f", 1, 1, 0x40000000)); SAY(chown("f", -1, -1)); OWNER("f");
    static const unsigned char capability[20] = {1, 0, 0, 2, 0, 4};
    SAY(setxattr("f", "security.capability", capability, 20, 0)); SAY(getxattr("f", "security.capability", NULL, 0));
    SAY(chown("f", 9, 9)); SAY(getxattr("f", "security.capability", NULL, 0));
    SAY(chown("none", 1, 1)); SAY(chown("f/x", 1, 1)); SAY(chown("", 1, 1)); SAY(chown(NULL, 1, 1)); SAY(fchown(-1, 1, 1));
    SAY(mkdir("g", 0777)); SAY(chown("g", 50, 60)); SAY(chmod("g", 02777)); OWNER("g");
    fflush(stdout);
    if (fork() == 0) {
        SAY(setgid(34)); SAY(setuid(33)); umask(022);
        close(open("g/file", O_CREAT | O_WRONLY, 0666)); SAY(mkdir("g/d", 0777)); SAY(symlink("x", "g/l"));
        SAY(mkfifo("g/p", 0666)); SAY(link("g/file", "g/again"));
        int socket_ = socket(AF_UNIX, SOCK_STREAM, 0);
        struct sockaddr_un name = {AF_UNIX, "g/s"}; SAY(bind(socket_, (void *)&name, sizeof name));
        OWNER("g/file"); OWNER("g/d"); OWNER("g/l"); OWNER("g/p"); OWNER("g/again"); OWNER("g/s");
        SAY(chown("g/file", 0, -1)); SAY(chown("g/file", 33, 34)); OWNER("g/file"); SAY(chown("g/file", -1, 60));
        SAY(chown("f", 33, -1)); SAY(chown("f", -1, -1)); SAY(lchown("g/l", -1, 34)); SAY(chown("g/file", 33, -1));
        SAY(rename("g/file", "g/renamed")); OWNER("g/renamed"); OWNER("g/again");
        fflush(stdout); _exit(0);
    }
    wait(NULL);
    SAY(rename("g/d", "d")); OWNER("d"); SAY(link("l", "m")); OWNER("m"); SAY(unlink("f"));
    fstat(file, &s); printf("unlinked %u:%u %o\n", s.st_uid, s.st_gid, s.st_mode);
    SAY(fchown(file, 77, 78)); fstat(file, &s); printf("unlinked %u:%u\n", s.st_uid, s.st_gid);
    close(open("f", O_CREAT | O_WRONLY, 0600)); OWNER("f");
}

/* Arguments that are no good: the kernel's errors. */
static void bad(void) {
    struct stat s; struct statx x; gid_t list[4]; uid_t id; struct rlimit limit;
    static char longest[5000]; memset(longest, 'a', sizeof longest - 1); longest[0] = '/';
    static char deep[4096]; for (int i = 0; i < 4094; i += 2) memcpy(deep + i, "./", 2);
    int closed = dup(0); close(closed);
    SAY(stat(NULL, &s)); SAY(stat(BAD, &s)); SAY(stat("/", BAD)); SAY(lstat("/etc", BAD)); SAY(fstat(0, BAD));
    SAY(stat("/owned", BAD)); SAY(lstat("/owned", BAD)); SAY(statx(AT_FDCWD, "/owned", 0, STATX_BASIC_STATS, BAD));
    SAY(stat("", &s)); SAY(stat(longest, &s)); SAY(stat(deep, &s)); SAY(stat("/etc/passwd/x", &s)); SAY(stat("/none", &s));
    SAY(fstat(closed, &s)); SAY(fstat(-1, &s)); SAY(fstatat(closed, "x", &s, 0)); SAY(fstatat(closed, "/etc", &s, 0));
    SAY(fstatat(closed, "", &s, AT_EMPTY_PATH)); SAY(fstatat(AT_FDCWD, "", &s, AT_EMPTY_PATH)); SAY(fstatat(0, "/etc", &s, 0x8000000));
    SAY(syscall(SYS_newfstatat, AT_FDCWD, NULL, &s, AT_EMPTY_PATH)); SAY(fstatat(-5, "x", &s, 0));
    SAY(statx(AT_FDCWD, "/etc", 0x8000000, STATX_BASIC_STATS, &x)); SAY(statx(AT_FDCWD, "/etc", 0, STATX__RESERVED, &x));
    SAY(statx(AT_FDCWD, "/owned", 0, STATX__RESERVED, &x)); SAY(fstatat(AT_FDCWD, "/owned", &s, 0x8000000));
    SAY(statx(AT_FDCWD, "/owned", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &x));
    SAY(syscall(SYS_getresuid, BAD, &id, &id)); SAY(syscall(SYS_getresuid, &id, &id, NULL)); SAY(syscall(SYS_getresgid, NULL, &id, &id));
    SAY(syscall(SYS_setgroups, 2, BAD)); SAY(syscall(SYS_getgroups, 64, BAD)); SAY(getgroups(-1, list)); SAY(setgroups(0, BAD));
    SAY(chown(BAD, 0, 0)); SAY(chown(longest, 0, 0)); SAY(lchown("/none", 0, 0)); SAY(fchown(closed, 0, 0));
    SAY(chown("/etc/passwd/x", 0, 0)); SAY(symlink("loop", "/tmp/loop")); SAY(chown("/tmp/loop", 0, 0)); SAY(stat("/tmp/loop", &s));
    SAY(chown("/proc/self/fd/99", 0, 0)); SAY(fchownat(closed, "x", 0, 0, 0)); SAY(fchownat(closed, "/tmp", 0, 0, 0));
    SAY(unlink("/tmp/loop")); SAY(execve(NULL, NULL, NULL)); SAY(execve("/none", NULL, NULL)); SAY(execve("/etc", NULL, NULL));
    SAY(execve(longest, NULL, NULL)); SAY(execveat(closed, "", NULL, NULL, AT_EMPTY_PATH)); SAY(execve("/etc/passwd", NULL, NULL));
    SAY(getxattr("/", NULL, NULL, 0)); SAY(getxattr(NULL, "user.x", NULL, 0)); SAY(setxattr("/tmp", BAD, "x", 1, 0));
    SAY(getxattr("/none", "trusted.x", NULL, 0)); SAY(getxattr("/tmp", "trusted.x", NULL, 0)); SAY(fgetxattr(closed, "trusted.x", NULL, 0));
    SAY(getsockopt(closed, SOL_SOCKET, SO_PEERCRED, &s, (socklen_t[]){12})); SAY(getsockopt(0, SOL_SOCKET, SO_PEERCRED, &s, (socklen_t[]){12}));
    int pair[2]; SAY(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    SAY(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, BAD, (socklen_t[]){12})); SAY(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &s, BAD));
    SAY(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &s, (socklen_t[]){4}));
    SAY(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &s, (socklen_t[]){-1}));
    SAY(syscall(SYS_getrlimit, RLIMIT_LOCKS, BAD)); SAY(syscall(SYS_setrlimit, RLIMIT_LOCKS, BAD));
    SAY(syscall(SYS_prlimit64, 0, RLIMIT_LOCKS, NULL, BAD)); SAY(syscall(SYS_prlimit64, 0, RLIMIT_LOCKS, BAD, NULL));
    SAY(syscall(SYS_prlimit64, 99999, RLIMIT_LOCKS, NULL, &limit)); SAY(syscall(SYS_prlimit64, 0, RLIMIT_LOCKS, NULL, NULL));
    SAY(mknod("/none/x", S_IFCHR | 0600, 0x103)); SAY(mknod(NULL, S_IFCHR | 0600, 0)); SAY(mkfifo("/tmp", 0600));
}

static void limits(void) {
    struct rlimit limit, ten = {10, 10}; struct rlimit64 old;
    SAY(setresuid(33, 33, 33)); getrlimit(RLIMIT_LOCKS, &limit);
    printf("%d %d\n", limit.rlim_cur == RLIM_INFINITY, limit.rlim_max == RLIM_INFINITY);
    SAY(setrlimit(RLIMIT_LOCKS, &ten)); ids("limited");
    SAY(syscall(SYS_prlimit64, 0, RLIMIT_LOCKS, &ten, &old)); ids("limited again");
    SAY(syscall(SYS_prlimit64, 0, (1ul << 32) + RLIMIT_LOCKS, &ten, NULL)); ids("limited by a long number");
    SAY(getrlimit(RLIMIT_NOFILE, &limit));
}

static void say_peer(const char *what, int fd) {
    struct ucred peer; socklen_t length = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length)) printf("%s %s\n", what, strerrorname_np(errno));
    else printf("%s %u:%u %d length %u\n", what, peer.uid, peer.gid, peer.pid > 0, length);
}
static void peer(void) {
    struct sockaddr_un name = {AF_UNIX, "/tmp/peer"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    umask(0); SAY(bind(listener, (void *)&name, sizeof name)); SAY(listen(listener, 1)); fflush(stdout);
    int done[2]; if (pipe(done)) return;
    if (fork() == 0) {
        if (setgid(34) || setuid(33)) _exit(1);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(fd, (void *)&name, sizeof name)) _exit(1);
        char byte; close(done[1]); if (read(done[0], &byte, 1) < 0) _exit(1);
        say_peer("of the server", fd); fflush(stdout); _exit(0);
    }
    int fd = accept(listener, NULL, NULL);
    say_peer("of the client", fd); fflush(stdout); close(done[1]); close(done[0]); wait(NULL); unlink("/tmp/peer");
}

/* Who has connected and is not there any more. */
static void gone(void) {
    struct sockaddr_un name = {AF_UNIX, "/tmp/gone"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    umask(0); if (bind(listener, (void *)&name, sizeof name) || listen(listener, 1)) return;
    if (fork() == 0) {
        if (setgid(34) || setuid(33)) _exit(1);
        _exit(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&name, sizeof name) != 0);
    }
    int status; wait(&status); if (status) return;
    say_peer("of the client", accept(listener, NULL, NULL)); unlink("/tmp/gone");
}

/* Says who has connected, from outside of the container. */
static void serve(const char *path) {
    struct sockaddr_un name = {AF_UNIX};
    strncpy(name.sun_path, path, sizeof name.sun_path - 1);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (void *)&name, sizeof name) || listen(listener, 1)) return;
    say_peer("of the client", accept(listener, NULL, NULL));
}

/* In a root of one's own, by paths from there. */
static void inside(const char *directory) {
    struct stat s;
    SAY(chroot(directory)); SAY(chdir("/")); SAY(mkdir("sub", 0755)); SAY(symlink("/sub", "link")); SAY(chdir("sub"));
    close(open("f", O_CREAT | O_WRONLY, 0600)); SAY(symlink("f", "l"));
    SAY(chown("l", 3, 4)); OWNER("f"); SAY(chown("/link/f", 5, 6)); OWNER("f"); SAY(chown("../link/l", 7, 8)); OWNER("/link/l");
    OWNER("../sub/f"); SAY(chown("../../../sub/f", 9, 9)); OWNER("f");
}

/* One thread changes a path while others ask with it. */
static char shared[64] = "/owned";
static volatile int stop;
static void *flip(void *told) {
    (void)told;
    while (!stop) { memcpy(shared, "/owned\0", 7); memcpy(shared, "/none/x", 8); memset(shared, 'x', 8); }
    return NULL;
}
static void race(void) {
    pthread_t thread; struct stat s;
    pthread_create(&thread, NULL, flip, NULL);
    for (int i = 0; i < 3000; i++) {
        if (stat(shared, &s) == 0 && s.st_uid != 0 && s.st_uid != 33) printf("somebody else's: %u\n", s.st_uid);
        if (i % 10 == 0) lchown(shared, 33, 33);
    }
    stop = 1; pthread_join(thread, NULL);
    printf("raced\n");
}

static void attributes(const char *path) {
    char value[64] = "", names[256]; int file = open(path, O_RDONLY);
    SAY(setxattr(path, "trusted.t", "one", 3, XATTR_CREATE)); SAY(setxattr(path, "trusted.t", "two", 3, XATTR_CREATE));
    SAY(fsetxattr(file, "security.s", "three", 5, 0)); SAY(lsetxattr(path, "user.u", "four", 4, 0));
    SAY(setxattr(path, "trusted.gone", "", 0, 0)); SAY(removexattr(path, "trusted.gone")); SAY(removexattr(path, "trusted.gone"));
    SAY(getxattr(path, "trusted.t", value, sizeof value)); printf("%s\n", value);
    SAY(fgetxattr(file, "security.s", value, sizeof value)); printf("%s\n", value);
    SAY(getxattr(path, "trusted.t", value, 1)); SAY(getxattr(path, "trusted.t", NULL, 0)); SAY(getxattr(path, "trusted.none", value, 9));
    SAY(setxattr(path, "user.coracle.owner", "1:1", 3, 0)); SAY(setxattr(path, "security.coracle.owner", "1:1", 3, 0));
    SAY(setxattr(path, "security.coracle.xattr.trusted.t", "x", 1, 0));
    long length = listxattr(path, names, sizeof names);
    for (char *at = names; at < names + length; at += strlen(at) + 1) printf("listed %s\n", at);
    fflush(stdout);
    if (fork() == 0) {
        SAY(setuid(33)); SAY(setxattr(path, "trusted.t", "x", 1, 0)); SAY(getxattr(path, "trusted.t", value, 9)); fflush(stdout); _exit(0);
    }
    wait(NULL);
}

/* A filter with a listener of the program's own. */
static void listener(void) {
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {1, &allow};
    SAY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SAY(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
    SAY(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
    ids("after");
}

/* Different people, one after the other. */
static void many(int count) {
    for (int i = 1; i <= count; i++)
        if (setresuid(i, 0, 0)) { printf("%d: %s\n", i, strerrorname_np(errno)); return; }
    ids("last");
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    if (!strcmp(what, "rules")) rules();
    else if (!strcmp(what, "ids")) ids(argv[2]);
    else if (!strcmp(what, "look")) look(argv[2], argv[3]);
    else if (!strcmp(what, "give")) give(argv[2]);
    else if (!strcmp(what, "bad")) bad();
    else if (!strcmp(what, "limits")) limits();
    else if (!strcmp(what, "peer")) peer();
    else if (!strcmp(what, "chown")) SAY(chown(argv[2], 5, 5));
    else if (!strcmp(what, "gone")) gone();
    else if (!strcmp(what, "serve")) serve(argv[2]);
    else if (!strcmp(what, "inside")) inside(argv[2]);
    else if (!strcmp(what, "race")) race();
    else if (!strcmp(what, "many")) many(atoi(argv[2]));
    else if (!strcmp(what, "attributes")) attributes(argv[2]);
    else if (!strcmp(what, "listener")) listener();
    else if (!strcmp(what, "as")) {
        if (setgid(atoi(argv[2])) || setuid(atoi(argv[2]))) return 1;
        execv(argv[3], argv + 3);
        return 127;
    } else return 2;
    return 0;
}
