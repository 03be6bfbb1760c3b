// Kernels on the host, for tests: the threads of a block are fibers that switch at barriers and warp collectives, blocks
// run one after the other. Index arithmetic, shared memory, barriers, asynchronous copies and the register layout of
// mma.sync are those of the device; timing is not. Included by platform.h under PR1_EMULATE.
//
// What this finds: wrong indices (device allocations end at an unmapped page), a missing barrier (fibers run far ahead
// of each other, in an order that PR1_EMULATE_ORDER=reverse turns round), a missing wait for an asynchronous copy
// (data arrives only at the wait), a collective that not every lane reaches. What it cannot find: what only real
// timing or the real compiler does.
#pragma once
#include <dlfcn.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define __align__(n) alignas(n)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  dim3() = default;
  dim3(unsigned x_, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace pr1::cuda::emulation {

struct Copy {
  void* to;
  const void* from;  // null: zeros
  int bytes;
};

struct Fiber {
  jmp_buf at;
  bool started = false, done = false;
  std::vector<Copy> open;                   // copies of the group that is being filled
  std::vector<std::vector<Copy>> committed;  // oldest first
};

struct Warp {
  int arrived = 0, live = 0;
  unsigned generation = 0;
  unsigned words[2][32][8];  // what the lanes deposit; two buffers, used in turn
  float results[2][32][4];
  int turn[32] = {};
};

struct Block {
  int threads = 0, finished = 0, arrived = 0, current = 0;
  unsigned generation = 0;
  bool reverse = false;
  jmp_buf scheduler;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<std::unique_ptr<char[]>> stacks;
  std::vector<unsigned char> shared;
  std::function<void()> body;
};
inline Block block;
constexpr size_t kStack = 256 << 10;

inline void yield() {
  Fiber& self = block.fibers[static_cast<size_t>(block.current)];
  if (_setjmp(self.at) == 0) _longjmp(block.scheduler, 1);
}

inline void entry() {
  block.body();
  Fiber& self = block.fibers[static_cast<size_t>(block.current)];
  if (!self.open.empty() || !self.committed.empty()) {
    std::fprintf(stderr, "emulation: a thread ended with asynchronous copies it never waited for\n");
    std::abort();
  }
  self.done = true;
  block.finished++;
  block.warps[static_cast<size_t>(block.current) / 32].live--;
  _longjmp(block.scheduler, 1);
}

inline void run_block() {
  static ucontext_t home, fresh;
  static volatile int at;
  static volatile bool progressed;
  const int n = block.threads;
  block.finished = block.arrived = 0;
  if (block.stacks.size() < static_cast<size_t>(n)) block.stacks.resize(static_cast<size_t>(n));
  block.fibers.assign(static_cast<size_t>(n), Fiber());
  block.warps.assign(static_cast<size_t>((n + 31) / 32), Warp());
  for (int i = 0; i < n; i++) block.warps[static_cast<size_t>(i) / 32].live++;
  static volatile unsigned idle;
  idle = 0;
  at = 0;
  while (block.finished < n) {
    const int i = block.reverse ? n - 1 - at : static_cast<int>(at);
    Fiber& fiber = block.fibers[static_cast<size_t>(i)];
    if (!fiber.done) {
      block.current = i;
      threadIdx = dim3(static_cast<unsigned>(i) % blockDim.x, static_cast<unsigned>(i) / blockDim.x);
      const int finished = block.finished;
      const unsigned generation = block.generation;
      if (_setjmp(block.scheduler) == 0) {
        if (fiber.started) _longjmp(fiber.at, 1);
        fiber.started = true;
        auto& stack = block.stacks[static_cast<size_t>(i)];
        if (!stack) stack.reset(new char[kStack]);
        getcontext(&fresh);
        fresh.uc_stack.ss_sp = stack.get();
        fresh.uc_stack.ss_size = kStack;
        fresh.uc_link = &home;
        makecontext(&fresh, entry, 0);
        setcontext(&fresh);
      }
      progressed = block.finished != finished || block.generation != generation;
      idle = progressed ? 0 : idle + 1;
      if (idle > 100000000u) {
        std::fprintf(stderr, "emulation: threads wait for each other for ever (a barrier that not all reach)\n");
        std::abort();
      }
    }
    at = at + 1 == n ? 0 : at + 1;
  }
}

inline void sync_block() {
  Block& b = block;
  if (++b.arrived == b.threads - b.finished) {
    b.arrived = 0;
    b.generation++;
    return;
  }
  const unsigned generation = b.generation;
  while (b.generation == generation) yield();
}

inline Warp& warp() { return block.warps[static_cast<size_t>(block.current) / 32]; }
inline int lane() { return block.current % 32; }

/// Waits until all lanes are here; `last` runs once, before anyone goes on.
template <class F>
inline void sync_warp(F&& last) {
  Warp& w = warp();
  if (++w.arrived == w.live) {
    w.arrived = 0;
    last();
    w.generation++;
    return;
  }
  const unsigned generation = w.generation;
  while (w.generation == generation) yield();
}

template <class T>
inline T exchange(T value, int from) {
  static_assert(sizeof(T) <= 8, "one or two words");
  Warp& w = warp();
  const int l = lane(), turn = w.turn[l] ^= 1;
  std::memcpy(w.words[turn][l], &value, sizeof(T));
  sync_warp([] {});
  T out;
  std::memcpy(&out, w.words[turn][from], sizeof(T));
  return out;
}

inline float widen(unsigned half) {
  const unsigned bits = half << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}

/// mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 with the fragment layout of the PTX manual.
inline void mma(float* d, const unsigned* a, unsigned b0, unsigned b1) {
  Warp& w = warp();
  const int l = lane(), turn = w.turn[l] ^= 1;
  unsigned* mine = w.words[turn][l];
  for (int i = 0; i < 4; i++) mine[i] = a[i];
  mine[4] = b0, mine[5] = b1;
  std::memcpy(w.results[turn][l], d, 16);
  sync_warp([&] {
    float A[16][16], B[16][8], D[16][8];
    for (int lane = 0; lane < 32; lane++) {
      const unsigned* in = w.words[turn][lane];
      const int g = lane / 4, t = lane % 4;
      for (int i = 0; i < 4; i++) {
        const int row = g + (i & 1) * 8, k = 2 * t + (i >> 1) * 8;
        A[row][k] = widen(in[i] & 0xFFFF), A[row][k + 1] = widen(in[i] >> 16);
      }
      for (int i = 0; i < 2; i++) {
        const int k = 2 * t + i * 8;
        B[k][g] = widen(in[4 + i] & 0xFFFF), B[k + 1][g] = widen(in[4 + i] >> 16);
      }
      for (int i = 0; i < 4; i++) D[g + (i >> 1) * 8][2 * t + (i & 1)] = w.results[turn][lane][i];
    }
    for (int m = 0; m < 16; m++) {
      for (int k = 0; k < 16; k++) {
        for (int n = 0; n < 8; n++) D[m][n] += A[m][k] * B[k][n];
      }
    }
    for (int lane = 0; lane < 32; lane++) {
      const int g = lane / 4, t = lane % 4;
      for (int i = 0; i < 4; i++) w.results[turn][lane][i] = D[g + (i >> 1) * 8][2 * t + (i & 1)];
    }
  });
  std::memcpy(d, w.results[turn][l], 16);
}

inline Fiber& fiber() { return block.fibers[static_cast<size_t>(block.current)]; }
inline void copy_async(void* to, const void* from, int bytes) { fiber().open.push_back({to, from, bytes}); }
inline void commit_copies() {
  fiber().committed.push_back(std::move(fiber().open));
  fiber().open.clear();
}
inline void wait_copies(size_t left) {
  auto& groups = fiber().committed;
  while (groups.size() > left) {
    for (const Copy& c : groups.front()) {
      if (c.from) {
        std::memcpy(c.to, c.from, static_cast<size_t>(c.bytes));
      } else {
        std::memset(c.to, 0, static_cast<size_t>(c.bytes));
      }
    }
    groups.erase(groups.begin());
  }
}

// ---- The runtime ----

/// "Device" memory: each allocation ends at an unmapped page, is filled with NaNs, and counts against a limit.
struct Memory {
  std::map<void*, std::pair<void*, size_t>> held;  // address → mapping
  size_t used = 0;
  size_t limit() const {
    const char* text = std::getenv("PR1_EMULATE_MEMORY");
    return text ? static_cast<size_t>(std::atof(text)) : size_t{8} << 30;
  }
  void* take(size_t bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), body = (bytes + page - 1) / page * page;
    if (used + body > limit()) return nullptr;
    void* map = mmap(nullptr, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return nullptr;
    mprotect(static_cast<char*>(map) + body, page, PROT_NONE);
    void* p = static_cast<char*>(map) + (body - (bytes + 15) / 16 * 16);
    if (bytes <= size_t{64} << 20) std::memset(p, 0xFF, bytes);
    held[p] = {map, body + page};
    used += body;
    return p;
  }
  void give(void* p) {
    auto it = held.find(p);
    if (it == held.end()) throw std::logic_error("emulation: released what was never allocated");
    used -= it->second.second - static_cast<size_t>(sysconf(_SC_PAGESIZE));
    munmap(it->second.first, it->second.second);
    held.erase(it);
  }
};
inline Memory memory;

/// PR1_EMULATE_FAIL names what fails: a kernel (the next wait says so, as on a device), launch:<kernel>, or a function of CUDA.
inline bool fails(const std::string& what) {
  const char* name = std::getenv("PR1_EMULATE_FAIL");
  return name && *name && (what == name || what.rfind(std::string(name) + "<", 0) == 0);
}
inline bool fault = false;  // a kernel failed, and nobody has waited for it yet

using Recording = std::vector<std::function<void()>>;
inline Recording* recording = nullptr;

inline void issue(std::function<void()> work) {
  if (recording) {
    recording->push_back(std::move(work));
  } else {
    work();
  }
}

template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, unsigned threads, size_t shared, A... args) {
  auto held = std::make_tuple(static_cast<P>(args)...);
  issue([=] {
    const char* order = std::getenv("PR1_EMULATE_ORDER");
    block.reverse = order && std::strcmp(order, "reverse") == 0;
    gridDim = grid;
    blockDim = dim3(threads);
    block.threads = static_cast<int>(threads);
    block.body = [&] { std::apply(kernel, held); };
    for (unsigned z = 0; z < grid.z; z++) {
      for (unsigned y = 0; y < grid.y; y++) {
        for (unsigned x = 0; x < grid.x; x++) {
          blockIdx = dim3(x, y, z);
          block.shared.assign(shared + 128, 0xFF);
          run_block();
        }
      }
    }
  });
}

}  // namespace pr1::cuda::emulation

inline void __syncthreads() { pr1::cuda::emulation::sync_block(); }
inline void __syncwarp() {
  pr1::cuda::emulation::sync_warp([] {});
}
template <class T>
inline T __shfl_xor_sync(unsigned, T value, int mask) {
  return pr1::cuda::emulation::exchange(value, pr1::cuda::emulation::lane() ^ mask);
}
template <class T>
inline T __shfl_sync(unsigned, T value, int from) {
  return pr1::cuda::emulation::exchange(value, from & 31);
}
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>((static_cast<uint64_t>(a) * b) >> 32); }
inline unsigned __float_as_uint(float x) {
  unsigned out;
  std::memcpy(&out, &x, 4);
  return out;
}
inline float __uint_as_float(unsigned x) {
  float out;
  std::memcpy(&out, &x, 4);
  return out;
}
