// avx2: compiled into every x86-64 build, run only where the CPU has it (dispatch.cpp).
#if defined(__x86_64__)
#include <immintrin.h>

#include "common.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#define PR1_SIMD_AVX2
namespace pr1 {
namespace avx2 {
namespace {
#include "kernels.h"
}  // namespace
Ops* make_ops(ThreadPool& pool, const char* isa, Precision precision, Products products, const ByteRows& bytes) {
  return new CpuOps(pool, isa, precision, products, bytes);
}
}  // namespace avx2
}  // namespace pr1

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
