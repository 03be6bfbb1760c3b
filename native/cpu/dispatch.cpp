#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

#include "common.h"

namespace pr1 {

float* aligned_floats(size_t n) {
#if defined(__SANITIZE_ADDRESS__)
  const size_t slack = 0;  // every overrun shall show
#else
  const size_t slack = 64;
#endif
  void* p = nullptr;
  if (n > SIZE_MAX / sizeof(float) / 2 || posix_memalign(&p, 64, n * sizeof(float) + slack) != 0) throw std::bad_alloc();
  return static_cast<float*>(p);
}

void sort_by_weight(int* order, const float* weights, int n) {
  std::iota(order, order + n, 0);
  std::sort(order, order + n, [&](int a, int b) { return weights[a] != weights[b] ? weights[a] > weights[b] : a < b; });
}

namespace {

const char* const kKnown[] = {"avx512-bf16", "avx512", "avx2", "neon", "portable"};

#if defined(__x86_64__)
/// Conversion of float16, which older compilers know no name for.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

bool has(const char* isa) {
#if defined(__x86_64__)
  if (std::strcmp(isa, "avx512-bf16") == 0) {
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  }
  if (std::strcmp(isa, "avx512") == 0) return __builtin_cpu_supports("avx512f");
  if (std::strcmp(isa, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
#endif
#if defined(__aarch64__)
  if (std::strcmp(isa, "neon") == 0) return true;
#endif
  return std::strcmp(isa, "portable") == 0;
}

Ops* make(const char* isa, ThreadPool& pool, Precision precision) {
#if defined(__x86_64__)
  if (std::strcmp(isa, "avx512-bf16") == 0) return avx512_bf16::make_ops(pool, precision);
  if (std::strcmp(isa, "avx512") == 0) return avx512::make_ops(pool, precision);
  if (std::strcmp(isa, "avx2") == 0) return avx2::make_ops(pool, precision);
#endif
#if defined(__aarch64__)
  if (std::strcmp(isa, "neon") == 0) return neon::make_ops(pool, precision);
#endif
  return portable::make_ops(pool, precision);
}

}  // namespace

const char* const* available_isas() {
  static const char* out[sizeof kKnown / sizeof *kKnown + 1];
  static const bool filled = [] {
    int n = 0;
    for (const char* name : kKnown) {
      if (has(name)) out[n++] = name;
    }
    return true;
  }();
  (void)filled;
  return out;
}

Ops* make_cpu_ops(const char* isa, ThreadPool& pool, const char** why, Precision precision) {
  if (!isa || !*isa) {
    const char* const* best = available_isas();
    if (precision != Precision::bf16 && std::strcmp(*best, "avx512-bf16") == 0) best++;
    return make(*best, pool, precision);
  }
  for (const char* name : kKnown) {
    if (std::strcmp(isa, name) != 0) continue;
    if (has(name)) return make(name, pool, precision);
    *why = "this CPU does not have it";
    return nullptr;
  }
  *why = "known are avx512-bf16, avx512, avx2, neon, portable";
  return nullptr;
}

}  // namespace pr1
