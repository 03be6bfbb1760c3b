// Products of rows in 8 bits with AVX-VNNI: vpdpbusd in its encoding for CPUs without AVX-512 (Intel's client CPUs from Alder Lake on).
// It multiplies four unsigned with four signed bytes and adds them in 32 bits, exactly.
#include "common.h"

// Compilers that know the instruction: GCC 11, clang 12.
#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<avxvnniintrin.h>)
#define PR1_AVX_VNNI
#endif
#endif

#if defined(PR1_AVX_VNNI)

#include <cpuid.h>
#include <immintrin.h>

namespace pr1 {

bool avx_vnni_available() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  // Of AVX2 the runtime knows whether the system keeps its registers, too.
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return false;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_F16C)) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || a < 1) return false;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1);
}

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,avxvnni")
#endif

namespace avx_vnni_integers {
namespace {

struct Bytes {
  static constexpr bool kSigned = false;
  static constexpr int together(BlockType) { return 8; }
  template <BlockType>
  static PR1_INLINE __m256i add(__m256i sums, __m256i w, __m256i q) { return _mm256_dpbusd_avx_epi32(sums, w, q); }
  static PR1_INLINE __m256i widened(__m256i sums) { return sums; }
};

#include "integers_256.h"

}  // namespace
}  // namespace avx_vnni_integers

void avx_vnni_panel(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  avx_vnni_integers::panel_of(out, type, from, room, x, m0, m1);
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

}  // namespace pr1

#else

namespace pr1 {
bool avx_vnni_available() { return false; }
void avx_vnni_panel(float*, BlockType, const uint8_t*, IntegerBlock*, const IntegerRows&, int, int) {}
}  // namespace pr1

#endif
