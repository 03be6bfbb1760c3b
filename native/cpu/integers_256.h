// Products of rows in 8 bits (integers.h) with vectors of 256 bits, half a panel each. Included by avx2_integers.cpp and
// avx_vnni_integers.cpp inside their namespaces, with what multiplies bytes there as `Bytes`:
//   together(type)   how many of its sums of two or four products can be added to each other before they are widened
//   kSigned          whether numbers of Q8_0 stay signed, else 128 is added to them
//   add<type>        a sum of products of bytes more; widened(sums): eight sums in 32 bits
// Only that differs. All integer sums are exact, so they have no order; what is rounded is rounded as integers.h says.

/// x, but for the compiler: else GCC multiplies a whole block first and keeps the products on the stack, 1.5 times as slow.
PR1_INLINE __m256i in_order(__m256i x) {
  __asm__("" : "+x"(x));
  return x;
}

inline __m256i load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline __m256 halfs(const uint8_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
inline __m256i bytes(int x) { return _mm256_set1_epi8(static_cast<char>(x)); }
inline __m256i shifted(__m256i x, int n, int mask) { return _mm256_and_si256(_mm256_srl_epi16(x, _mm_cvtsi32_si128(n)), bytes(mask)); }
/// x and 16 where the bits of `from` under `mask` are set.
inline __m256i with_fifth(__m256i x, __m256i from, __m256i mask) {
  return _mm256_or_si256(x, _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(from, mask), mask), bytes(16)));
}
/// Where bytes `at`, in fours, of eight outputs of a block lie; scales of two bytes.
inline const uint8_t* fours(const uint8_t* block, int at, int half) { return block + at * 16 + half * 32; }
inline const uint8_t* twos(const uint8_t* block, int at, int half) { return block + at * 16 + half * 16; }

/// 32 numbers of eight outputs: group g has numbers 4 g … 4 g + 3 of each, as the bytes of a word.
struct Numbers {
  __m256i v[8];
  PR1_INLINE __m256i operator[](int g) const { return v[g]; }
};
/// The same, in memory.
struct Kept {
  const uint8_t* v;
  PR1_INLINE __m256i operator[](int g) const { return load32(v + g * 64); }
};
/// Of the first and the last 16 numbers, and the minimum.
struct Scales {
  __m256 s[2], m;
};

/// qs: the byte where fours begin; fifth: that of the word of each output with a fifth bit a number, or −1.
PR1_INLINE Numbers nibbles(const uint8_t* block, int half, int qs, int fifth) {
  Numbers to;
#pragma GCC unroll 4
  for (int g = 0; g < 4; g++) {
    const __m256i x = load32(fours(block, qs + g * 4, half));
    to.v[g] = _mm256_and_si256(x, bytes(15));
    to.v[4 + g] = _mm256_and_si256(_mm256_srli_epi16(x, 4), bytes(15));
  }
  if (fifth < 0) return to;
  const __m256i word = load32(fours(block, fifth, half));
  const __m256i low = _mm256_set1_epi32(0x08040201), high = _mm256_set1_epi32(static_cast<int>(0x80402010u));
#pragma GCC unroll 8
  for (int g = 0; g < 8; g++) {
    // Byte g / 2 of each word, four times.
    const __m256i each = _mm256_shuffle_epi8(word, _mm256_broadcastsi128_si256(_mm_setr_epi32(
        g / 2 * 0x01010101, 0x04040404 + g / 2 * 0x01010101, 0x08080808 + g / 2 * 0x01010101, 0x0c0c0c0c + g / 2 * 0x01010101)));
    to.v[g] = with_fifth(to.v[g], each, g % 2 ? high : low);
  }
  return to;
}

/// Numbers 32 `part` … of a block of a type.
template <BlockType type>
PR1_INLINE Numbers numbers(const uint8_t* block, int part, int half) {
  Numbers to;
  switch (type) {
    case BlockType::q4_0: return nibbles(block, half, 2, -1);
    case BlockType::q4_1: return nibbles(block, half, 4, -1);
    case BlockType::q5_0: return nibbles(block, half, 6, 2);
    case BlockType::q5_1: return nibbles(block, half, 8, 4);
    case BlockType::q8_0:
#pragma GCC unroll 8
      for (int g = 0; g < 8; g++) {
        const __m256i x = load32(fours(block, 2 + g * 4, half));
        to.v[g] = Bytes::kSigned ? _mm256_xor_si256(x, bytes(0x80)) : x;
      }
      return to;
    case BlockType::q4_k:
    case BlockType::q5_k:
#pragma GCC unroll 8
      for (int g = 0; g < 8; g++) {
        const int low = (type == BlockType::q4_k ? 16 : 48) + part / 2 * 32 + g * 4;
        to.v[g] = shifted(load32(fours(block, low, half)), part % 2 * 4, 15);
        if (type == BlockType::q5_k) to.v[g] = with_fifth(to.v[g], load32(fours(block, 16 + g * 4, half)), bytes(1 << part));
      }
      return to;
    default: {
      const int whole = part / 4, quarter = part % 4;
#pragma GCC unroll 8
      for (int g = 0; g < 8; g++) {
        const __m256i low = load32(fours(block, whole * 64 + quarter % 2 * 32 + g * 4, half));
        const __m256i high = shifted(load32(fours(block, 128 + whole * 32 + g * 4, half)), quarter * 2, 3);
        to.v[g] = _mm256_or_si256(shifted(low, quarter / 2 * 4, 15), _mm256_slli_epi16(high, 4));
      }
      return to;
    }
  }
}

/// Bits n … of byte i of each output, of bytes in fours.
PR1_INLINE __m256i bits_of(const uint8_t* block, int i, int half, int n, int mask) {
  const __m256i four = load32(fours(block, i / 4 * 4, half));
  return _mm256_and_si256(_mm256_srl_epi32(four, _mm_cvtsi32_si128(i % 4 * 8 + n)), _mm256_set1_epi32(mask));
}

template <BlockType type>
PR1_INLINE Scales scales_of(const uint8_t* block, int part, int half) {
  Scales to;
  to.m = _mm256_setzero_ps();
  if (type == BlockType::q4_k || type == BlockType::q5_k) {
    __m256i s, m;
    if (part < 4) {
      s = bits_of(block, 4 + part, half, 0, 63);
      m = bits_of(block, 8 + part, half, 0, 63);
    } else {
      s = _mm256_or_si256(bits_of(block, 8 + part, half, 0, 15), _mm256_slli_epi32(bits_of(block, part, half, 6, 3), 4));
      m = _mm256_or_si256(bits_of(block, 8 + part, half, 4, 15), _mm256_slli_epi32(bits_of(block, 4 + part, half, 6, 3), 4));
    }
    to.s[0] = to.s[1] = _mm256_mul_ps(halfs(twos(block, 0, half)), _mm256_cvtepi32_ps(s));
    to.m = _mm256_mul_ps(_mm256_mul_ps(_mm256_set1_ps(-1.0f), halfs(twos(block, 2, half))), _mm256_cvtepi32_ps(m));
  } else if (type == BlockType::q6_k) {
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
      const int at = part / 4 * 8 + part % 4 * 2 + i;
      const __m256i four = load32(fours(block, 192 + at / 4 * 4, half));
      const __m256i scale = _mm256_srai_epi32(_mm256_sll_epi32(four, _mm_cvtsi32_si128(24 - at % 4 * 8)), 24);
      to.s[i] = _mm256_mul_ps(halfs(twos(block, 208, half)), _mm256_cvtepi32_ps(scale));
    }
  } else {
    to.s[0] = to.s[1] = halfs(twos(block, 0, half));
    if (type == BlockType::q4_1 || type == BlockType::q5_1) to.m = halfs(twos(block, 2, half));
  }
  return to;
}

/// Blocks of a panel as a file has them, and as an earlier pass has left them.
template <BlockType type>
struct Packed {
  static constexpr size_t kParts = type < BlockType::q4_k ? 1 : 8;  // blocks of 32 in one of the file
  const uint8_t* panel;
  size_t bytes;  // of 16 rows of a file's block
  explicit Packed(const uint8_t* panel) : panel(panel), bytes(static_cast<size_t>(format_of(type).bytes) * 16) {}
  PR1_INLINE Numbers numbers_at(size_t b, int half) const {
    return numbers<type>(panel + b / kParts * bytes, static_cast<int>(b % kParts), half);
  }
  PR1_INLINE Scales scales_at(size_t b, int half) const {
    return scales_of<type>(panel + b / kParts * bytes, static_cast<int>(b % kParts), half);
  }
};
struct Unpacked {
  const IntegerBlock* blocks;
  PR1_INLINE Kept numbers_at(size_t b, int half) const { return {blocks[b].v[0][half * 8]}; }
  PR1_INLINE Scales scales_at(size_t b, int half) const {
    const IntegerBlock& w = blocks[b];
    return {{_mm256_loadu_ps(w.s[0] + half * 8), _mm256_loadu_ps(w.s[1] + half * 8)}, _mm256_loadu_ps(w.m + half * 8)};
  }
};

/// A dot product without what `zero` adds to it; integers below 2^24, so this is exact.
PR1_INLINE __m256 exact(__m256i dot, float zero, float sum) {
  const __m256 x = _mm256_cvtepi32_ps(dot);
  return zero != 0.0f ? _mm256_fnmadd_ps(_mm256_set1_ps(zero), _mm256_set1_ps(sum), x) : x;
}

/// MR rows from m, in one strip: out (MR, 16). NH: halves of a panel that are multiplied at once, so that a row's numbers are read once.
template <BlockType type, int MR, int NH, class Source>
void rows(float* out, const Source& source, const IntegerRows& x, int m) {
  IntegerType of{};
  integer_type(type, of);
  const bool minimum = of.minimum;
  const float zero = type == BlockType::q8_0 && Bytes::kSigned ? 0.0f : static_cast<float>(of.zero);
  constexpr bool halves = type == BlockType::q6_k;
  constexpr int kMost = Bytes::together(type), kTogether = halves && kMost > 4 ? 4 : kMost;
  const size_t blocks = static_cast<size_t>(x.in) / 32, height = static_cast<size_t>(x.height);
  const int8_t* q = x.q + x.at(m, 0) * 32;
  const IntegerScale* scales = x.scales + x.at(m, 0);
  const IntegerSums* sums = x.sums + x.at(m, 0);
  __m256 y[2][MR];
#pragma GCC unroll 2
  for (int h = 0; h < 2; h++) {
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++) y[h][r] = _mm256_setzero_ps();
  }
  for (size_t b = 0; b < blocks; b++, q += height * 32, scales += height, sums += height) {
#pragma GCC unroll 2
    for (int h0 = 0; h0 < 2; h0 += NH) {
      const auto first = source.numbers_at(b, h0), last = source.numbers_at(b, h0 + NH - 1);
      __m256i dots[2][NH][MR];
#pragma GCC unroll 8
      for (int g0 = 0; g0 < 8; g0 += kTogether) {
        __m256i some[NH][MR];
#pragma GCC unroll 2
        for (int h = 0; h < NH; h++) {
#pragma GCC unroll 8
          for (int r = 0; r < MR; r++) some[h][r] = _mm256_setzero_si256();
        }
#pragma GCC unroll 8
        for (int g = g0; g < g0 + kTogether; g++) {
          const __m256i w[2] = {first[g], last[g]};
#pragma GCC unroll 8
          for (int r = 0; r < MR; r++) {
            int32_t four;
            std::memcpy(&four, q + r * 32 + g * 4, 4);
            const __m256i each = _mm256_set1_epi32(four);
#pragma GCC unroll 2
            for (int h = 0; h < NH; h++) some[h][r] = in_order(Bytes::add<type>(some[h][r], w[h], each));
          }
        }
        const int to = halves ? g0 / 4 : 0;
        const bool begins = halves ? g0 % 4 == 0 : g0 == 0;
#pragma GCC unroll 2
        for (int h = 0; h < NH; h++) {
#pragma GCC unroll 8
          for (int r = 0; r < MR; r++) {
            const __m256i more = Bytes::widened(some[h][r]);
            dots[to][h][r] = begins ? more : in_order(_mm256_add_epi32(dots[to][h][r], more));
          }
        }
      }
#pragma GCC unroll 2
      for (int h = 0; h < NH; h++) {
        const Scales w = source.scales_at(b, h0 + h);
#pragma GCC unroll 8
        for (int r = 0; r < MR; r++) {
          const __m256 d = _mm256_set1_ps(scales[r].d);
          __m256& sum = y[h0 + h][r];
          if (halves) {
            sum = _mm256_fmadd_ps(exact(dots[0][h][r], zero, sums[r].half[0]), _mm256_mul_ps(w.s[0], d), sum);
            sum = _mm256_fmadd_ps(exact(dots[1][h][r], zero, sums[r].half[1]), _mm256_mul_ps(w.s[1], d), sum);
          } else {
            sum = _mm256_fmadd_ps(exact(dots[0][h][r], zero, sums[r].all), _mm256_mul_ps(w.s[0], d), sum);
          }
          if (minimum) sum = _mm256_fmadd_ps(w.m, _mm256_set1_ps(scales[r].scaled), sum);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < MR; r++) {
    _mm256_storeu_ps(out + r * 16, y[0][r]);
    _mm256_storeu_ps(out + r * 16 + 8, y[1][r]);
  }
}

template <BlockType type>
void unpack(IntegerBlock* to, const Packed<type>& packed, int blocks) {
  for (int b = 0; b < blocks; b++) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
      const Numbers w = packed.numbers_at(static_cast<size_t>(b), half);
#pragma GCC unroll 8
      for (int g = 0; g < 8; g++) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to[b].v[g][half * 8]), w.v[g]);
      const Scales scales = packed.scales_at(static_cast<size_t>(b), half);
      _mm256_storeu_ps(to[b].s[0] + half * 8, scales.s[0]);
      _mm256_storeu_ps(to[b].s[1] + half * 8, scales.s[1]);
      _mm256_storeu_ps(to[b].m + half * 8, scales.m);
    }
  }
}

template <BlockType type>
void panel(float* out, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  const Packed<type> packed(from);
  // Numbers of Q8_0 need no unpacking.
  for (; type == BlockType::q8_0 && m0 + 4 < m1; m0 += 4, out += 64) rows<type, 4, 1>(out, packed, x, m0);
  // What a few rows read is unpacked on the way.
  if (m1 - m0 == 1) return rows<type, 1, 1>(out, packed, x, m0);
  if (m1 - m0 == 2) return rows<type, 2, 1>(out, packed, x, m0);
  if (m1 - m0 == 3) return rows<type, 3, 1>(out, packed, x, m0);
  if (m1 - m0 == 4) return rows<type, 4, 1>(out, packed, x, m0);
  unpack<type>(room, packed, x.in / 32);
  const Unpacked unpacked{room};
  int m = m0;
  for (; m + 4 <= m1; m += 4, out += 64) rows<type, 4, 2>(out, unpacked, x, m);
  if (m1 - m == 3) return rows<type, 3, 2>(out, unpacked, x, m);
  if (m1 - m == 2) return rows<type, 2, 2>(out, unpacked, x, m);
  if (m1 - m == 1) return rows<type, 1, 2>(out, unpacked, x, m);
}

inline void panel_of(float* out, BlockType type, const uint8_t* from, IntegerBlock* room, const IntegerRows& x, int m0, int m1) {
  switch (type) {
    case BlockType::q8_0: return panel<BlockType::q8_0>(out, from, room, x, m0, m1);
    case BlockType::q4_0: return panel<BlockType::q4_0>(out, from, room, x, m0, m1);
    case BlockType::q4_1: return panel<BlockType::q4_1>(out, from, room, x, m0, m1);
    case BlockType::q5_0: return panel<BlockType::q5_0>(out, from, room, x, m0, m1);
    case BlockType::q5_1: return panel<BlockType::q5_1>(out, from, room, x, m0, m1);
    case BlockType::q4_k: return panel<BlockType::q4_k>(out, from, room, x, m0, m1);
    case BlockType::q5_k: return panel<BlockType::q5_k>(out, from, room, x, m0, m1);
    default: return panel<BlockType::q6_k>(out, from, room, x, m0, m1);
  }
}
