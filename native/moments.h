// The moments of AdamW in fewer bits than float32. A moment changes by little at each update, less than the step between two codes,
// so it is rounded up or down at random in proportion: what is stored has the exact moment as its mean. The draw is a hash of the update
// and the place, so it does not depend on threads, and a run that goes on draws what it would have drawn.
//
//   bf16        the upper half of a float32
//   eight_bit   a number of 8 bits times a power of two that 256 neighbours share, the largest of them in [1, 2) (block-wise as in
//               arXiv 2110.02861). First moment: sign, 4 bits of exponent, 3 of mantissa. Second: 5 bits of exponent, 3 of mantissa
//
// A second moment above 0 never becomes 0: the step divides by its root. What was decoded is encoded again without any change, so a
// state holds float32 numbers whatever the type.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

// Device code of CUDA calls these, too.
#if defined(__CUDACC__)
#define PR1_ANY_SIDE __host__ __device__
#else
#define PR1_ANY_SIDE
#endif

namespace pr1 {

enum class MomentType { f32, bf16, eight_bit };

constexpr size_t kMomentBlock = 256;

/// One of the two moments of so many weights.
struct Moment {
  bool squared;
  uint8_t* codes;
  int8_t* exponents;  // one a block; unused by bf16
};

struct PackedMoments {
  MomentType type;
  Moment first, second;
};

namespace moments {

PR1_ANY_SIDE inline float float_of(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

PR1_ANY_SIDE inline uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}

PR1_ANY_SIDE inline float power_of_two(int exponent) { return float_of(static_cast<uint32_t>(exponent + 127) << 23); }

/// The finalizer of MurmurHash3.
PR1_ANY_SIDE inline uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return x ^ (x >> 16);
}

/// Random bits of an update for 2^32 neighbours; `draw` below gives those of one.
PR1_ANY_SIDE inline uint32_t draw_key(uint64_t update, bool squared, size_t at) {
  return mix(mix(static_cast<uint32_t>(update) * 2 + squared) ^ static_cast<uint32_t>(update >> 31) ^
             static_cast<uint32_t>(static_cast<uint64_t>(at) >> 32) * 0x9e3779b1u);
}
PR1_ANY_SIDE inline uint32_t draw(uint32_t key, size_t i) { return mix(static_cast<uint32_t>(i) * 0x9e3779b1u ^ key); }

PR1_ANY_SIDE inline uint16_t bf16_of(float x, uint32_t random, bool squared) {
  const uint32_t bits = bits_of(x);
  const uint32_t up = (bits + (random & 0xffffu)) >> 16;
  // The largest number is not rounded to infinity.
  const uint32_t code = (up & 0x7fffu) == 0x7f80u ? up - 1 : up;
  return static_cast<uint16_t>(squared && code == 0 && bits != 0 ? 1 : code);
}

/// Codes of magnitudes in [0, 2): three bits of mantissa, of exponent four or five.
template <bool kSquared>
struct Eight {
  static constexpr int kLowest = kSquared ? 30 : 14;     // 2^-kLowest is the smallest number with a leading one
  static constexpr uint32_t kMost = kSquared ? 255 : 127;
  static constexpr uint32_t kBias = static_cast<uint32_t>(126 - kLowest) << 3;

  PR1_ANY_SIDE static float decode(uint32_t code) {
    const float below = static_cast<float>(static_cast<int>(code)) * power_of_two(-kLowest - 3);
    return code < 8 ? below : float_of((code + kBias) << 20);
  }
  /// `random`: 20 bits
  PR1_ANY_SIDE static uint32_t encode(float magnitude, uint32_t random) {
    const float scaled = magnitude * power_of_two(kLowest + 3);
    const float low = scaled < 8.0f ? scaled : 8.0f;
    const int whole = static_cast<int>(low);
    const float rest = low - static_cast<float>(whole);
    const uint32_t below = static_cast<uint32_t>(whole) + (rest * 1048576.0f > static_cast<float>(static_cast<int>(random)) ? 1u : 0u);
    const uint32_t above = ((bits_of(magnitude) + random) >> 20) - kBias;
    uint32_t code = scaled < 8.0f ? below : above;
    if (code > kMost) code = kMost;
    return kSquared && code == 0 && magnitude > 0.0f ? 1u : code;
  }
};

/// A block whose numbers are all smaller is stored as if its largest were this.
constexpr int kLeastExponent = -90;

/// Of a block, from the bits of its largest magnitude.
PR1_ANY_SIDE inline int exponent_of(uint32_t most) {
  const int exponent = static_cast<int>(most >> 23) - 127;
  return exponent < kLeastExponent ? kLeastExponent : exponent;
}
inline int exponent_of(const float* x, size_t n) {
  uint32_t most = 0;
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = bits_of(x[i]) & 0x7fffffffu;
    most = bits > most ? bits : most;
  }
  return exponent_of(most);
}

template <bool kSquared>
PR1_ANY_SIDE void decode_block(float* out, const uint8_t* codes, int exponent, size_t n) {
  const float scale = power_of_two(exponent);
  for (size_t i = 0; i < n; i++) {
    const uint32_t code = codes[i];
    const float magnitude = Eight<kSquared>::decode(kSquared ? code : code & 127u) * scale;
    out[i] = kSquared ? magnitude : float_of(bits_of(magnitude) | (code & 128u) << 24);
  }
}

template <bool kSquared>
PR1_ANY_SIDE void encode_block(uint8_t* codes, const float* x, int exponent, size_t n, uint32_t key, size_t at) {
  const float scale = power_of_two(-exponent);
  for (size_t i = 0; i < n; i++) {
    const uint32_t bits = bits_of(x[i]);
    const uint32_t code = Eight<kSquared>::encode(float_of(bits & 0x7fffffffu) * scale, draw(key, at + i) & 0xfffffu);
    codes[i] = static_cast<uint8_t>(kSquared ? code : code | (bits >> 24 & 128u));
  }
}

}  // namespace moments

/// out (n) = the moments from `at` on, where a block begins.
inline void decode_moment(float* out, MomentType type, const Moment& m, size_t at, size_t n) {
  if (type == MomentType::bf16) {
    const uint16_t* codes = reinterpret_cast<const uint16_t*>(m.codes) + at;
    for (size_t i = 0; i < n; i++) out[i] = moments::float_of(static_cast<uint32_t>(codes[i]) << 16);
    return;
  }
  for (size_t i = 0; i < n; i += kMomentBlock) {
    const size_t count = n - i < kMomentBlock ? n - i : kMomentBlock;
    const int exponent = m.exponents[(at + i) / kMomentBlock];
    if (m.squared) {
      moments::decode_block<true>(out + i, m.codes + at + i, exponent, count);
    } else {
      moments::decode_block<false>(out + i, m.codes + at + i, exponent, count);
    }
  }
}

/// The moments from `at` on = x (n), in whole blocks but for the last; finite. `update`: of the draws.
inline void encode_moment(MomentType type, const Moment& m, size_t at, const float* x, size_t n, uint64_t update) {
  const uint32_t key = moments::draw_key(update, m.squared, at);
  if (type == MomentType::bf16) {
    uint16_t* codes = reinterpret_cast<uint16_t*>(m.codes) + at;
    for (size_t i = 0; i < n; i++) codes[i] = moments::bf16_of(x[i], moments::draw(key, at + i), m.squared);
    return;
  }
  for (size_t i = 0; i < n; i += kMomentBlock) {
    const size_t count = n - i < kMomentBlock ? n - i : kMomentBlock;
    const int exponent = moments::exponent_of(x + i, count);
    m.exponents[(at + i) / kMomentBlock] = static_cast<int8_t>(exponent);
    if (m.squared) {
      moments::encode_block<true>(m.codes + at + i, x + i, exponent, count, key, at + i);
    } else {
      moments::encode_block<false>(m.codes + at + i, x + i, exponent, count, key, at + i);
    }
  }
}

}  // namespace pr1
