// avx512-bf16: avx512 with products of bfloat16 pairs (vdpbf16ps). Compiled into every x86-64 build, run only where the CPU has it (dispatch.cpp).
#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__GNUC__) && !defined(__clang__)
// GCC's own avx512fintrin.h passes "undefined" values on purpose.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include "common.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bf16,avx512bw,avx512vl,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bf16,avx512bw,avx512vl,avx2,fma,f16c")
#endif

#define PR1_SIMD_AVX512
#define PR1_SIMD_BF16
namespace pr1 {
namespace avx512_bf16 {
namespace {
#include "kernels.h"
}  // namespace
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes) {
  return new CpuOps(pool, isa, precision, products, bytes);
}
}  // namespace avx512_bf16
}  // namespace pr1

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
