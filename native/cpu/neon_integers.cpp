// Products of rows in 8 bits with NEON's dot product (sdot), which adds four products of signed bytes in 32 bits, exactly. An extension of
// Armv8.2 that every Apple CPU for Macs has, and servers from Neoverse N1 on.
#include "common.h"

// A compiler that aims at such CPUs alone has it anyway. Others are told so for this file, if they are new enough for it.
#if defined(__aarch64__) && (defined(__ARM_FEATURE_DOTPROD) || (defined(__clang__) ? __clang_major__ >= 16 : __GNUC__ >= 9))
#define PR1_NEON_DOT
#endif

#if defined(PR1_NEON_DOT)

#include <arm_neon.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif

namespace pr1 {

bool neon_dot_available() {
#if defined(__APPLE__)
  return true;
#elif defined(__linux__)
  return getauxval(AT_HWCAP) >> 20 & 1;  // HWCAP_ASIMDDP
#else
  return false;
#endif
}

#if !defined(__ARM_FEATURE_DOTPROD)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#endif
#endif

namespace {

// A panel's four quarters of 4 outputs go one by one: what one register holds.

inline uint8x16_t shifted(uint8x16_t x, int n, int mask) {
  return vandq_u8(vshlq_u8(x, vdupq_n_s8(static_cast<int8_t>(-n))), vdupq_n_u8(static_cast<uint8_t>(mask)));
}
/// x and 16 where the bits of `from` under `mask` are set.
inline uint8x16_t with_fifth(uint8x16_t x, uint8x16_t from, uint8x16_t mask) { return vorrq_u8(x, vandq_u8(vtstq_u8(from, mask), vdupq_n_u8(16))); }
inline uint8x16_t bytes_of(uint32_t word) { return vreinterpretq_u8_u32(vdupq_n_u32(word)); }

/// 32 numbers of 4 outputs: v[g] has numbers 4 g … 4 g + 3 of each, less the type's zero.
struct Quarter {
  int8x16_t v[8];
  float32x4_t s[2], m;
  void scale(float32x4_t x) { s[0] = s[1] = x; }
  void put(int g, uint8x16_t x, int zero) { v[g] = vreinterpretq_s8_u8(vsubq_u8(x, vdupq_n_u8(static_cast<uint8_t>(zero)))); }
};

/// One quarter of the bytes and scales of a panel's block, by their place in a row's block.
struct Place {
  const uint8_t* block;
  int quarter;
  /// Bytes i … i + 3.
  uint8x16_t four(int i) const { return vld1q_u8(block + i * 16 + quarter * 16); }
  float32x4_t half(int i) const { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(block + i * 16 + quarter * 8))); }
  /// Bits n … of byte j of the four from i on.
  uint32x4_t bits(int i, int j, int n, uint32_t mask) const {
    return vandq_u32(vshlq_u32(vreinterpretq_u32_u8(four(i)), vdupq_n_s32(-(j * 8 + n))), vdupq_n_u32(mask));
  }
};

/// fifth: where the word with a fifth bit a number stands; negative: nowhere.
PR1_INLINE void nibbles(Quarter& to, const Place& at, int qs, int fifth, int zero) {
  uint8x16_t numbers[8];
#pragma GCC unroll 4
  for (int g = 0; g < 4; g++) {
    const uint8x16_t x = at.four(qs + g * 4);
    numbers[g] = vandq_u8(x, vdupq_n_u8(15));
    numbers[4 + g] = vshrq_n_u8(x, 4);
  }
  if (fifth >= 0) {
    const uint8x16_t word = at.four(fifth), low = bytes_of(0x08040201), high = bytes_of(0x80402010u);
    const uint8x16_t words = vreinterpretq_u8_u32(vmulq_n_u32(uint32x4_t{0, 4, 8, 12}, 0x01010101));
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) {
      // Byte g / 2 of each word, four times.
      const uint8x16_t each = vqtbl1q_u8(word, vaddq_u8(words, vdupq_n_u8(static_cast<uint8_t>(g / 2))));
      numbers[g] = with_fifth(numbers[g], each, g % 2 ? high : low);
    }
  }
#pragma GCC unroll 8
  for (int g = 0; g < 8; g++) to.put(g, numbers[g], zero);
}

/// Columns 32 `part` … of a block of 256 of Q4_K (high below 0) or Q5_K.
PR1_INLINE void k_part(Quarter& to, const Place& at, int high, int low, int part) {
  uint32x4_t s, m;
  const int j = part % 4;
  if (part < 4) {
    s = at.bits(4, j, 0, 63);
    m = at.bits(8, j, 0, 63);
  } else {
    s = vorrq_u32(at.bits(12, j, 0, 15), vshlq_n_u32(at.bits(4, j, 6, 3), 4));
    m = vorrq_u32(at.bits(12, j, 4, 15), vshlq_n_u32(at.bits(8, j, 6, 3), 4));
  }
  to.scale(vmulq_f32(at.half(0), vcvtq_f32_u32(s)));
  to.m = vmulq_f32(vnegq_f32(at.half(2)), vcvtq_f32_u32(m));
#pragma GCC unroll 8
  for (int g = 0; g < 8; g++) {
    uint8x16_t x = shifted(at.four(low + part / 2 * 32 + g * 4), part % 2 * 4, 15);
    if (high >= 0) x = with_fifth(x, at.four(high + g * 4), vdupq_n_u8(static_cast<uint8_t>(1 << part)));
    to.put(g, x, 0);
  }
}

PR1_INLINE void q6_k_part(Quarter& to, const Place& at, int part) {
  const int half = part / 4, quarter = part % 4, low = half * 64 + quarter % 2 * 32, high = 128 + half * 32;
#pragma GCC unroll 2
  for (int i = 0; i < 2; i++) {
    const int byte = half * 8 + quarter * 2 + i;
    const int32x4_t four = vreinterpretq_s32_u8(at.four(192 + byte / 4 * 4));
    const int32x4_t scale = vshrq_n_s32(vshlq_s32(four, vdupq_n_s32(24 - byte % 4 * 8)), 24);
    to.s[i] = vmulq_f32(at.half(208), vcvtq_f32_s32(scale));
  }
#pragma GCC unroll 8
  for (int g = 0; g < 8; g++) {
    const uint8x16_t h = shifted(at.four(high + g * 4), quarter * 2, 3);
    to.put(g, vorrq_u8(shifted(at.four(low + g * 4), quarter / 2 * 4, 15), vshlq_n_u8(h, 4)), 32);
  }
}

/// 32 numbers `part` of a block of a type.
template <BlockType type>
PR1_INLINE Quarter loaded(const uint8_t* block, int part, int quarter) {
  const Place at{block, quarter};
  Quarter to;
  to.m = vdupq_n_f32(0.0f);
  switch (type) {
    case BlockType::q8_0:
#pragma GCC unroll 8
      for (int g = 0; g < 8; g++) to.put(g, at.four(2 + g * 4), 128);
      break;
    case BlockType::q4_0: nibbles(to, at, 2, -1, 8); break;
    case BlockType::q5_0: nibbles(to, at, 6, 2, 16); break;
    case BlockType::q4_1: nibbles(to, at, 4, -1, 0); break;
    case BlockType::q5_1: nibbles(to, at, 8, 4, 0); break;
    case BlockType::q4_k: k_part(to, at, -1, 16, part); return to;
    case BlockType::q5_k: k_part(to, at, 16, 48, part); return to;
    default: q6_k_part(to, at, part); return to;
  }
  to.scale(at.half(0));
  if (type == BlockType::q4_1 || type == BlockType::q5_1) to.m = at.half(2);
  return to;
}

/// Blocks of a panel as a file has them, and as an earlier pass has left them, less their zero.
template <BlockType type>
struct Packed {
  static constexpr size_t kParts = type < BlockType::q4_k ? 1 : 8;  // blocks of 32 in one of the file
  const uint8_t* panel;
  size_t bytes;  // of 16 rows of a file's block
  explicit Packed(const uint8_t* panel) : panel(panel), bytes(static_cast<size_t>(format_of(type).bytes) * 16) {}
  PR1_INLINE Quarter operator()(size_t b, int quarter) const {
    return loaded<type>(panel + b / kParts * bytes, static_cast<int>(b % kParts), quarter);
  }
};
struct Unpacked {
  const IntegerBlock* blocks;
  PR1_INLINE Quarter operator()(size_t b, int quarter) const {
    Quarter to;
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++) to.v[g] = vreinterpretq_s8_u8(vld1q_u8(blocks[b].v[g][quarter * 4]));
    to.s[0] = vld1q_f32(blocks[b].s[0] + quarter * 4);
    to.s[1] = vld1q_f32(blocks[b].s[1] + quarter * 4);
    to.m = vld1q_f32(blocks[b].m + quarter * 4);
    return to;
  }
};

/// The sums of 16 numbers of a row, q, with those of 4 outputs.
PR1_INLINE int32x4_t dots(const int8x16_t* v, int8x16_t q) {
  int32x4_t sums = vdotq_laneq_s32(vdupq_n_s32(0), v[0], q, 0);
  sums = vdotq_laneq_s32(sums, v[1], q, 1);
  sums = vdotq_laneq_s32(sums, v[2], q, 2);
  return vdotq_laneq_s32(sums, v[3], q, 3);
}

/// MR rows from m: out (MR, 16).
template <int MR, BlockType type, class Source>
void rows(float* out, const Source& source, const IntegerRows& x, int m) {
  IntegerType of{};
  integer_type(type, of);
  const size_t blocks = static_cast<size_t>(x.in) / 32, height = static_cast<size_t>(x.height);
  const int8_t* q = x.q + x.at(m, 0) * 32;
  const IntegerScale* scales = x.scales + x.at(m, 0);
  float32x4_t y[MR][4];
#pragma GCC unroll 8
  for (int r = 0; r < MR; r++) y[r][0] = y[r][1] = y[r][2] = y[r][3] = vdupq_n_f32(0.0f);
  for (size_t b = 0; b < blocks; b++, q += height * 32, scales += height) {
#pragma GCC unroll 4
    for (int quarter = 0; quarter < 4; quarter++) {
      const Quarter w = source(b, quarter);
#pragma GCC unroll 8
      for (int r = 0; r < MR; r++) {
        const int32x4_t first = dots(w.v, vld1q_s8(q + r * 32)), last = dots(w.v + 4, vld1q_s8(q + r * 32 + 16));
        float32x4_t& to = y[r][quarter];
        if (of.halves) {
          to = vfmaq_f32(to, vcvtq_f32_s32(first), vmulq_n_f32(w.s[0], scales[r].d));
          to = vfmaq_f32(to, vcvtq_f32_s32(last), vmulq_n_f32(w.s[1], scales[r].d));
        } else {
          to = vfmaq_f32(to, vcvtq_f32_s32(vaddq_s32(first, last)), vmulq_n_f32(w.s[0], scales[r].d));
        }
        if (of.minimum) to = vfmaq_n_f32(to, w.m, scales[r].scaled);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < MR; r++) {
#pragma GCC unroll 4
    for (int quarter = 0; quarter < 4; quarter++) vst1q_f32(out + r * 16 + quarter * 4, y[r][quarter]);
  }
}

template <BlockType type>
void unpack(IntegerBlock* to, const Packed<type>& packed, size_t blocks) {
  for (size_t b = 0; b < blocks; b++) {
#pragma GCC unroll 4
    for (int quarter = 0; quarter < 4; quarter++) {
      const Quarter w = packed(b, quarter);
#pragma GCC unroll 8
      for (int g = 0; g < 8; g++) vst1q_u8(to[b].v[g][quarter * 4], vreinterpretq_u8_s8(w.v[g]));
      vst1q_f32(to[b].s[0] + quarter * 4, w.s[0]);
      vst1q_f32(to[b].s[1] + quarter * 4, w.s[1]);
      vst1q_f32(to[b].m + quarter * 4, w.m);
    }
  }
}

/// n rows from m, at most 4.
template <BlockType type, class Source>
void few(float* out, const Source& source, const IntegerRows& x, int m, int n) {
  if (n == 4) return rows<4, type>(out, source, x, m);
  if (n == 3) return rows<3, type>(out, source, x, m);
  if (n == 2) return rows<2, type>(out, source, x, m);
  if (n == 1) return rows<1, type>(out, source, x, m);
}

template <BlockType type>
void panel_of(float* out, const uint8_t* panel, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  const Packed<type> packed(panel);
  // What a few rows read is unpacked on the way.
  if (m1 - m0 <= 4) return few<type>(out, packed, x, m0, m1 - m0);
  unpack(room, packed, static_cast<size_t>(x.in) / 32);
  // 16 is the height of a strip here, and m0 a multiple of it: no four rows lie in two strips.
  for (int m = m0; m < m1; m += 4, out += 64) few<type>(out, Unpacked{room}, x, m, m1 - m < 4 ? m1 - m : 4);
}

}  // namespace

void neon_dot_panel(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  switch (type) {
    case BlockType::q8_0: return panel_of<BlockType::q8_0>(out, from, room, x, m0, m1);
    case BlockType::q4_0: return panel_of<BlockType::q4_0>(out, from, room, x, m0, m1);
    case BlockType::q4_1: return panel_of<BlockType::q4_1>(out, from, room, x, m0, m1);
    case BlockType::q5_0: return panel_of<BlockType::q5_0>(out, from, room, x, m0, m1);
    case BlockType::q5_1: return panel_of<BlockType::q5_1>(out, from, room, x, m0, m1);
    case BlockType::q4_k: return panel_of<BlockType::q4_k>(out, from, room, x, m0, m1);
    case BlockType::q5_k: return panel_of<BlockType::q5_k>(out, from, room, x, m0, m1);
    default: return panel_of<BlockType::q6_k>(out, from, room, x, m0, m1);
  }
}

#if !defined(__ARM_FEATURE_DOTPROD)
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

}  // namespace pr1

#else

namespace pr1 {
bool neon_dot_available() { return false; }
void neon_dot_panel(float*, BlockType, const uint8_t*, IntegerBlock*, const IntegerRows&, int, int) {}
}  // namespace pr1

#endif
