// The most that this machine reads from memory: threads sum buffers far larger than the caches, in every way that may be the fastest.
// A thread reads its share as so many streams side by side (each has a prefetcher of its own), with or without fetching ahead into
// the second-level cache, from pages of 4 KB or 2 MB.
// Usage: bandwidth threads MiB passes. Prints one line of JSON: bytes a second of the fastest pass, and the way it went.
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

typedef uint64_t Line __attribute__((vector_size(64)));

/// Sums `lines` lines as kStreams streams, each kAhead lines ahead in the cache.
template <int kStreams, int kAhead>
static uint64_t sum(const Line* x, size_t lines) {
  const size_t stream = lines / kStreams;
  Line parts[kStreams] = {};
  for (size_t i = 0; i < stream; i++) {
#pragma GCC unroll 16
    for (int s = 0; s < kStreams; s++) {
      const Line* at = x + static_cast<size_t>(s) * stream + i;
      if (kAhead > 0) __builtin_prefetch(at + kAhead, 0, 2);
      parts[s] += *at;
    }
  }
  Line all = {};
  for (const Line& part : parts) all += part;
  uint64_t total = 0;
  for (int i = 0; i < 8; i++) total += all[i];
  return total;
}

struct Way {
  int streams, ahead;
  uint64_t (*read)(const Line*, size_t);
};
static const Way ways[] = {
    {1, 0, sum<1, 0>},   {1, 32, sum<1, 32>},   {1, 128, sum<1, 128>},  {2, 0, sum<2, 0>},   {2, 32, sum<2, 32>},
    {4, 0, sum<4, 0>},   {4, 16, sum<4, 16>},   {4, 64, sum<4, 64>},    {8, 0, sum<8, 0>},   {8, 16, sum<8, 16>},
    {8, 64, sum<8, 64>}, {16, 0, sum<16, 0>},   {16, 16, sum<16, 16>},
};

/// Zeroed memory in pages of 2 MB, where the system gives such on demand, or of 4 KB.
static Line* pages(size_t bytes, bool large) {
  void* p = mmap(nullptr, bytes + (2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) std::exit(1);
#if defined(MADV_HUGEPAGE)
  madvise(p, bytes + (2 << 20), large ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#else
  (void)large;
#endif
  return reinterpret_cast<Line*>((reinterpret_cast<uintptr_t>(p) + (2 << 20) - 1) >> 21 << 21);
}

int main(int argc, char** argv) {
  if (argc < 4) return 1;
  const size_t threads = static_cast<size_t>(std::atoi(argv[1])), lines = static_cast<size_t>(std::atoi(argv[2])) * 16384 / threads;
  const int passes = std::atoi(argv[3]);
  std::atomic<uint64_t> total{0};
  double best = 0;
  const Way* fastest = nullptr;
  bool large_pages = false;
  for (bool large : {false, true}) {
    std::vector<Line*> buffers(threads);
    auto all = [&](auto&& body) {
      std::atomic<size_t> ready{0};
      std::chrono::steady_clock::time_point start;
      std::vector<std::thread> pool;
      for (size_t t = 0; t < threads; t++) {
        pool.emplace_back([&, t] {
          // They begin together, and the clock with the last of them.
          if (ready.fetch_add(1) + 1 == threads) {
            start = std::chrono::steady_clock::now();
            ready = threads + 1;
          }
          while (ready.load() <= threads) {
          }
          body(t);
        });
      }
      for (auto& thread : pool) thread.join();
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    all([&](size_t t) {
      buffers[t] = pages(lines * sizeof(Line), large);
      for (size_t i = 0; i < lines; i++) buffers[t][i] = Line{} + i;
    });
    for (int pass = 0; pass < passes; pass++) {
      for (const Way& way : ways) {
        const double seconds = all([&](size_t t) { total += way.read(buffers[t], lines); });
        const double rate = static_cast<double>(threads * lines * sizeof(Line)) / seconds;
        if (rate <= best) continue;
        best = rate;
        fastest = &way;
        large_pages = large;
      }
    }
    for (Line* buffer : buffers) munmap(buffer, lines * sizeof(Line));
  }
  if (!total) return 1;
  std::printf("{\"bytesPerSecond\": %.0f, \"threads\": %zu, \"streams\": %d, \"linesAhead\": %d, \"pages\": \"%s\"}\n", best, threads,
              fastest->streams, fastest->ahead, large_pages ? "2 MB" : "4 KB");
}
