// From logits to log-probabilities, gradients and samples. Included by kernels.h.

/// Philox 4x32 with 10 rounds (Salmon et al., SC 2011): a counter and a key in, random bits out, no state.
inline uint32_t philox(uint64_t key, uint32_t stream, uint32_t position) {
  uint32_t c0 = position, c1 = stream, c2 = 0x70723120u, c3 = 0;
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * c0;
    uint64_t p1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
    uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c0;
}

inline float row_max(const float* x, int n) {
  V m = set1(-INFINITY);
  int i = 0;
  for (; i + 16 <= n; i += 16) m = vmax(load(x + i), m);
  if (i < n) m = vmax(load_partial(x + i, n - i, -INFINITY), m);
  return hmax(m);
}

/// Whether all n numbers are finite: 0 times anything else is NaN.
inline bool finite_row(const float* x, int n) {
  V sum = set1(0.0f);
  const V zero = sum;
  int i = 0;
  for (; i + 16 <= n; i += 16) sum = fma(load(x + i), zero, sum);
  if (i < n) sum = fma(load_partial(x + i, n - i, 0.0f), zero, sum);
  return !std::isnan(hsum(sum));
}

/// x (n) *= factor; whether all of it is finite then.
inline bool scale_row(float* x, float factor, int n) {
  V sum = set1(0.0f);
  const V zero = sum, f = set1(factor);
  int i = 0;
  for (; i + 16 <= n; i += 16) {
    const V y = mul(load(x + i), f);
    sum = fma(y, zero, sum);
    store(x + i, y);
  }
  if (i < n) {
    const V y = mul(load_partial(x + i, n - i, 0.0f), f);
    sum = fma(y, zero, sum);
    store_partial(x + i, y, n - i);
  }
  return !std::isnan(hsum(sum));
}

inline RowScore score_row(const float* logits, int target, int V_, bool entropy) {
  if (std::isnan(logits[0])) return {NAN, NAN, NAN};
  float max = row_max(logits, V_);
  V vm = set1(max), sum = set1(0.0f), weighted = set1(0.0f);
  for (int i = 0; i < V_; i += 16) {
    const int left = V_ - i;
    V shifted = sub(left >= 16 ? load(logits + i) : load_partial(logits + i, left, -INFINITY), vm);
    V e = vexp(shifted);
    sum = add(sum, e);
    // Excluded ids have e = 0 and shifted = −infinity: keep_ge stops 0 * infinity.
    if (entropy) weighted = fma(e, keep_ge(shifted, set1(-87.33f), shifted), weighted);
  }
  float total = hsum(sum);
  float log_total = static_cast<float>(std::log(static_cast<double>(total)));
  RowScore score;
  score.lse = max + log_total;
  score.logprob = logits[target] - score.lse;
  score.entropy = entropy ? log_total - hsum(weighted) / total : 0.0f;
  return score;
}

inline void logprob_row_backward(float* logits, float lse, int target, float weight, float temperature, int V_) {
  const float w = weight / temperature;
  V vl = set1(lse), vw = set1(-w);
  for (int i = 0; i < V_; i += 16) {
    const int left = V_ - i;
    V p = vexp(sub(left >= 16 ? load(logits + i) : load_partial(logits + i, left, -INFINITY), vl));
    if (left >= 16) {
      store(logits + i, mul(p, vw));
    } else {
      store_partial(logits + i, mul(p, vw), left);
    }
  }
  logits[target] += w;
}

/// logprob_row_backward and the gradient of the row's entropy: d entropy / d logit v = −p(v) (log p(v) + entropy).
inline void entropy_row_backward(float* logits, float lse, int target, float weight, float entropy_weight, float entropy,
                                 float temperature, int V_) {
  const float w = weight / temperature;
  V vl = set1(lse), vw = set1(-w), vu = set1(-entropy_weight / temperature), vh = set1(entropy);
  for (int i = 0; i < V_; i += 16) {
    const int left = V_ - i;
    V logp = sub(left >= 16 ? load(logits + i) : load_partial(logits + i, left, -INFINITY), vl);
    V p = vexp(logp);
    // Excluded ids have p = 0 and logp = −infinity: keep_ge stops 0 * infinity.
    V d = mul(p, fma(vu, add(keep_ge(logp, set1(-87.33f), logp), vh), vw));
    if (left >= 16) {
      store(logits + i, d);
    } else {
      store_partial(logits + i, d, left);
    }
  }
  logits[target] += w;
}

inline int argmax(const float* x, int n) {
  float max = row_max(x, n);
  for (int i = 0; i < n; i++) {
    if (x[i] == max) return i;
  }
  return 0;
}

/// Inverse transform in id order. `logits` is prepared; top-k and top-p keep the most likely ids (lowest id first at a
/// tie) and set the rest to −infinity.
inline int sample_row(float* logits, const SamplingRow& row, int V_, float* scratch) {
  if (std::isnan(logits[0])) return -1;
  if (row.temperature == 0.0f) return argmax(logits, V_);
  const float max = row_max(logits, V_);
  V vm = set1(max);
  auto exponentiate = [&] {
    for (int i = 0; i < V_; i += 16) {
      const int left = V_ - i;
      V e = vexp(sub(left >= 16 ? load(logits + i) : load_partial(logits + i, left, -INFINITY), vm));
      if (left >= 16) {
        store(scratch + i, e);
      } else {
        store_partial(scratch + i, e, left);
      }
    }
  };
  exponentiate();
  const bool nucleus = row.top_p < 1.0f, k_best = row.top_k > 0 && row.top_k < V_;
  if (nucleus || k_best) {
    int* order = reinterpret_cast<int*>(scratch + V_);
    sort_by_weight(order, scratch, V_);
    double total = 0.0;
    for (int i = 0; i < V_; i++) total += scratch[i];
    int kept = k_best ? row.top_k : V_;
    if (nucleus) {
      double mass = 0.0;
      int n = 0;
      while (n < kept && mass < row.top_p * total) mass += scratch[order[n++]];
      kept = n > 0 ? n : 1;
    }
    for (int i = kept; i < V_; i++) scratch[order[i]] = 0.0f;
  }
  double total = 0.0;
  for (int i = 0; i < V_; i++) total += scratch[i];
  const double u = (philox(row.seed, row.stream, row.position) + 0.5) * (1.0 / 4294967296.0) * total;
  double sum = 0.0;
  int last = -1;
  for (int i = 0; i < V_; i++) {
    if (scratch[i] > 0.0f) {
      sum += scratch[i];
      last = i;
      if (u < sum) return i;
    }
  }
  return last < 0 ? argmax(logits, V_) : last;
}
