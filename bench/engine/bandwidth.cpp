// How fast this machine reads memory: threads sum a buffer far larger than the caches. Usage: bandwidth threads MiB passes.
// Prints bytes a second of the fastest pass.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

static uint64_t sum(const uint64_t* x, size_t n) {
  uint64_t parts[32] = {};
  for (size_t i = 0; i + 32 <= n; i += 32) {
    for (int k = 0; k < 32; k++) parts[k] += x[i + static_cast<size_t>(k)];
  }
  uint64_t total = 0;
  for (uint64_t part : parts) total += part;
  return total;
}

int main(int argc, char** argv) {
  if (argc < 4) return 1;
  const size_t threads = static_cast<size_t>(std::atoi(argv[1])), share = static_cast<size_t>(std::atoi(argv[2])) * 131072 / threads;
  const int passes = std::atoi(argv[3]);
  std::vector<std::vector<uint64_t>> buffers(threads);
  std::vector<uint64_t> sums(threads);
  double best = 0;
  for (int pass = 0; pass <= passes; pass++) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> pool;
    for (size_t t = 0; t < threads; t++) {
      pool.emplace_back([&, t] {
        if (pass == 0) {
          buffers[t].assign(share, t + 1);  // by the thread that reads it
        } else {
          sums[t] += sum(buffers[t].data(), share);
        }
      });
    }
    for (auto& thread : pool) thread.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double rate = static_cast<double>(threads * share * 8) / seconds;
    if (pass > 0 && rate > best) best = rate;
  }
  uint64_t total = 0;
  for (uint64_t s : sums) total += s;
  std::printf("%.0f\n", total ? best : 0.0);
}
