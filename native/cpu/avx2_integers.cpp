// Products of rows in 8 bits with AVX2: vpmaddubsw multiplies unsigned with signed bytes and adds pairs in 16 bits, saturating;
// vpmaddwd adds pairs of those in 32.
#include "common.h"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

namespace pr1 {
namespace avx2_integers {
namespace {

/// Nothing saturates. A row's numbers lie in −127 … 127 (IntegerRows), and a type's in 0 … top, so a pair of products is at most
/// 2 · 127 · top from 0, and n of them in one lane of 16 bits n times that:
///   4 bits:  2 · 127 · 15 · 8 = 30,480     5 bits:  2 · 127 · 31 · 4 = 31,496     6 bits:  2 · 127 · 63 · 2 = 32,004
/// Numbers of Q8_0 as they are held, 0 … 255, would be too large: 64,770 a pair. As signed numbers w in −128 … 127 they are |w| ≤ 128,
/// unsigned, times the row's number with the sign of w, and a pair is at most 2 · 127 · 128 = 32,512.
/// A lane of 32 bits holds a whole block of any type.
struct Bytes {
  static constexpr bool kSigned = true;
  static constexpr int top(BlockType type) {
    return type == BlockType::q8_0 ? 128 : type == BlockType::q6_k ? 63
           : type == BlockType::q5_0 || type == BlockType::q5_1 || type == BlockType::q5_k ? 31 : 15;
  }
  static constexpr int together(BlockType type) {
    int n = 8;
    while (2 * 127 * top(type) * n > 32767) n /= 2;
    return n;
  }
  template <BlockType type>
  static PR1_INLINE __m256i add(__m256i sums, __m256i w, __m256i q) {
    const __m256i pairs = type == BlockType::q8_0 ? _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(q, w)) : _mm256_maddubs_epi16(w, q);
    return _mm256_add_epi16(sums, pairs);
  }
  static PR1_INLINE __m256i widened(__m256i sums) { return _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }
};
static_assert(Bytes::together(BlockType::q4_1) == 8 && Bytes::together(BlockType::q5_1) == 4 && Bytes::together(BlockType::q6_k) == 2 &&
              Bytes::together(BlockType::q8_0) == 1, "sums of 16 bits");

#include "integers_256.h"

}  // namespace
}  // namespace avx2_integers

void avx2_panel(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  avx2_integers::panel_of(out, type, from, room, x, m0, m1);
}

}  // namespace pr1

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace pr1 {
void avx2_panel(float*, BlockType, const uint8_t*, IntegerBlock*, const IntegerRows&, int, int) {}
}  // namespace pr1

#endif
