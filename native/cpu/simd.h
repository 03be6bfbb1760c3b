// One vector type of 16 float lanes for every instruction set, so that each kernel is written once.
//
// The lane count is the same everywhere (AVX-512 holds it in one register, AVX2 in two, NEON in four) and every
// reduction folds the 16 lanes in one fixed tree. With fused multiply-add this makes the results of AVX2, AVX-512 and
// NEON equal bit for bit; `portable` on x86 has no fused multiply-add and rounds twice, so its bits are its own.
//
// This header is included by cpu/isa_*.cpp only, once each, inside a namespace of the instruction set's name.

struct V;

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
inline V widen(const int8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
#if !defined(PR1_SIMD_BF16)
inline V low_half(V bits) { return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(bits.r), 16))}; }
inline V high_half(V bits) {
  return {_mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(bits.r), _mm512_set1_epi32(-65536)))};
}
#endif
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
inline __m256 widen8(const int8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline V widen(const int8_t* p) { return {widen8(p), widen8(p + 8)}; }
inline __m256 low_half8(__m256 x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x), 16)); }
inline V low_half(V bits) { return {low_half8(bits.lo), low_half8(bits.hi)}; }
inline V high_half(V bits) {
  const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(-65536));
  return {_mm256_and_ps(bits.lo, mask), _mm256_and_ps(bits.hi, mask)};
}
constexpr int kAccumulators = 6;

#elif defined(PR1_SIMD_NEON)

struct V {
  float32x4_t q[4];
};
#define PR1_EACH(expr)            \
  V out;                          \
  for (int i = 0; i < 4; i++) {   \
    out.q[i] = (expr);            \
  }                               \
  return out
inline V load(const float* p) { PR1_EACH(vld1q_f32(p + 4 * i)); }
inline void store(float* p, V a) {
  for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, a.q[i]);
}
inline V set1(float x) { PR1_EACH(vdupq_n_f32(x)); }
inline V add(V a, V b) { PR1_EACH(vaddq_f32(a.q[i], b.q[i])); }
inline V sub(V a, V b) { PR1_EACH(vsubq_f32(a.q[i], b.q[i])); }
inline V mul(V a, V b) { PR1_EACH(vmulq_f32(a.q[i], b.q[i])); }
inline V div(V a, V b) { PR1_EACH(vdivq_f32(a.q[i], b.q[i])); }
inline V vsqrt(V a) { PR1_EACH(vsqrtq_f32(a.q[i])); }
inline V vmax(V a, V b) { PR1_EACH(vmaxq_f32(a.q[i], b.q[i])); }
inline V vmin(V a, V b) { PR1_EACH(vminq_f32(a.q[i], b.q[i])); }
/// a * b + c, rounded once.
inline V fma(V a, V b, V c) { PR1_EACH(vfmaq_f32(c.q[i], a.q[i], b.q[i])); }
/// value where x >= limit, else 0.
inline V keep_ge(V x, V limit, V value) {
  PR1_EACH(vreinterpretq_f32_u32(vandq_u32(vcgeq_f32(x.q[i], limit.q[i]), vreinterpretq_u32_f32(value.q[i]))));
}
/// 2^n for the integer n held in the low bits of (n + 1.5 * 2^23).
inline V pow2_from_magic(V z) {
  PR1_EACH(vreinterpretq_f32_s32(
      vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(z.q[i]), 23), vdupq_n_s32(0x3f800000))));
}
inline V low_half(V bits) { PR1_EACH(vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(bits.q[i]), 16))); }
inline V high_half(V bits) {
  PR1_EACH(vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(bits.q[i]), vdupq_n_u32(0xffff0000u))));
}
#undef PR1_EACH
inline V widen(const int8_t* p) {
  const int8x16_t x = vld1q_s8(p);
  const int16x8_t low = vmovl_s8(vget_low_s8(x)), high = vmovl_s8(vget_high_s8(x));
  V out;
  out.q[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
  out.q[1] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(low)));
  out.q[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
  out.q[3] = vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)));
  return out;
}
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
inline V widen(const int8_t* p) { PR1_EACH(static_cast<float>(p[i])); }
#undef PR1_EACH
inline V low_half(V bits) {
  uint32_t x[16];
  std::memcpy(x, bits.v, sizeof x);
  for (int i = 0; i < 16; i++) x[i] <<= 16;
  std::memcpy(bits.v, x, sizeof x);
  return bits;
}
inline V high_half(V bits) {
  uint32_t x[16];
  std::memcpy(x, bits.v, sizeof x);
  for (int i = 0; i < 16; i++) x[i] &= 0xffff0000u;
  std::memcpy(bits.v, x, sizeof x);
  return bits;
}
constexpr int kAccumulators = 6;

#endif

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
  V bits = load(reinterpret_cast<const float*>(p));
  return {low_half(bits), high_half(bits)};
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
