// Products of bfloat16 in the arithmetic of Intel's matrix units, on the units (amx.h) or in software with the same bits.
//
// k goes in blocks of 32 numbers. For each output two sums start at 0. Over the 16 pairs of a block, in order, the first
// takes the earlier products, the second the later ones, each a multiply-add rounded to nearest. Then their sum is added to
// the output. Denormal inputs and results count as 0. A block that k does not fill is filled with zeros. Included by
// kernels.h.

constexpr int kTile = 16;        // rows of a strip, columns of a panel, pairs of a block of k
constexpr int kTileNumbers = 256;  // pairs of a tile

/// Pairs of k, a whole number of blocks.
inline int tile_steps(int k) { return (k + 31) / 32 * kTile; }

/// Within it denormal numbers are 0, as the units have it.
struct FlushDenormals {
#if defined(__x86_64__)
  const unsigned before = _mm_getcsr();
  FlushDenormals() { _mm_setcsr(before | 0x8040u); }
  ~FlushDenormals() { _mm_setcsr(before); }
  FlushDenormals(const FlushDenormals&) = delete;
#elif defined(__aarch64__)
  uint64_t before;
  // "memory": no load or store of what is computed crosses it.
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before));
    asm volatile("msr fpcr, %0" ::"r"(before | 1u << 24) : "memory");
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before) : "memory"); }
  FlushDenormals(const FlushDenormals&) = delete;
#endif
};

#if defined(PR1_SIMD_PORTABLE)
/// Rounded once: a product of two bfloat16 numbers is exact in float64, and so is where its sum with a float32 lies.
inline V tile_fma(V a, V b, V c) {
  V out;
  for (int i = 0; i < 16; i++) {
    out.v[i] = static_cast<float>(static_cast<double>(a.v[i]) * static_cast<double>(b.v[i]) + static_cast<double>(c.v[i]));
  }
  return out;
}
#else
inline V tile_fma(V a, V b, V c) { return fma(a, b, c); }
#endif

/// MR rows of a strip times one panel.
template <int MR>
inline void software_rows(float* c, size_t ldc, const uint32_t* a, const uint32_t* b, int steps, bool accumulate) {
  V sum[MR];
#pragma GCC unroll 4
  for (int m = 0; m < MR; m++) sum[m] = accumulate ? load(c + m * ldc) : set1(0.0f);
  for (int k = 0; k < steps; k += kTile, a += kTileNumbers, b += kTileNumbers) {
    V even[MR], odd[MR];
#pragma GCC unroll 4
    for (int m = 0; m < MR; m++) even[m] = odd[m] = set1(0.0f);
    for (int p = 0; p < kTile; p++) {
      const I bits = as_int(load(reinterpret_cast<const float*>(b + p * 16)));
      const V low = as_float(shl<16>(bits)), high = as_float(bit_and(bits, 0xffff0000u));
#pragma GCC unroll 4
      for (int m = 0; m < MR; m++) {
        const uint32_t x = a[m * kTile + p];
        even[m] = tile_fma(set1(bits_as_float(x << 16)), low, even[m]);
        odd[m] = tile_fma(set1(bits_as_float(x & 0xffff0000u)), high, odd[m]);
      }
    }
#pragma GCC unroll 4
    for (int m = 0; m < MR; m++) sum[m] = add(sum[m], add(even[m], odd[m]));
  }
#pragma GCC unroll 4
  for (int m = 0; m < MR; m++) store(c + m * ldc, sum[m]);
}

/// amx_block in software; the last strip has `rows` rows.
inline void software_block(const TileBlock& g, int strips, int panels, int rows) {
  const FlushDenormals flush;
  for (int s = 0; s < strips; s++) {
    const uint32_t* a = g.a + static_cast<size_t>(s) * g.steps * kTile;
    const int most = s + 1 < strips ? kTile : rows;
    for (int p = 0; p < panels; p++) {
      const uint32_t* b = g.b + p * g.panel;
      float* c = g.c + s * kTile * g.ldc + p * 16;
      int m = 0;
      for (; m + 4 <= most; m += 4) software_rows<4>(c + m * g.ldc, g.ldc, a + m * kTile, b, g.steps, g.accumulate);
      for (; m < most; m++) software_rows<1>(c + m * g.ldc, g.ldc, a + m * kTile, b, g.steps, g.accumulate);
    }
  }
}

/// x (M, K) with stride → strips of 16 rows (M / 16, K / 32, 16, 16), of which only strip s. Rows beyond M are left as they are.
inline void pack_strip(uint32_t* out, const float* x, size_t stride, int M, int K, int s) {
  const int blocks = tile_steps(K) / kTile, whole = K / 32, rows = M - s * kTile < kTile ? M - s * kTile : kTile;
  uint32_t* to = out + static_cast<size_t>(s) * blocks * kTileNumbers;
  for (int m = 0; m < rows; m++) {
    const float* from = x + (static_cast<size_t>(s) * kTile + m) * stride;
    uint32_t* row = to + m * kTile;
    for (int k = 0; k < whole; k++) round_row(row + static_cast<size_t>(k) * kTileNumbers, from + k * 32, 32);
    if (whole == blocks) continue;
    uint32_t* last = row + static_cast<size_t>(whole) * kTileNumbers;
    std::memset(last, 0, kTile * sizeof(uint32_t));
    round_row(last, from + whole * 32, K - whole * 32);
  }
}

/// x (n, outs) with stride → strips of 16 columns of x: (outs / 16, n / 32, 16, 16). Columns beyond `outs` are 0.
inline void pack_strips_of_columns(uint32_t* out, const float* x, size_t stride, int n, int outs) {
  alignas(64) uint32_t part[kTileNumbers];
  for (int o = 0; o < outs; o += kTile) {
    const int columns = outs - o < kTile ? outs - o : kTile;
    for (int t = 0; t < n; t += 32, out += kTileNumbers) {
      if (columns < kTile || n - t < 32) std::memset(part, 0, sizeof part);
      for (int p = 0; p < kTile && t + 2 * p < n; p++) {
        const float* from = x + (t + 2 * p) * stride + o;
        round_rows(part + p * kTile, from, t + 2 * p + 1 < n ? from + stride : nullptr, columns);
      }
      transpose(reinterpret_cast<float*>(out), kTile, reinterpret_cast<const float*>(part), kTile, kTile, kTile);
    }
  }
}

/// A product: what Gemm is for chains. a: strips, b: panels, both of `steps` pairs.
struct TileGemm {
  bool units;  // of the CPU; else software
  int M, N, steps;
  const uint32_t *a, *b;
  float* c;
  size_t ldc;
  bool accumulate;
  const float* bias;      // (N) or null
  const float* residual;  // (M, N) with rows ldc apart, or null

  void begin() const {
    if (units) amx_begin();
  }
  void end() const {
    if (units) amx_end();
  }

  /// Strips s … s + strips and panels p … p + panels.
  void block(int s, int strips, int p, int panels) const {
    const int m = s * kTile, n = p * 16;
    const int rows = M - m < strips * kTile ? M - m : strips * kTile, columns = N - n < panels * 16 ? N - n : panels * 16;
    const size_t panel = static_cast<size_t>(steps) * 16;
    float* to = c + static_cast<size_t>(m) * ldc + n;
    TileBlock g{steps, a + static_cast<size_t>(s) * panel, b + p * panel, panel, to, ldc, accumulate};
    const bool direct = rows == strips * kTile && columns == panels * 16 && !bias && !residual;
    alignas(64) float part[2 * kTile * 32];
    if (!direct) {
      g.c = part;
      g.ldc = static_cast<size_t>(panels) * 16;
      if (accumulate) copy_rows(part, g.ldc, to, ldc, rows, columns);
    }
    if (units) {
      amx_block(g, strips, panels);
    } else {
      software_block(g, strips, panels, rows - (strips - 1) * kTile);
    }
    if (!direct) put(to, part, g.ldc, rows, n, columns, residual ? residual + static_cast<size_t>(m) * ldc + n : nullptr);
  }

  /// Strips s0 … s1 of the panels p0 … p1, which are read from memory once.
  void blocks(int s0, int s1, int p0, int p1) const {
    if (s1 - s0 == 1) {
      int p = p0;
      for (; p + 4 <= p1; p += 4) block(s0, 1, p, 4);
      for (; p + 2 <= p1; p += 2) block(s0, 1, p, 2);
      if (p < p1) block(s0, 1, p, 1);
      return;
    }
    for (int p = p0; p < p1; p += 2) {
      const int panels = p + 2 <= p1 ? 2 : 1;
      for (int s = s0; s < s1; s += 2) block(s, s + 2 <= s1 ? 2 : 1, p, panels);
    }
  }

 private:
  static void copy_rows(float* to, size_t to_stride, const float* from, size_t stride, int rows, int columns) {
    for (int m = 0; m < rows; m++) std::memcpy(to + m * to_stride, from + m * stride, sizeof(float) * columns);
  }

  void put(float* to, const float* part, size_t stride, int rows, int n, int columns, const float* add_to) const {
    for (int m = 0; m < rows; m++) {
      for (int i = 0; i < columns; i += 16) {
        const int left = columns - i;
        V out = load(part + m * stride + i);
        if (bias) out = add(out, load_up_to(bias + n + i, left));
        if (add_to) out = add(out, load_up_to(add_to + m * ldc + i, left));
        store_up_to(to + m * ldc + i, out, left);
      }
    }
  }
};

/// Splits a product over the pool: blocks of strips times groups of panels.
inline void tiles_parallel(ThreadPool& pool, const TileGemm& g) {
  constexpr int kStrips = 8;  // of a task: their rows stay in the cache while panels go by
  const int strips = (g.M + kTile - 1) / kTile, panels = (g.N + 15) / 16;
  const bool small = static_cast<double>(strips) * panels * g.steps < 1.5e4;
  const int strip_blocks = (strips + kStrips - 1) / kStrips;
  int group = panels;
  if (!small) {
    const int wanted = pool.threads() * 4, groups = (wanted + strip_blocks - 1) / strip_blocks;
    group = ((panels + groups - 1) / groups + 3) / 4 * 4;
  }
  const int groups = (panels + group - 1) / group;
  auto body = [&](int task, int) {
    const int s = task / groups * kStrips, p = task % groups * group;
    g.begin();
    g.blocks(s, s + kStrips < strips ? s + kStrips : strips, p, p + group < panels ? p + group : panels);
    g.end();
  };
  if (small) {
    for (int task = 0; task < strip_blocks * groups; task++) body(task, 0);
  } else {
    pool.parallel(strip_blocks * groups, body);
  }
}
