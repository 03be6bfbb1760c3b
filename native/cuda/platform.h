// The little of CUDA that the kernels and their host code use, in one place: the device's own under nvcc, emulated on
// the host under PR1_EMULATE (tests). Host functions throw; allocation returns null where memory is short.
#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <mutex>
#include <unordered_map>

#include "../ops.h"
#include "journal.h"

#if defined(PR1_EMULATE)
#include "emulate.h"
#define PR1_DYNAMIC_SHARED(name)                                                                       \
  unsigned char* name = reinterpret_cast<unsigned char*>(                                              \
      (reinterpret_cast<uintptr_t>(::pr1::cuda::emulation::block.shared.data()) + 127) / 128 * 128)
#define PR1_UNROLL
#else
#include <cuda_runtime.h>

#define PR1_DYNAMIC_SHARED(name) extern __shared__ __align__(128) unsigned char name[]
#define PR1_UNROLL _Pragma("unroll")
#endif

namespace pr1::cuda {

/// Bits of a bfloat16.
using bf16 = uint16_t;

// ---- Device functions ----

/// Two floats, rounded to nearest even; `low` in the lower half.
__device__ __forceinline__ unsigned pack_bf16(float low, float high) {
#if defined(PR1_EMULATE)
  auto round = [](float x) -> unsigned {
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return (bits >> 16) | 0x40u;
    return (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
  };
  return round(low) | (round(high) << 16);
#else
  unsigned out;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
  return out;
#endif
}
__device__ __forceinline__ bf16 to_bf16(float x) { return static_cast<bf16>(pack_bf16(x, 0.0f) & 0xFFFFu); }
__device__ __forceinline__ float from_bf16(bf16 x) { return __uint_as_float(static_cast<unsigned>(x) << 16); }

/// d (16 x 8, float) += a (16 x 16) b (16 x 8), one warp. Register layout: mma.m16n8k16 in the PTX manual.
__device__ __forceinline__ void mma_bf16(float (&d)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0,
                                         unsigned b1) {
#if defined(PR1_EMULATE)
  const unsigned a[4] = {a0, a1, a2, a3};
  emulation::mma(d, a, b0, b1);
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
#endif
}

/// Accumulators in registers, an array of any depth, become 0.
__device__ __forceinline__ void clear(float& x) { x = 0.0f; }
template <class T, int N>
__device__ __forceinline__ void clear(T (&x)[N]) {
  PR1_UNROLL
  for (int i = 0; i < N; i++) clear(x[i]);
}
/// body(i, j, e) for every number of M x N accumulators of mma_bf16.
template <int M, int N, class F>
__device__ __forceinline__ void each_number(F&& body) {
  PR1_UNROLL
  for (int i = 0; i < M; i++) {
    PR1_UNROLL
    for (int j = 0; j < N; j++) {
      PR1_UNROLL
      for (int e = 0; e < 4; e++) body(i, j, e);
    }
  }
}

/// 16 bytes from global to shared memory, zeros where `valid` is false; complete after a wait and a barrier.
__device__ __forceinline__ void copy_async_16(void* to, const void* from, bool valid = true) {
#if defined(PR1_EMULATE)
  emulation::copy_async(to, valid ? from : nullptr, 16);
#else
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes) : "memory");
#endif
}
__device__ __forceinline__ void commit_copies() {
#if defined(PR1_EMULATE)
  emulation::commit_copies();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/// Waits until at most LEFT of this thread's groups are still under way.
template <int LEFT>
__device__ __forceinline__ void wait_copies() {
#if defined(PR1_EMULATE)
  emulation::wait_copies(LEFT);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
#endif
}

/// 16 bytes that no kernel writes while this one runs.
__device__ __forceinline__ uint4 load_16(const void* p) {
#if defined(PR1_EMULATE)
  return *static_cast<const uint4*>(p);
#else
  return __ldg(static_cast<const uint4*>(p));
#endif
}

/// Low (high) halves of two words side by side.
__device__ __forceinline__ unsigned low_halves(unsigned a, unsigned b) {
#if defined(PR1_EMULATE)
  return (a & 0xFFFFu) | (b << 16);
#else
  return __byte_perm(a, b, 0x5410);
#endif
}
__device__ __forceinline__ unsigned high_halves(unsigned a, unsigned b) {
#if defined(PR1_EMULATE)
  return (a >> 16) | (b & 0xFFFF0000u);
#else
  return __byte_perm(a, b, 0x7632);
#endif
}

/// Added whatever other threads add: the same in any order.
__device__ __forceinline__ void atomic_add(unsigned long long* to, unsigned long long x) {
#if defined(PR1_EMULATE)
  *to += x;
#else
  atomicAdd(to, x);
#endif
}

/// 2^x as the hardware has it: one instruction, the same bits in every kernel.
__device__ __forceinline__ float exp2_fast(float x) {
#if defined(PR1_EMULATE)
  return exp2f(x);
#else
  float out;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
  return out;
#endif
}

// Widths of Heads, for kernels.
__host__ __device__ constexpr int q_width(Heads h) { return h.heads * h.dim; }
__host__ __device__ constexpr int kv_width(Heads h) { return h.kv_heads * h.dim; }
__host__ __device__ constexpr int qkv_width(Heads h) { return (h.heads + 2 * h.kv_heads) * h.dim; }

constexpr float kLog2e = 1.4426950408889634f, kLn2 = 0.6931471805599453f;
constexpr unsigned kAllLanes = 0xFFFFFFFFu;

__device__ __forceinline__ float infinity() { return __uint_as_float(0x7F800000u); }

// ---- Host functions ----

#if defined(PR1_EMULATE)

using Stream = int;
using Graph = emulation::Recording*;

inline void* allocate_device(size_t bytes) { return emulation::memory.take(bytes); }
inline void release_device(void* p) { emulation::memory.give(p); }
inline void* allocate_pinned(size_t bytes) { return std::malloc(bytes); }
inline void release_pinned(void* p) { std::free(p); }
inline void copy_in(void* to, const void* from, size_t bytes, Stream) {
  emulation::issue([=] { std::memcpy(to, from, bytes); });
}
inline void copy_out(void* to, const void* from, size_t bytes, Stream) {
  emulation::issue([=] { std::memcpy(to, from, bytes); });
}
inline void copy_device(void* to, const void* from, size_t bytes, Stream) {
  emulation::issue([=] { std::memcpy(to, from, bytes); });
}
inline void fill_zero(void* p, size_t bytes, Stream) {
  emulation::issue([=] { std::memset(p, 0, bytes); });
}
inline const void* key_of(Stream stream) { return reinterpret_cast<const void*>(static_cast<intptr_t>(stream)); }
inline void synchronize(Stream stream) {
  if (emulation::recording) throw std::logic_error("emulation: synchronize while capturing");
  if (emulation::fault) {
    emulation::fault = false;
    throw std::runtime_error(failed_wait(key_of(stream), "an illegal memory access was encountered (emulated)"));
  }
  journal.settled(key_of(stream));
}
inline void destroy_stream(Stream stream) { journal.settled(key_of(stream)); }
inline void begin_capture(Stream) {
  if (emulation::fails("cudaStreamBeginCapture")) throw std::runtime_error("CUDA: cudaStreamBeginCapture failed (emulated).");
  emulation::recording = new emulation::Recording;
}
inline Graph end_capture(Stream) {
  Graph graph = emulation::recording;
  emulation::recording = nullptr;
  return graph;
}
inline void launch_graph(Graph graph, Stream) {
  for (auto& work : *graph) work();
}
inline void destroy_graph(Graph graph) { delete graph; }
inline size_t memory_free() { return emulation::memory.limit() - emulation::memory.used; }

inline const char* name_of(const void* kernel) {
  Dl_info found{};
  return dladdr(kernel, &found) && found.dli_sname ? short_name(found.dli_sname) : "a kernel";
}

template <class... P, class... A>
void start(const Launch& what, void (*kernel)(P...), dim3 grid, unsigned threads, size_t shared, Stream, A... args) {
  if (emulation::fails("launch:" + std::string(what.kernel))) throw std::runtime_error(failed_launch(what, "invalid argument (emulated)"));
  if (emulation::fails(what.kernel)) emulation::issue([] { emulation::fault = true; });
  emulation::launch(kernel, grid, threads, shared, args...);
}

#else

using Stream = cudaStream_t;
using Graph = cudaGraphExec_t;

inline std::string text_of(cudaError_t status) {
  return std::string(cudaGetErrorString(status)) + " (" + cudaGetErrorName(status) + ")";
}
inline void check(cudaError_t status, const std::string& what) {
  if (status != cudaSuccess) throw std::runtime_error("CUDA: " + text_of(status) + ": " + what + " failed.");
}
/// Without a string where nothing failed.
inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) check(status, std::string(what));
}
inline void check_copy(cudaError_t status, const char* where, size_t bytes) {
  if (status != cudaSuccess) check(status, "a copy of " + std::to_string(bytes) + " bytes " + where);
}

inline void* allocate_device(size_t bytes) {
  void* p = nullptr;
  const cudaError_t status = cudaMalloc(&p, bytes);
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    return nullptr;
  }
  check(status, "cudaMalloc");
  return p;
}
inline void release_device(void* p) { (void)cudaFree(p); }
inline void* allocate_pinned(size_t bytes) {
  void* p = nullptr;
  check(cudaMallocHost(&p, bytes), "cudaMallocHost");
  return p;
}
inline void release_pinned(void* p) { (void)cudaFreeHost(p); }
inline void copy_in(void* to, const void* from, size_t bytes, Stream stream) {
  check_copy(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "to the device", bytes);
}
inline void copy_out(void* to, const void* from, size_t bytes, Stream stream) {
  check_copy(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream), "from the device", bytes);
}
inline void copy_device(void* to, const void* from, size_t bytes, Stream stream) {
  check_copy(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream), "on the device", bytes);
}
inline void fill_zero(void* p, size_t bytes, Stream stream) { check(cudaMemsetAsync(p, 0, bytes, stream), "cudaMemset"); }
inline void synchronize(Stream stream) {
  const cudaError_t status = cudaStreamSynchronize(stream);
  if (status != cudaSuccess) throw std::runtime_error(failed_wait(stream, text_of(status)));
  journal.settled(stream);
}
inline void destroy_stream(Stream stream) {
  journal.settled(stream);
  (void)cudaStreamDestroy(stream);
}
inline const void* key_of(Stream stream) { return stream; }
inline void begin_capture(Stream stream) {
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
}
inline Graph end_capture(Stream stream) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
  cudaGraphExec_t ready = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&ready, graph, 0);
  (void)cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
  return ready;
}
inline void launch_graph(Graph graph, Stream stream) { check(cudaGraphLaunch(graph, stream), "cudaGraphLaunch"); }
inline void destroy_graph(Graph graph) { (void)cudaGraphExecDestroy(graph); }
inline size_t memory_free() {
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return free;
}

inline const char* name_of(const void* kernel) {
  const char* name = nullptr;
  return cudaFuncGetName(&name, kernel) == cudaSuccess && name ? short_name(name) : "a kernel";
}

template <class... P, class... A>
void start(const Launch& what, void (*kernel)(P...), dim3 grid, unsigned threads, size_t shared, Stream stream, A... args) {
  if (shared > 48 * 1024) {
    // More than 48 KB a block must be asked for.
    static std::mutex mutex;
    static std::unordered_map<const void*, size_t> asked;
    std::lock_guard<std::mutex> lock(mutex);
    const void* key = reinterpret_cast<const void*>(kernel);
    size_t& most = asked[key];
    if (shared > most) {
      const cudaError_t status = cudaFuncSetAttribute(key, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
      if (status != cudaSuccess) throw std::runtime_error(failed_launch(what, text_of(status)));
      most = shared;
    }
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  const cudaError_t status = cudaLaunchKernelEx(&config, kernel, static_cast<P>(args)...);
  if (status != cudaSuccess) throw std::runtime_error(failed_launch(what, text_of(status)));
}

#endif

/// The name of a kernel, asked for once: after a fault CUDA may not tell it any more.
inline const char* known_name(const void* kernel) {
  static std::mutex mutex;
  static std::unordered_map<const void*, const char*> names;
  std::lock_guard<std::mutex> lock(mutex);
  const char*& name = names[kernel];
  if (!name) name = name_of(kernel);
  return name;
}

template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, unsigned threads, size_t shared, Stream stream, A... args) {
  Launch what{known_name(reinterpret_cast<const void*>(kernel)), {grid.x, grid.y, grid.z}, threads, shared};
  (add_numbers(what, args), ...);
  start(what, kernel, grid, threads, shared, stream, args...);
  journal.note(key_of(stream), what);
  if (wait_for_each) synchronize(stream);
}

}  // namespace pr1::cuda
