#include "common.h"
#include "integers.h"

#include <cstring>

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__GNUC__) && !defined(__clang__)
// GCC's own avx512fintrin.h passes "undefined" values on purpose.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

namespace pr1 {

bool vnni_available() {
  return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")
#endif

namespace {

inline __m512i load64(const uint8_t* p) { return _mm512_loadu_si512(p); }
inline __m512 halfs(const uint8_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline __m512i bytes(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
inline __m512i shifted(__m512i x, int n, int mask) { return _mm512_and_si512(_mm512_srl_epi16(x, _mm_cvtsi32_si128(n)), bytes(mask)); }
/// x and 16 where the bits of `from` under `mask` are set.
inline __m512i with_fifth(__m512i x, __m512i from, __m512i mask) {
  return _mm512_or_si512(x, _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(from, mask), bytes(16)));
}

/// 32 numbers of 16 outputs in registers: v[g] has numbers 4 g … 4 g + 3 of each, as the bytes of a word.
struct Loaded {
  __m512i v[8];
  __m512 s[2], m;
  void scale(__m512 x) { s[0] = s[1] = x; }
};

/// fifth: the word of each output with a fifth bit a number.
PR1_INLINE void nibbles(Loaded& to, const uint8_t* qs, const uint8_t* fifth) {
#pragma GCC unroll 4
  for (int g = 0; g < 4; g++) {
    const __m512i x = load64(qs + g * 64);
    to.v[g] = _mm512_and_si512(x, bytes(15));
    to.v[4 + g] = _mm512_and_si512(_mm512_srli_epi16(x, 4), bytes(15));
  }
  if (!fifth) return;
  const __m512i word = load64(fifth), low = _mm512_set1_epi32(0x08040201), high = _mm512_set1_epi32(static_cast<int>(0x80402010u));
#pragma GCC unroll 8
  for (int g = 0; g < 8; g++) {
    // Byte g / 2 of each word, four times.
    const __m512i each = _mm512_shuffle_epi8(word, _mm512_broadcast_i32x4(_mm_setr_epi32(
        g / 2 * 0x01010101, 0x04040404 + g / 2 * 0x01010101, 0x08080808 + g / 2 * 0x01010101, 0x0c0c0c0c + g / 2 * 0x01010101)));
    to.v[g] = with_fifth(to.v[g], each, g % 2 ? high : low);
  }
}

/// Bits n … of byte i of each output, of bytes in fours.
PR1_INLINE __m512i bits_of(const uint8_t* from, int i, int n, int mask) {
  return _mm512_and_si512(_mm512_srl_epi32(load64(from + i / 4 * 64), _mm_cvtsi32_si128(i % 4 * 8 + n)), _mm512_set1_epi32(mask));
}

/// Columns 32 `part` … of a block of 256 of Q4_K (without `high`) or Q5_K.
PR1_INLINE void k_part(Loaded& to, const uint8_t* block, const uint8_t* high, const uint8_t* low, int part) {
  const uint8_t* bytes12 = block + 4 * 16;
  __m512i s, m;
  if (part < 4) {
    s = bits_of(bytes12, part, 0, 63);
    m = bits_of(bytes12, part + 4, 0, 63);
  } else {
    s = _mm512_or_si512(bits_of(bytes12, part + 4, 0, 15), _mm512_slli_epi32(bits_of(bytes12, part - 4, 6, 3), 4));
    m = _mm512_or_si512(bits_of(bytes12, part + 4, 4, 15), _mm512_slli_epi32(bits_of(bytes12, part, 6, 3), 4));
  }
  to.scale(_mm512_mul_ps(halfs(block), _mm512_cvtepi32_ps(s)));
  to.m = _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(-1.0f), halfs(block + 2 * 16)), _mm512_cvtepi32_ps(m));
#pragma GCC unroll 8
  for (int g = 0; g < 8; g++) {
    to.v[g] = shifted(load64(low + (part / 2 * 8 + g) * 64), part % 2 * 4, 15);
    if (high) to.v[g] = with_fifth(to.v[g], load64(high + g * 64), bytes(1 << part));
  }
}

PR1_INLINE void q6_k_part(Loaded& to, const uint8_t* block, int part) {
  const int half = part / 4, quarter = part % 4;
  const uint8_t *low = block + (half * 16 + quarter % 2 * 8) * 64, *high = block + 128 * 16 + half * 8 * 64;
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
    const int at = half * 8 + quarter * 2 + i;
    const __m512i four = load64(block + 192 * 16 + at / 4 * 64);
    const __m512i scale = _mm512_srai_epi32(_mm512_sll_epi32(four, _mm_cvtsi32_si128(24 - at % 4 * 8)), 24);
    to.s[i] = _mm512_mul_ps(halfs(block + 208 * 16), _mm512_cvtepi32_ps(scale));
  }
#pragma GCC unroll 8
  for (int g = 0; g < 8; g++) {
    const __m512i h = shifted(load64(high + g * 64), quarter * 2, 3);
    to.v[g] = _mm512_or_si512(shifted(load64(low + g * 64), quarter / 2 * 4, 15), _mm512_slli_epi16(h, 4));
  }
}

/// 32 numbers `part` of a block of a type.
template <BlockType type>
PR1_INLINE Loaded loaded(const uint8_t* block, int part) {
  const uint8_t *two = block + 2 * 16, *four = block + 4 * 16;
  Loaded to;
  to.m = _mm512_setzero_ps();
  switch (type) {
    case BlockType::q8_0:
#pragma GCC unroll 8
      for (int g = 0; g < 8; g++) to.v[g] = load64(two + g * 64);
      break;
    case BlockType::q4_0: nibbles(to, two, nullptr); break;
    case BlockType::q5_0: nibbles(to, block + 6 * 16, two); break;
    case BlockType::q4_1: nibbles(to, four, nullptr); break;
    case BlockType::q5_1: nibbles(to, block + 8 * 16, four); break;
    case BlockType::q4_k: k_part(to, block, nullptr, block + 16 * 16, part); return to;
    case BlockType::q5_k: k_part(to, block, block + 16 * 16, block + 48 * 16, part); return to;
    default: q6_k_part(to, block, part); return to;
  }
  to.scale(halfs(block));
  if (type == BlockType::q4_1 || type == BlockType::q5_1) to.m = halfs(two);
  return to;
}

/// Blocks of a panel as a file has them, and as an earlier pass has left them.
template <BlockType type>
struct Packed {
  static constexpr size_t kParts = type < BlockType::q4_k ? 1 : 8;  // blocks of 32 in one of the file
  const uint8_t* panel;
  size_t bytes;  // of 16 rows of a file's block
  explicit Packed(const uint8_t* panel) : panel(panel), bytes(static_cast<size_t>(format_of(type).bytes) * 16) {}
  PR1_INLINE Loaded operator()(size_t b) const { return loaded<type>(panel + b / kParts * bytes, static_cast<int>(b % kParts)); }
};
template <BlockType type>
struct Unpacked {
  const IntegerBlock* blocks;
  PR1_INLINE Loaded operator()(size_t b) const {
    Loaded to;
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) to.v[g] = _mm512_loadu_si512(blocks[b].v[g]);
    to.s[0] = _mm512_loadu_ps(blocks[b].s[0]);
    to.s[1] = _mm512_loadu_ps(blocks[b].s[1]);
    to.m = _mm512_loadu_ps(blocks[b].m);
    return to;
  }
};

/// A dot product without what `zero` adds to it; integers below 2^24, so this is exact.
PR1_INLINE __m512 exact(__m512i dot, float zero, float sum) {
  const __m512 x = _mm512_cvtepi32_ps(dot);
  return zero != 0.0f ? _mm512_fnmadd_ps(_mm512_set1_ps(zero), _mm512_set1_ps(sum), x) : x;
}

/// MR rows from m: out (MR, 16).
template <int MR, BlockType type, class Source>
void rows(float* out, const Source& source, const IntegerRows& x, int m) {
  IntegerType of{};
  integer_type(type, of);
  const bool halves = of.halves, minimum = of.minimum;
  const size_t blocks = static_cast<size_t>(x.in) / 32;
  const size_t height = static_cast<size_t>(x.height);
  const int8_t* q = x.q + x.at(m, 0) * 32;
  const IntegerScale* scales = x.scales + x.at(m, 0);
  const IntegerSums* sums = x.sums + x.at(m, 0);
  const float zero = static_cast<float>(of.zero);
  __m512 y[MR];
#pragma GCC unroll 8
  for (int r = 0; r < MR; r++) y[r] = _mm512_setzero_ps();
  for (size_t b = 0; b < blocks; b++, q += height * 32, scales += height, sums += height) {
    const Loaded w = source(b);
    __m512i dots[MR], more[MR];
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++) dots[r] = more[r] = _mm512_setzero_si512();
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
#pragma GCC unroll 8
      for (int r = 0; r < MR; r++) {
        int32_t four;
        std::memcpy(&four, q + r * 32 + g * 4, 4);
        // One row's chain would wait for itself.
        __m512i& to = g < 4 || (MR > 2 && !halves) ? dots[r] : more[r];
        to = _mm512_dpbusd_epi32(to, w.v[g], _mm512_set1_epi32(four));
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++) {
      const __m512 d = _mm512_set1_ps(scales[r].d);
      if (halves) {
        y[r] = _mm512_fmadd_ps(exact(dots[r], zero, sums[r].half[0]), _mm512_mul_ps(w.s[0], d), y[r]);
        y[r] = _mm512_fmadd_ps(exact(more[r], zero, sums[r].half[1]), _mm512_mul_ps(w.s[1], d), y[r]);
      } else {
        const __m512i dot = MR > 2 ? dots[r] : _mm512_add_epi32(dots[r], more[r]);
        y[r] = _mm512_fmadd_ps(exact(dot, zero, sums[r].all), _mm512_mul_ps(w.s[0], d), y[r]);
      }
      if (minimum) y[r] = _mm512_fmadd_ps(w.m, _mm512_set1_ps(scales[r].scaled), y[r]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < MR; r++) _mm512_storeu_ps(out + r * 16, y[r]);
}

/// n blocks of a panel from block `first` on, their numbers less `zero`.
template <BlockType type>
void unpack(IntegerBlock* to, const uint8_t* panel, int first, int n, int zero) {
  const Packed<type> packed(panel);
  for (int b = 0; b < n; b++) {
    const Loaded w = packed(static_cast<size_t>(first + b));
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) _mm512_storeu_si512(to[b].v[g], zero ? _mm512_sub_epi8(w.v[g], bytes(zero)) : w.v[g]);
    _mm512_storeu_ps(to[b].s[0], w.s[0]);
    _mm512_storeu_ps(to[b].s[1], w.s[1]);
    _mm512_storeu_ps(to[b].m, w.m);
  }
}

template <BlockType type>
void panel(float* out, const uint8_t* panel, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  const Packed<type> packed(panel);
  // What a few rows read is unpacked on the way.
  if (m1 - m0 == 1) return rows<1, type>(out, packed, x, m0);
  if (m1 - m0 == 2) return rows<2, type>(out, packed, x, m0);
  if (m1 - m0 == 3) return rows<3, type>(out, packed, x, m0);
  if (m1 - m0 == 4) return rows<4, type>(out, packed, x, m0);
  unpack<type>(room, panel, 0, x.in / 32, 0);
  const Unpacked<type> unpacked{room};
  int m = m0;
  for (; m + 8 <= m1; m += 8, out += 128) rows<8, type>(out, unpacked, x, m);
  for (; m + 4 <= m1; m += 4, out += 64) rows<4, type>(out, unpacked, x, m);
  for (; m < m1; m++, out += 16) rows<1, type>(out, unpacked, x, m);
}

template <BlockType type>
struct TypeOf {
  static constexpr BlockType value = type;
};
/// body(TypeOf<type>) of a type with integers.
template <class F>
void with_type(BlockType type, F&& body) {
  switch (type) {
    case BlockType::q8_0: return body(TypeOf<BlockType::q8_0>{});
    case BlockType::q4_0: return body(TypeOf<BlockType::q4_0>{});
    case BlockType::q4_1: return body(TypeOf<BlockType::q4_1>{});
    case BlockType::q5_0: return body(TypeOf<BlockType::q5_0>{});
    case BlockType::q5_1: return body(TypeOf<BlockType::q5_1>{});
    case BlockType::q4_k: return body(TypeOf<BlockType::q4_k>{});
    case BlockType::q5_k: return body(TypeOf<BlockType::q5_k>{});
    default: return body(TypeOf<BlockType::q6_k>{});
  }
}

}  // namespace

void vnni_panel(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  with_type(type, [&](auto of) { panel<decltype(of)::value>(out, from, room, x, m0, m1); });
}

void vnni_unpack(IntegerBlock* to, BlockType type, const uint8_t* from, int first, int n, int zero) {
  with_type(type, [&](auto of) { unpack<decltype(of)::value>(to, from, first, n, zero); });
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

}  // namespace pr1

#else

namespace pr1 {
bool vnni_available() { return false; }
void vnni_panel(float*, BlockType, const uint8_t*, IntegerBlock*, const IntegerRows&, int, int) {}
void vnni_unpack(IntegerBlock*, BlockType, const uint8_t*, int, int, int) {}
}  // namespace pr1

#endif
