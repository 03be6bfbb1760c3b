/**
 * A library to be loaded before libc (LD_PRELOAD) that counts what a program does to the files below one folder and, at a chosen
 * one, ends the program or lets the operation fail. So kills fall between any two effects on the disk, and faults of a disk happen
 * to the real program. Built by faults.mjs. It reads:
 *
 *   PR1_FAULT_ROOT   the folder; everything else passes
 *   PR1_FAULT_OPS    kinds that count: c create, w write, s sync, n rename, u remove, m mkdir, t truncate, r open to read, d read
 *   PR1_FAULT_AT     the first operation that is hit, from 1
 *   PR1_FAULT_LAST   the last one; absent: only the first
 *   PR1_FAULT_DO     signal:N sends that signal; errno:N fails with that number; short writes a part only; move renames the folder
 *   PR1_FAULT_COUNT  a file that gets the number of operations at the end
 */

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

struct Plan {
  const char *root = getenv("PR1_FAULT_ROOT");
  const char *ops = getenv("PR1_FAULT_OPS");
  const char *what = getenv("PR1_FAULT_DO");
  const char *count_file = getenv("PR1_FAULT_COUNT");
  long at = number("PR1_FAULT_AT", -1);
  long last = number("PR1_FAULT_LAST", at);
  long argument = 0;

  Plan() {
    if (what != nullptr) {
      if (const char *colon = strchr(what, ':')) argument = atol(colon + 1);
    }
  }
  static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text == nullptr ? otherwise : atol(text);
  }
  bool is(const char *kind) const { return what != nullptr && strncmp(what, kind, strlen(kind)) == 0; }
};

Plan &plan() {
  static Plan one;
  return one;
}

std::atomic<long> done{0};
std::atomic<bool> inside[65536];

bool inside_root(const char *path) {
  const char *root = plan().root;
  if (root == nullptr || path == nullptr) return false;
  const size_t length = strlen(root);
  return strncmp(path, root, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

bool inside_root(int descriptor) { return descriptor >= 0 && descriptor < 65536 && inside[descriptor]; }

enum class Verdict { pass, fail, part };

/** Counts an operation of this kind; `fail` comes with errno set. */
Verdict meet(char kind) {
  Plan &p = plan();
  if (p.ops == nullptr || strchr(p.ops, kind) == nullptr) return Verdict::pass;
  const long n = ++done;
  if (p.at < 0 || n < p.at || n > p.last) return Verdict::pass;
  if (p.is("signal")) kill(getpid(), static_cast<int>(p.argument));
  if (p.is("move") && n == p.at) {
    char gone[4096];
    snprintf(gone, sizeof gone, "%s.gone", p.root);
    using Rename = int (*)(const char *, const char *);
    reinterpret_cast<Rename>(dlsym(RTLD_NEXT, "rename"))(p.root, gone);
  }
  if (p.is("short")) return Verdict::part;
  if (!p.is("errno")) return Verdict::pass;
  errno = static_cast<int>(p.argument);
  return Verdict::fail;
}

template <typename Function> Function *real(const char *name) { return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name)); }

int opened(int descriptor, bool ours) {
  if (descriptor >= 0 && descriptor < 65536) inside[descriptor] = ours;
  return descriptor;
}

template <typename Open> int open_file(const char *path, int flags, Open open) {
  const bool ours = inside_root(path);
  if (ours && meet((flags & O_CREAT) != 0 ? 'c' : 'r') == Verdict::fail) return -1;
  return opened(open(), ours);
}

int mode_of(int flags, va_list rest) { return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, int) : 0; }

/** Bytes of a write that go through. */
size_t share(Verdict verdict, size_t size) { return verdict == Verdict::part && size > 1 ? size / 2 : size; }

__attribute__((destructor)) void report() {
  const char *file = plan().count_file;
  if (file == nullptr) return;
  if (FILE *out = fopen(file, "w")) {
    fprintf(out, "%ld", done.load());
    fclose(out);
  }
}

} // namespace

extern "C" {

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const int mode = mode_of(flags, rest);
  va_end(rest);
  return open_file(path, flags, [&] { return real<int(const char *, int, ...)>("open")(path, flags, mode); });
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const int mode = mode_of(flags, rest);
  va_end(rest);
  return open_file(path, flags, [&] { return real<int(const char *, int, ...)>("open64")(path, flags, mode); });
}

int close(int descriptor) {
  if (descriptor >= 0 && descriptor < 65536) inside[descriptor] = false;
  return real<int(int)>("close")(descriptor);
}

ssize_t write(int descriptor, const void *data, size_t size) {
  const Verdict verdict = inside_root(descriptor) ? meet('w') : Verdict::pass;
  if (verdict == Verdict::fail) return -1;
  return real<ssize_t(int, const void *, size_t)>("write")(descriptor, data, share(verdict, size));
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
  const Verdict verdict = inside_root(descriptor) ? meet('w') : Verdict::pass;
  if (verdict == Verdict::fail) return -1;
  return real<ssize_t(int, const void *, size_t, off64_t)>("pwrite64")(descriptor, data, share(verdict, size), offset);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) { return pwrite64(descriptor, data, size, offset); }

ssize_t writev(int descriptor, const iovec *parts, int count) {
  if (inside_root(descriptor) && meet('w') == Verdict::fail) return -1;
  return real<ssize_t(int, const iovec *, int)>("writev")(descriptor, parts, count);
}

ssize_t read(int descriptor, void *data, size_t size) {
  const Verdict verdict = inside_root(descriptor) ? meet('d') : Verdict::pass;
  if (verdict == Verdict::fail) return -1;
  return real<ssize_t(int, void *, size_t)>("read")(descriptor, data, share(verdict, size));
}

ssize_t pread64(int descriptor, void *data, size_t size, off64_t offset) {
  const Verdict verdict = inside_root(descriptor) ? meet('d') : Verdict::pass;
  if (verdict == Verdict::fail) return -1;
  return real<ssize_t(int, void *, size_t, off64_t)>("pread64")(descriptor, data, share(verdict, size), offset);
}

ssize_t pread(int descriptor, void *data, size_t size, off_t offset) { return pread64(descriptor, data, size, offset); }

int fsync(int descriptor) {
  if (inside_root(descriptor) && meet('s') == Verdict::fail) return -1;
  return real<int(int)>("fsync")(descriptor);
}

int fdatasync(int descriptor) {
  if (inside_root(descriptor) && meet('s') == Verdict::fail) return -1;
  return real<int(int)>("fdatasync")(descriptor);
}

int ftruncate64(int descriptor, off64_t size) noexcept {
  if (inside_root(descriptor) && meet('t') == Verdict::fail) return -1;
  return real<int(int, off64_t)>("ftruncate64")(descriptor, size);
}

int ftruncate(int descriptor, off_t size) noexcept { return ftruncate64(descriptor, size); }

int rename(const char *from, const char *to) noexcept {
  if (inside_root(from) && meet('n') == Verdict::fail) return -1;
  return real<int(const char *, const char *)>("rename")(from, to);
}

int unlink(const char *path) noexcept {
  if (inside_root(path) && meet('u') == Verdict::fail) return -1;
  return real<int(const char *)>("unlink")(path);
}

int rmdir(const char *path) noexcept {
  if (inside_root(path) && meet('u') == Verdict::fail) return -1;
  return real<int(const char *)>("rmdir")(path);
}

int mkdir(const char *path, mode_t mode) noexcept {
  if (inside_root(path) && meet('m') == Verdict::fail) return -1;
  return real<int(const char *, mode_t)>("mkdir")(path, mode);
}
}
