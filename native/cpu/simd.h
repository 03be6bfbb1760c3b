// One vector type of 16 float lanes for every instruction set, so that each kernel is written once.
//
// The lane count is the same everywhere (AVX-512 holds it in one register, AVX2 in two, NEON in four) and every
// reduction folds the 16 lanes in one fixed tree. With fused multiply-add this makes the results of AVX2, AVX-512 and
// NEON equal bit for bit; `portable` on x86 has no fused multiply-add and rounds twice, so its bits are its own.
//
// This header is included by cpu/isa_*.cpp only, once each, inside a namespace of the instruction set's name.

struct V;

template <int N>
struct Count {
  static constexpr int value = N;
};

#if defined(PR1_SIMD_AVX512)

struct V {
  __m512 r;
};
inline V load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, V a) { _mm512_storeu_ps(p, a.r); }
inline V set1(float x) { return {_mm512_set1_ps(x)}; }
inline V add(V a, V b) { return {_mm512_add_ps(a.r, b.r)}; }
inline V sub(V a, V b) { return {_mm512_sub_ps(a.r, b.r)}; }
inline V mul(V a, V b) { return {_mm512_mul_ps(a.r, b.r)}; }
inline V div(V a, V b) { return {_mm512_div_ps(a.r, b.r)}; }
inline V vsqrt(V a) { return {_mm512_sqrt_ps(a.r)}; }
inline V vmax(V a, V b) { return {_mm512_max_ps(a.r, b.r)}; }
inline V vmin(V a, V b) { return {_mm512_min_ps(a.r, b.r)}; }
/// a * b + c, rounded once.
inline V fma(V a, V b, V c) { return {_mm512_fmadd_ps(a.r, b.r, c.r)}; }
/// value where x >= limit, else 0.
inline V keep_ge(V x, V limit, V value) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.r, limit.r, _CMP_GE_OQ), value.r)};
}
/// 2^n for the integer n held in the low bits of (n + 1.5 * 2^23).
inline V pow2_from_magic(V z) {
  __m512i n = _mm512_slli_epi32(_mm512_castps_si512(z.r), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(n, _mm512_set1_epi32(0x3f800000)))};
}
struct Halves {
  __m256 lo, hi;
};
inline Halves halves(V a) {
  return {_mm512_castps512_ps256(a.r), _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a.r), 1))};
}
struct I {
  __m512i r;
};
inline I words(const uint8_t* p) { return {_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))}; }
inline V float16(const uint8_t* p) { return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))}; }
inline I bit_and(I a, uint32_t b) { return {_mm512_and_si512(a.r, _mm512_set1_epi32(static_cast<int>(b)))}; }
inline I bit_or(I a, I b) { return {_mm512_or_si512(a.r, b.r)}; }
template <int n>
inline I shl(I a) {
  return {_mm512_slli_epi32(a.r, n)};
}
template <int n>
inline I shr(I a) {
  return {_mm512_srli_epi32(a.r, n)};
}
inline I shr(I a, int n) { return {_mm512_srl_epi32(a.r, _mm_cvtsi32_si128(n))}; }
/// The top byte with its sign.
inline I signed_top(I a) { return {_mm512_srai_epi32(a.r, 24)}; }
inline V to_float(I a) { return {_mm512_cvtepi32_ps(a.r)}; }
inline V as_float(I a) { return {_mm512_castsi512_ps(a.r)}; }
inline I as_int(V a) { return {_mm512_castps_si512(a.r)}; }
constexpr int kAccumulators = 24;

#elif defined(PR1_SIMD_AVX2)

struct V {
  __m256 lo, hi;
};
inline V load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, V a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
inline V set1(float x) {
  __m256 r = _mm256_set1_ps(x);
  return {r, r};
}
inline V add(V a, V b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline V sub(V a, V b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline V mul(V a, V b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline V div(V a, V b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
inline V vsqrt(V a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
inline V vmax(V a, V b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
inline V vmin(V a, V b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
/// a * b + c, rounded once.
inline V fma(V a, V b, V c) { return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)}; }
/// value where x >= limit, else 0.
inline V keep_ge(V x, V limit, V value) {
  return {_mm256_and_ps(_mm256_cmp_ps(x.lo, limit.lo, _CMP_GE_OQ), value.lo),
          _mm256_and_ps(_mm256_cmp_ps(x.hi, limit.hi, _CMP_GE_OQ), value.hi)};
}
inline __m256 pow2_half(__m256 z) {
  __m256i n = _mm256_slli_epi32(_mm256_castps_si256(z), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(n, _mm256_set1_epi32(0x3f800000)));
}
/// 2^n for the integer n held in the low bits of (n + 1.5 * 2^23).
inline V pow2_from_magic(V z) { return {pow2_half(z.lo), pow2_half(z.hi)}; }
struct Halves {
  __m256 lo, hi;
};
inline Halves halves(V a) { return {a.lo, a.hi}; }
struct I {
  __m256i lo, hi;
};
inline __m128i load16(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline I words(const uint8_t* p) { return {_mm256_cvtepu16_epi32(load16(p)), _mm256_cvtepu16_epi32(load16(p + 16))}; }
inline V float16(const uint8_t* p) { return {_mm256_cvtph_ps(load16(p)), _mm256_cvtph_ps(load16(p + 16))}; }
inline I bit_and(I a, uint32_t b) {
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(b));
  return {_mm256_and_si256(a.lo, mask), _mm256_and_si256(a.hi, mask)};
}
inline I bit_or(I a, I b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
template <int n>
inline I shl(I a) {
  return {_mm256_slli_epi32(a.lo, n), _mm256_slli_epi32(a.hi, n)};
}
template <int n>
inline I shr(I a) {
  return {_mm256_srli_epi32(a.lo, n), _mm256_srli_epi32(a.hi, n)};
}
inline I signed_top(I a) { return {_mm256_srai_epi32(a.lo, 24), _mm256_srai_epi32(a.hi, 24)}; }
/// Byte n of each word, by one shuffle.
template <int n>
inline I byte_of(I a) {
  const __m256i from = _mm256_setr_epi32(n - 256, n + 4 - 256, n + 8 - 256, n + 12 - 256, n - 256, n + 4 - 256, n + 8 - 256, n + 12 - 256);
  return {_mm256_shuffle_epi8(a.lo, from), _mm256_shuffle_epi8(a.hi, from)};
}
#define PR1_HAS_BYTE_OF
inline I shr(I a, int n) {
  const __m128i count = _mm_cvtsi32_si128(n);
  return {_mm256_srl_epi32(a.lo, count), _mm256_srl_epi32(a.hi, count)};
}
inline V to_float(I a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
inline V as_float(I a) { return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)}; }
inline I as_int(V a) { return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
constexpr int kAccumulators = 6;

#elif defined(PR1_SIMD_NEON)

// Four registers written out: GCC keeps an array that a loop goes through in memory.
struct V {
  float32x4_t q[4];
};
#define PR1_OF(f, a) {{f(a.q[0]), f(a.q[1]), f(a.q[2]), f(a.q[3])}}
#define PR1_OF_TWO(f, a, b) {{f(a.q[0], b.q[0]), f(a.q[1], b.q[1]), f(a.q[2], b.q[2]), f(a.q[3], b.q[3])}}
#define PR1_WITH(f, a, x) {{f(a.q[0], x), f(a.q[1], x), f(a.q[2], x), f(a.q[3], x)}}
inline V load(const float* p) { return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}}; }
inline void store(float* p, V a) {
  vst1q_f32(p, a.q[0]);
  vst1q_f32(p + 4, a.q[1]);
  vst1q_f32(p + 8, a.q[2]);
  vst1q_f32(p + 12, a.q[3]);
}
inline V set1(float x) {
  const float32x4_t r = vdupq_n_f32(x);
  return {{r, r, r, r}};
}
inline V add(V a, V b) { return PR1_OF_TWO(vaddq_f32, a, b); }
inline V sub(V a, V b) { return PR1_OF_TWO(vsubq_f32, a, b); }
inline V mul(V a, V b) { return PR1_OF_TWO(vmulq_f32, a, b); }
inline V div(V a, V b) { return PR1_OF_TWO(vdivq_f32, a, b); }
inline V vsqrt(V a) { return PR1_OF(vsqrtq_f32, a); }
/// b where a is NaN, as on x86.
inline V vmax(V a, V b) { return PR1_OF_TWO(vmaxnmq_f32, a, b); }
inline V vmin(V a, V b) { return PR1_OF_TWO(vminnmq_f32, a, b); }
/// a * b + c, rounded once.
inline V fma(V a, V b, V c) {
  return {{vfmaq_f32(c.q[0], a.q[0], b.q[0]), vfmaq_f32(c.q[1], a.q[1], b.q[1]), vfmaq_f32(c.q[2], a.q[2], b.q[2]),
           vfmaq_f32(c.q[3], a.q[3], b.q[3])}};
}
/// value where x >= limit, else 0.
inline V keep_ge(V x, V limit, V value) {
  auto keep = [](float32x4_t x, float32x4_t limit, float32x4_t value) {
    return vreinterpretq_f32_u32(vandq_u32(vcgeq_f32(x, limit), vreinterpretq_u32_f32(value)));
  };
  return {{keep(x.q[0], limit.q[0], value.q[0]), keep(x.q[1], limit.q[1], value.q[1]), keep(x.q[2], limit.q[2], value.q[2]),
           keep(x.q[3], limit.q[3], value.q[3])}};
}
inline float32x4_t pow2_quarter(float32x4_t z) {
  return vreinterpretq_f32_s32(vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(z), 23), vdupq_n_s32(0x3f800000)));
}
/// 2^n for the integer n held in the low bits of (n + 1.5 * 2^23).
inline V pow2_from_magic(V z) { return PR1_OF(pow2_quarter, z); }
struct I {
  uint32x4_t q[4];
};
inline I words(const uint8_t* p) {
  const uint16x8_t low = vreinterpretq_u16_u8(vld1q_u8(p)), high = vreinterpretq_u16_u8(vld1q_u8(p + 16));
  return {{vmovl_u16(vget_low_u16(low)), vmovl_u16(vget_high_u16(low)), vmovl_u16(vget_low_u16(high)), vmovl_u16(vget_high_u16(high))}};
}
inline V float16(const uint8_t* p) {
  auto four = [](const uint8_t* at) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(at))); };
  return {{four(p), four(p + 8), four(p + 16), four(p + 24)}};
}
inline I bit_and(I a, uint32_t b) {
  const uint32x4_t mask = vdupq_n_u32(b);
  return PR1_WITH(vandq_u32, a, mask);
}
inline I bit_or(I a, I b) { return PR1_OF_TWO(vorrq_u32, a, b); }
template <int n>
inline I shl(I a) {
  return PR1_WITH(vshlq_n_u32, a, n);
}
inline I shr(I a, int n) {
  const int32x4_t left = vdupq_n_s32(-n);
  return PR1_WITH(vshlq_u32, a, left);
}
template <int n>
inline I shr(I a) {
  return shr(a, n);
}
inline uint32x4_t signed_top_of(uint32x4_t a) { return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(a), 24)); }
inline I signed_top(I a) { return PR1_OF(signed_top_of, a); }
inline float32x4_t float_of(uint32x4_t a) { return vcvtq_f32_s32(vreinterpretq_s32_u32(a)); }
inline V to_float(I a) { return PR1_OF(float_of, a); }
inline V as_float(I a) { return PR1_OF(vreinterpretq_f32_u32, a); }
inline I as_int(V a) { return PR1_OF(vreinterpretq_u32_f32, a); }
#undef PR1_OF
#undef PR1_OF_TWO
#undef PR1_WITH
constexpr int kAccumulators = 6;

#else  // portable

struct V {
  float v[16];
};
#define PR1_EACH(expr)             \
  V out;                           \
  for (int i = 0; i < 16; i++) {   \
    out.v[i] = (expr);             \
  }                                \
  return out
inline V load(const float* p) { PR1_EACH(p[i]); }
inline void store(float* p, V a) {
  for (int i = 0; i < 16; i++) p[i] = a.v[i];
}
inline V set1(float x) { PR1_EACH(x); }
inline V add(V a, V b) { PR1_EACH(a.v[i] + b.v[i]); }
inline V sub(V a, V b) { PR1_EACH(a.v[i] - b.v[i]); }
inline V mul(V a, V b) { PR1_EACH(a.v[i] * b.v[i]); }
inline V div(V a, V b) { PR1_EACH(a.v[i] / b.v[i]); }
inline V vsqrt(V a) { PR1_EACH(std::sqrt(a.v[i])); }
inline V vmax(V a, V b) { PR1_EACH(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
inline V vmin(V a, V b) { PR1_EACH(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
/// a * b + c; rounded twice where the target has no fused multiply-add.
#if defined(__FP_FAST_FMAF)
inline V fma(V a, V b, V c) { PR1_EACH(__builtin_fmaf(a.v[i], b.v[i], c.v[i])); }
#else
inline V fma(V a, V b, V c) { PR1_EACH(a.v[i] * b.v[i] + c.v[i]); }
#endif
/// value where x >= limit, else 0.
inline V keep_ge(V x, V limit, V value) { PR1_EACH(x.v[i] >= limit.v[i] ? value.v[i] : 0.0f); }
/// 2^n for the integer n held in the low bits of (n + 1.5 * 2^23).
inline V pow2_from_magic(V z) {
  V out;
  for (int i = 0; i < 16; i++) {
    uint32_t bits;
    std::memcpy(&bits, &z.v[i], 4);
    bits = (bits << 23) + 0x3f800000u;
    std::memcpy(&out.v[i], &bits, 4);
  }
  return out;
}
inline V float16(const uint8_t* p) {
  V out;
  for (int i = 0; i < 16; i++) {
    const uint32_t bits = static_cast<uint32_t>(p[2 * i] | p[2 * i + 1] << 8), size = bits & 0x7fffu;
    // 2^112 brings the exponent to float32's, of numbers below 2^-14 too.
    uint32_t wide = size << 13;
    float x;
    std::memcpy(&x, &wide, 4);
    x *= 0x1p112f;
    std::memcpy(&wide, &x, 4);
    wide |= (bits & 0x8000u) << 16;
    std::memcpy(&out.v[i], &wide, 4);
  }
  return out;
}
#undef PR1_EACH
struct I {
  uint32_t v[16];
};
#define PR1_EACH(expr)             \
  I out;                           \
  for (int i = 0; i < 16; i++) {   \
    out.v[i] = (expr);             \
  }                                \
  return out
inline I words(const uint8_t* p) { PR1_EACH(static_cast<uint32_t>(p[2 * i] | p[2 * i + 1] << 8)); }
inline I bit_and(I a, uint32_t b) { PR1_EACH(a.v[i] & b); }
inline I bit_or(I a, I b) { PR1_EACH(a.v[i] | b.v[i]); }
template <int n>
inline I shl(I a) {
  PR1_EACH(a.v[i] << n);
}
template <int n>
inline I shr(I a) {
  PR1_EACH(a.v[i] >> n);
}
inline I shr(I a, int n) { PR1_EACH(a.v[i] >> n); }
inline I signed_top(I a) { PR1_EACH(static_cast<uint32_t>(static_cast<int8_t>(a.v[i] >> 24))); }
#undef PR1_EACH
inline V to_float(I a) {
  V out;
  for (int i = 0; i < 16; i++) out.v[i] = static_cast<float>(static_cast<int32_t>(a.v[i]));
  return out;
}
inline V as_float(I a) {
  V out;
  std::memcpy(out.v, a.v, sizeof out.v);
  return out;
}
inline I as_int(V a) {
  I out;
  std::memcpy(out.v, a.v, sizeof out.v);
  return out;
}
constexpr int kAccumulators = 6;

#endif

#if !defined(PR1_HAS_BYTE_OF)
/// Byte n of each word.
template <int n>
inline I byte_of(I a) {
  return bit_and(shr<8 * n>(a), 255);
}
#endif
#undef PR1_HAS_BYTE_OF

// ---- bfloat16: 16 lanes of two numbers each, the earlier one in the low half. ----

inline float bits_as_float(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

#if defined(PR1_SIMD_BF16)
struct Pairs {
  __m512bh r;
};
inline Pairs load_pairs(const uint32_t* p) { return {reinterpret_cast<__m512bh>(_mm512_loadu_si512(p))}; }
inline Pairs set1_pairs(uint32_t x) {
  return {reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(x)))};
}
/// c + the two products of each lane, in the order of the instruction.
inline V dot_pairs(Pairs a, Pairs b, V c) { return {_mm512_dpbf16_ps(c.r, a.r, b.r)}; }
#else
struct Pairs {
  V low, high;
};
inline Pairs load_pairs(const uint32_t* p) {
  const I bits = as_int(load(reinterpret_cast<const float*>(p)));
  return {as_float(shl<16>(bits)), as_float(bit_and(bits, 0xffff0000u))};
}
inline Pairs set1_pairs(uint32_t x) {
  return {set1(bits_as_float(x << 16)), set1(bits_as_float(x & 0xffff0000u))};
}
/// c + the two products of each lane, the earlier one first.
inline V dot_pairs(Pairs a, Pairs b, V c) { return fma(a.high, b.high, fma(a.low, b.low, c)); }
#endif

/// float32 → bfloat16, to nearest, ties to even; NaN stays NaN.
inline uint32_t bf16_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return ((bits & 0x7fffffffu) > 0x7f800000u ? bits | 0x400000u : rounded) >> 16;
}

// ---- Reductions: lanes i and i + 8, then neighbours, then neighbours of those, then the two quarters. ----

#if defined(PR1_SIMD_AVX512) || defined(PR1_SIMD_AVX2)

/// Sums of four vectors at once; each sum equals hsum of that vector bit for bit.
inline void hsum4(V a, V b, V c, V d, float* out) {
  Halves ha = halves(a), hb = halves(b), hc = halves(c), hd = halves(d);
  __m256 ab = _mm256_hadd_ps(_mm256_add_ps(ha.lo, ha.hi), _mm256_add_ps(hb.lo, hb.hi));
  __m256 cd = _mm256_hadd_ps(_mm256_add_ps(hc.lo, hc.hi), _mm256_add_ps(hd.lo, hd.hi));
  __m256 r = _mm256_hadd_ps(ab, cd);
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(r), _mm256_extractf128_ps(r, 1)));
}
inline float hsum(V a) {
  Halves h = halves(a);
  __m256 s = _mm256_add_ps(h.lo, h.hi);
  s = _mm256_hadd_ps(s, s);
  s = _mm256_hadd_ps(s, s);
  return _mm_cvtss_f32(_mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}

#elif defined(PR1_SIMD_NEON)

/// Neighbours of lanes i and i + 8 in pairs, and neighbours of those.
inline float32x4_t halves_of_hsum(V a) {
  const float32x4_t pairs = vpaddq_f32(vaddq_f32(a.q[0], a.q[2]), vaddq_f32(a.q[1], a.q[3]));
  return vpaddq_f32(pairs, pairs);
}
inline float hsum(V a) {
  const float32x4_t low_high = halves_of_hsum(a);
  return vgetq_lane_f32(low_high, 0) + vgetq_lane_f32(low_high, 1);
}
/// Sums of four vectors at once; each sum equals hsum of that vector bit for bit.
inline void hsum4(V a, V b, V c, V d, float* out) {
  const float32x4_t ab = vcombine_f32(vget_low_f32(halves_of_hsum(a)), vget_low_f32(halves_of_hsum(b)));
  const float32x4_t cd = vcombine_f32(vget_low_f32(halves_of_hsum(c)), vget_low_f32(halves_of_hsum(d)));
  vst1q_f32(out, vpaddq_f32(ab, cd));
}

#else

inline float hsum(V a) {
  float x[16], y[8];
  store(x, a);
  for (int i = 0; i < 8; i++) y[i] = x[i] + x[i + 8];
  float low = (y[0] + y[1]) + (y[2] + y[3]);
  float high = (y[4] + y[5]) + (y[6] + y[7]);
  return low + high;
}
inline void hsum4(V a, V b, V c, V d, float* out) {
  out[0] = hsum(a);
  out[1] = hsum(b);
  out[2] = hsum(c);
  out[3] = hsum(d);
}

#endif

inline float hmax(V a) {
  float x[16];
  store(x, a);
  float m = x[0];
  for (int i = 1; i < 16; i++) m = x[i] > m ? x[i] : m;
  return m;
}

/// The 8 x 8 block at `from` (rows `stride` apart) transposed to `to`.
#if defined(PR1_SIMD_AVX512) || defined(PR1_SIMD_AVX2)
inline void transpose8(float* to, size_t to_stride, const float* from, size_t stride) {
  __m256 r[8], s[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) r[i] = _mm256_loadu_ps(from + i * stride);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}
#else
inline void transpose8(float* to, size_t to_stride, const float* from, size_t stride) {
  for (int i = 0; i < 8; i++) {
    for (int j = 0; j < 8; j++) to[j * to_stride + i] = from[i * stride + j];
  }
}
#endif

/// (R, C) with rows `stride` apart becomes (C, R) with rows `to_stride` apart.
inline void transpose(float* to, size_t to_stride, const float* from, size_t stride, int R, int C) {
  int r = 0;
  for (; r + 8 <= R; r += 8) {
    int c = 0;
    for (; c + 8 <= C; c += 8) transpose8(to + c * to_stride + r, to_stride, from + r * stride + c, stride);
    for (; c < C; c++) {
      for (int i = r; i < r + 8; i++) to[c * to_stride + i] = from[i * stride + c];
    }
  }
  for (; r < R; r++) {
    for (int c = 0; c < C; c++) to[c * to_stride + r] = from[r * stride + c];
  }
}

/// First n of 16 lanes from memory, the rest filled.
inline V load_partial(const float* p, int n, float fill) {
  float x[16];
  for (int i = 0; i < 16; i++) x[i] = i < n ? p[i] : fill;
  return load(x);
}
inline void store_partial(float* p, V a, int n) {
  float x[16];
  store(x, a);
  for (int i = 0; i < n; i++) p[i] = x[i];
}
/// The same for n floats or more: a whole vector then.
inline V load_up_to(const float* p, int n) { return n >= 16 ? load(p) : load_partial(p, n, 0.0f); }
inline void store_up_to(float* p, V a, int n) {
  if (n >= 16) {
    store(p, a);
  } else {
    store_partial(p, a, n);
  }
}

/// e^x: range reduction by ln 2 in two parts, then a polynomial of degree 6 (relative error below 2e-7).
/// 0 below -87.33, so that a logit of -infinity has probability 0 exactly.
PR1_INLINE V vexp(V x) {
  const V lowest = set1(-87.33f);
  const V magic = set1(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  V clamped = vmin(vmax(x, lowest), set1(88.37f));
  V z = fma(clamped, set1(1.44269504088896341f), magic);
  V n = sub(z, magic);
  V r = fma(n, set1(-0.693359375f), clamped);
  r = fma(n, set1(2.12194440e-4f), r);
  V p = set1(1.9875691500e-4f);
  p = fma(p, r, set1(1.3981999507e-3f));
  p = fma(p, r, set1(8.3334519073e-3f));
  p = fma(p, r, set1(4.1665795894e-2f));
  p = fma(p, r, set1(1.6666665459e-1f));
  p = fma(p, r, set1(5.0000001201e-1f));
  p = fma(mul(p, r), r, add(r, set1(1.0f)));
  return keep_ge(x, lowest, mul(p, pow2_from_magic(z)));
}

/// 1 / (1 + e^-x)
PR1_INLINE V vsigmoid(V x) { return div(set1(1.0f), add(set1(1.0f), vexp(sub(set1(0.0f), x)))); }
