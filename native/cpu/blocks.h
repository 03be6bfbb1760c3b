// Products with weights in blocks. With rows in 8 bits they are what integers.h says. With rows in float32: a few columns of a few panels become float32 in the cache, and go through the float32 tiles
// of gemm.h. So the bits are those of float32 weights of the same values, however many rows there are. A number of a block has
// at most 24 significant bits before its minimum is added: only that sum rounds, as in ggml and gguf-py. Included by kernels.h.

/// Bytes 4 g … 4 g + 3 of 16 rows.
inline I four_bytes(const uint8_t* from, int g) { return as_int(load(reinterpret_cast<const float*>(from + g * 64))); }
inline I byte_at(const uint8_t* from, int i) { return bit_and(shr(four_bytes(from, i / 4), i % 4 * 8), 255); }
/// body(Count<j>) for j = 0 … 3: shifts by constants.
template <class F>
PR1_INLINE void each_byte(F&& body) {
  body(Count<0>{});
  body(Count<1>{});
  body(Count<2>{});
  body(Count<3>{});
}

/// 32 numbers of 8 bits a row: d q.
inline void unpack_bytes(float* out, const uint8_t* qs, V d) {
  const V zero = set1(128.0f);
  for (int g = 0; g < 8; g++) {
    const I x = four_bytes(qs, g);
    each_byte([&](auto j) {
      constexpr int n = decltype(j)::value;
      store(out + (g * 4 + n) * 16, mul(d, sub(to_float(byte_of<n>(x)), zero)));
    });
  }
}

/// 32 numbers of 4 bits a row, i and i + 16 in one byte, and a fifth bit of each in the word of `fifth` unless null:
/// d (q − zero), or with kMin d q + low.
template <bool kFifth, bool kMin>
inline void unpack_nibbles(float* out, const uint8_t* qs, const uint8_t* fifth, V d, V zero_or_low) {
  auto put = [&](int i, I q) {
    store(out + i * 16, kMin ? fma(d, to_float(q), zero_or_low) : mul(d, sub(to_float(q), zero_or_low)));
  };
  I bits{};
  if constexpr (kFifth) bits = four_bytes(fifth, 0);
  for (int g = 0; g < 4; g++) {
    const I x = four_bytes(qs, g);
    each_byte([&](auto j) {
      constexpr int n = decltype(j)::value;
      const I byte = byte_of<n>(x);
      I low = bit_and(byte, 15), high = shr<4>(byte);
      if constexpr (kFifth) {
        low = bit_or(low, bit_and(shl<4>(bits), 16));
        high = bit_or(high, bit_and(shr<12>(bits), 16));
        bits = shr<1>(bits);
      }
      put(g * 4 + n, low);
      put(g * 4 + n + 16, high);
    });
  }
}

/// Six bits of scale and of minimum for 32 columns `part` of 256, of the 12 bytes of Q4_K and Q5_K.
inline void scale_and_min(const uint8_t* scales, int part, I& scale, I& min) {
  if (part < 4) {
    scale = bit_and(byte_at(scales, part), 63);
    min = bit_and(byte_at(scales, part + 4), 63);
  } else {
    scale = bit_or(bit_and(byte_at(scales, part + 4), 15), shl<4>(shr<6>(byte_at(scales, part - 4))));
    min = bit_or(shr<4>(byte_at(scales, part + 4)), shl<4>(shr<6>(byte_at(scales, part))));
  }
}

/// Columns 32 `part` … 32 `part` + 31 of a block of 256 of Q4_K (without `high`) or Q5_K.
inline void unpack_k(float* out, const uint8_t* block, const uint8_t* high, const uint8_t* low, int part) {
  I scale, min;
  scale_and_min(block + 4 * 16, part, scale, min);
  const V d = mul(float16(block), to_float(scale));
  const V m = mul(mul(set1(-1.0f), float16(block + 2 * 16)), to_float(min));
  for (int g = 0; g < 8; g++) {
    const I x = shr(four_bytes(low, part / 2 * 8 + g), part % 2 * 4), h = high ? shr(four_bytes(high, g), part) : I{};
    each_byte([&](auto j) {
      constexpr int n = decltype(j)::value;
      I q = bit_and(shr<8 * n>(x), 15);
      if (high) q = bit_or(q, shl<4>(bit_and(shr<8 * n>(h), 1)));
      store(out + (g * 4 + n) * 16, fma(d, to_float(q), m));
    });
  }
}

/// The same of Q6_K: 4 bits in the first 128 bytes, 2 in the next 64, 16 scales of 8 bits, d.
inline void unpack_q6_k(float* out, const uint8_t* block, int part) {
  const int half = part / 4, quarter = part % 4;
  const V whole = float16(block + 208 * 16), zero = set1(32.0f);
  auto scale = [&](int i) { return mul(whole, to_float(signed_top(shl<24>(byte_at(block + 192 * 16, i))))); };
  const V d[2] = {scale(half * 8 + quarter * 2), scale(half * 8 + quarter * 2 + 1)};
  for (int g = 0; g < 8; g++) {
    const I low = shr(four_bytes(block, half * 16 + quarter % 2 * 8 + g), quarter / 2 * 4);
    const I high = shr(four_bytes(block + 128 * 16, half * 8 + g), quarter * 2);
    each_byte([&](auto j) {
      constexpr int n = decltype(j)::value;
      const I q = bit_or(bit_and(shr<8 * n>(low), 15), shl<4>(bit_and(shr<8 * n>(high), 3)));
      store(out + (g * 4 + n) * 16, mul(d[g / 4], sub(to_float(q), zero)));
    });
  }
}

/// Columns k … k + 31 of a panel, (32, 16), of a type with blocks of 32 or 256.
inline void unpack_32(float* out, BlockType type, const uint8_t* block, int part) {
  const uint8_t *two = block + 2 * 16, *four = block + 4 * 16;
  switch (type) {
    case BlockType::q8_0: return unpack_bytes(out, two, float16(block));
    case BlockType::q4_0: return unpack_nibbles<false, false>(out, two, nullptr, float16(block), set1(8.0f));
    case BlockType::q4_1: return unpack_nibbles<false, true>(out, four, nullptr, float16(block), float16(two));
    case BlockType::q5_0: return unpack_nibbles<true, false>(out, block + 6 * 16, two, float16(block), set1(16.0f));
    case BlockType::q5_1: return unpack_nibbles<true, true>(out, block + 8 * 16, four, float16(block), float16(two));
    case BlockType::q4_k: return unpack_k(out, block, nullptr, block + 16 * 16, part);
    case BlockType::q5_k: return unpack_k(out, block, block + 16 * 16, block + 48 * 16, part);
    default: return unpack_q6_k(out, block, part);
  }
}

/// n columns of a panel from column k on, (n, 16) in float32; k is a multiple of 32, and n where blocks are.
inline void unpack(float* out, BlockType type, int elements, int bytes, const uint8_t* panel, int k, int n) {
  if (elements == 1) {
    const uint8_t* from = panel + static_cast<size_t>(k) * bytes * 16;
    for (int i = 0; i < n; i++, from += bytes * 16) {
      const V x = type == BlockType::f32 ? load(reinterpret_cast<const float*>(from))
                  : type == BlockType::f16 ? float16(from)
                                           : as_float(shl<16>(words(from)));
      store(out + i * 16, x);
    }
    return;
  }
  for (int i = 0; i < n; i += 32) {
    unpack_32(out + i * 16, type, panel + static_cast<size_t>((k + i) / elements) * bytes * 16, (k + i) % elements / 32);
  }
}

/// One row in float32: a column of its panel.
inline void unpack_row(float* out, const Blocks& w, int row) {
  alignas(64) float columns[32 * 16];
  const BlockFormat& f = format_of(w.type);
  const uint8_t* panel = w.panels + static_cast<size_t>(row / 16) * w.panel_bytes();
  for (int k = 0; k < w.in; k += 32) {
    const int n = w.in - k < 32 ? w.in - k : 32;
    unpack(columns, w.type, f.elements, f.bytes, panel, k, n);
    for (int i = 0; i < n; i++) out[k + i] = columns[i * 16 + row % 16];
  }
}

/// What one block product is: x (M, in) and where y (M, out) goes, with its bias and residual, which may be null or y.
struct BlockProduct {
  const Blocks* parts;  // stacked, of one `in`
  int count;
  const float* x;
  float* y;
  int out;
  const float *bias, *residual;
  const IntegerRows* integers;  // x in 8 bits (integers.h); null: float32
  IntegerProduct* multiply;     // what multiplies those
  bool units;                   // and whether it needs the matrix units
};

/// Sums (rows, width) of columns `at` … become y, with bias and residual; `left` of them are there.
inline void put_sums(const BlockProduct& g, const float* sums, int width, int at, int left, int m0, int m1) {
  for (int m = m0; m < m1; m++, sums += width) {
    const size_t row = static_cast<size_t>(m) * g.out + at;
    for (int c = 0; c < width; c += 16) {
      V out = load(sums + c);
      if (g.bias) out = add(out, load_up_to(g.bias + at + c, left - c));
      if (g.residual) out = add(out, load_up_to(g.residual + row + c, left - c));
      store_up_to(g.y + row + c, out, left - c);
    }
  }
}

/// 32 floats → 8 bits: q to nearest of x / d with d = max |x| / 127. A scale that is NaN where x is not finite.
inline void round_to_bytes(int8_t* q, IntegerScale& scale, IntegerSums& sums, const float* x) {
  const V low = load(x), high = load(x + 16), none = set1(0.0f);
  alignas(64) float numbers[32];
  store(numbers, vmax(as_float(bit_and(as_int(low), 0x7fffffffu)), as_float(bit_and(as_int(high), 0x7fffffffu))));
  for (int n = 8; n > 0; n /= 2) {
    for (int i = 0; i < n; i++) numbers[i] = numbers[i + n] > numbers[i] ? numbers[i + n] : numbers[i];
  }
  const float not_finite = hsum(add(mul(low, none), mul(high, none)));  // NaN, else 0
  const float d = numbers[0] / 127.0f + not_finite, inverse = d > 0.0f ? 1.0f / d : 0.0f;
  // 1.5 * 2^23: adding it rounds to an integer, which stands in the low bits.
  const V factor = set1(inverse), magic = set1(12582912.0f);
  store(numbers, add(mul(low, factor), magic));
  store(numbers + 16, add(mul(high, factor), magic));
  int sum[2] = {0, 0};
  for (int half = 0; half < 2; half++) {
    int32_t bits[16];
    std::memcpy(bits, numbers + half * 16, sizeof bits);
    for (int i = 0; i < 16; i++) {
      q[half * 16 + i] = static_cast<int8_t>(bits[i]);
      sum[half] += static_cast<int8_t>(bits[i]);
    }
  }
  const float all = static_cast<float>(sum[0] + sum[1]);
  scale = {d, d * all};
  sums = {all, {static_cast<float>(sum[0]), static_cast<float>(sum[1])}};
}

constexpr int kUnpacked = 256;  // columns of panels in float32 at a time: 16 KiB

/// Rows m0 … m1 of one panel or more of a part, from `panel` on, whose first output is `at`. sums (m1 − m0, panels, 16): work space.
inline void block_panels(const BlockProduct& g, const Blocks& w, int panel, int panels, int at, int m0, int m1, float* sums) {
  alignas(64) float columns[kUnpacked * 16];
  const BlockFormat& f = format_of(w.type);
  const int step = kUnpacked / panels / 32 * 32, width = panels * 16, rows = m1 - m0;
  for (int k = 0; k < w.in; k += step) {
    const int n = w.in - k < step ? w.in - k : step;
    for (int p = 0; p < panels; p++) {
      unpack(columns + static_cast<size_t>(p) * n * 16, w.type, f.elements, f.bytes, w.panels + (panel + p) * w.panel_bytes(), k, n);
    }
    const Gemm<F32> chunk{width, n, g.x + static_cast<size_t>(m0) * w.in + k, static_cast<size_t>(w.in), 1, columns,
                          static_cast<size_t>(n) * 16, sums, static_cast<size_t>(width), k > 0, nullptr, nullptr, 0};
    gemm_block(chunk, 0, rows, 0, panels);
  }
  put_sums(g, sums, width, at, w.out - panel * 16, m0, m1);
}

/// The same with rows in 8 bits, one panel. room: in / 32 blocks.
inline void integer_panel(const BlockProduct& g, const Blocks& w, int panel, int at, int m0, int m1, float* sums, IntegerBlock* room) {
  g.multiply(sums, w.type, w.panels + panel * w.panel_bytes(), room, *g.integers, m0, m1);
  put_sums(g, sums, 16, at, w.out - panel * 16, m0, m1);
}

/// Splits a product over the pool: groups of panels times blocks of rows; a panel is unpacked once a block.
inline void block_product(ThreadPool& pool, Scratch* local, const BlockProduct& g, int M) {
  int panels = 0;
  for (int i = 0; i < g.count; i++) panels += (g.parts[i].out + 15) / 16;
  const int in = g.parts[0].in, most = M < kRows ? kPanels1 : kWide * 2;
  const bool small = static_cast<double>(M) * panels * 16 * in < 3e5;
  const int wanted = small ? 1 : pool.threads() * 4;
  int group = (panels + wanted - 1) / wanted;
  if (group < most) group = most;
  const int groups = (panels + group - 1) / group;
  // As many rows as it takes to keep the threads busy, since each block of rows unpacks anew.
  int blocks = (wanted + groups - 1) / groups;
  const int most_blocks = (M + kRowBlock - 1) / kRowBlock, least_blocks = (M + kRowBlock * 5 - 1) / (kRowBlock * 5);
  blocks = blocks > most_blocks ? most_blocks : blocks < least_blocks ? least_blocks : blocks;
  int block = (M + blocks - 1) / blocks;
  if (g.integers) block = (block + 15) / 16 * 16;
  auto body = [&](int task, int thread) {
    const int m0 = task / groups * block, m1 = m0 + block < M ? m0 + block : M;
    const int begin = task % groups * group, end = begin + group < panels ? begin + group : panels;
    if (m0 >= m1) return;
    const size_t sums_floats = static_cast<size_t>(m1 - m0) * most * 16;
    const size_t room = g.integers ? static_cast<size_t>(in / 32) * (sizeof(IntegerBlock) / sizeof(float)) : 0;
    float* sums = local[thread].get(sums_floats + room);
    if (g.units) amx_integers_begin(m1 - m0);
    for (int i = 0, first = 0, at = 0; i < g.count && first < end; i++) {
      const Blocks& w = g.parts[i];
      const int own = (w.out + 15) / 16, last = end - first < own ? end - first : own;
      IntegerType type;
      if (g.integers && integer_type(w.type, type)) {
        for (int p = begin > first ? begin - first : 0; p < last; p++) {
          integer_panel(g, w, p, at + p * 16, m0, m1, sums, reinterpret_cast<IntegerBlock*>(sums + sums_floats));
        }
        first += own;
        at += w.out;
        continue;
      }
      for (int p = begin > first ? begin - first : 0; p < last; p += most) {
        block_panels(g, w, p, last - p < most ? last - p : most, at + p * 16, m0, m1, sums);
      }
      first += own;
      at += w.out;
    }
    if (g.units) amx_integers_end();
  };
  if (small) {
    for (int task = 0; task < blocks * groups; task++) body(task, 0);
  } else {
    pool.parallel(blocks * groups, body);
  }
}
