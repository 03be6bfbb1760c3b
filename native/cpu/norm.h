// RMSNorm of one row, shared by the norms of the residual stream and of the heads of q and k. Included by kernels.h.

/// Sum of x[i] * y[i] over C, folded over 16 lanes.
inline float dot(const float* x, const float* y, int C) {
  V acc = set1(0.0f);
  int c = 0;
  for (; c + 16 <= C; c += 16) acc = fma(load(x + c), load(y + c), acc);
  if (c < C) acc = fma(load_partial(x + c, C - c, 0.0f), load_partial(y + c, C - c, 0.0f), acc);
  return hsum(acc);
}

inline float rmsnorm_row(float* out, const float* x, const float* w, int C, float eps) {
  float rstd = 1.0f / std::sqrt(dot(x, x, C) / static_cast<float>(C) + eps);
  V s = set1(rstd);
  int c = 0;
  for (; c + 16 <= C; c += 16) store(out + c, mul(mul(load(x + c), s), load(w + c)));
  for (; c < C; c++) out[c] = x[c] * rstd * w[c];
  return rstd;
}

/// dx (+)= rstd * (w dy − x rstd^2 mean(w dy x)); the gradient of w is dy x rstd and left to the caller.
inline void rmsnorm_row_backward(float* dx, const float* dy, const float* x, const float* w, float rstd, int C,
                                 bool accumulate) {
  V acc = set1(0.0f);
  int c = 0;
  for (; c + 16 <= C; c += 16) acc = fma(mul(load(dy + c), load(w + c)), load(x + c), acc);
  float mean = hsum(acc);
  for (; c < C; c++) mean += dy[c] * w[c] * x[c];
  mean /= static_cast<float>(C);
  const float k = mean * rstd * rstd;
  V vk = set1(k), vr = set1(rstd);
  c = 0;
  for (; c + 16 <= C; c += 16) {
    V g = mul(vr, sub(mul(load(dy + c), load(w + c)), mul(load(x + c), vk)));
    store(dx + c, accumulate ? add(load(dx + c), g) : g);
  }
  for (; c < C; c++) {
    float g = rstd * (dy[c] * w[c] - x[c] * k);
    dx[c] = accumulate ? dx[c] + g : g;
  }
}
