// The gate of a gated MLP: activation(gate) * up and its gradient. Included by kernels.h.
//
// Both activations are x σ(z(x)): z = x for SiLU, z = 2 √(2/π) (x + 0.044715 x³) for GELU in its tanh form, since
// (1 + tanh u) / 2 = σ(2u).

/// σ(z) of 16 gates.
template <Activation kind>
inline V gate_sigmoid(V gate) {
  if constexpr (kind == Activation::silu) return vsigmoid(gate);
  const V cube = mul(mul(gate, gate), gate);
  return vsigmoid(mul(set1(1.5957691216057308f), fma(set1(0.044715f), cube, gate)));
}

/// d (x σ(z)) / dx = σ (1 + x (1 − σ) z')
template <Activation kind>
inline V gate_slope(V gate, V s) {
  const V one = set1(1.0f);
  if constexpr (kind == Activation::silu) return mul(s, fma(gate, sub(one, s), one));
  const V dz = fma(set1(0.21406445f), mul(gate, gate), set1(1.5957691216057308f));
  return mul(s, fma(mul(gate, dz), sub(one, s), one));
}

/// act (F) of gate_up (2F).
template <Activation kind>
inline void gated_row(float* act, const float* gate_up, int F) {
  for (int i = 0; i < F; i += 16) {
    const int n = F - i;
    V gate = load_up_to(gate_up + i, n), up = load_up_to(gate_up + F + i, n);
    store_up_to(act + i, mul(mul(gate, gate_sigmoid<kind>(gate)), up), n);
  }
}

/// dgate_up (2F) of dact (F); act (F), unless null, is made again and may be dact.
template <Activation kind>
inline void gated_row_backward(float* dgate_up, float* act, const float* dact, const float* gate_up, int F) {
  for (int i = 0; i < F; i += 16) {
    const int n = F - i;
    V gate = load_up_to(gate_up + i, n), up = load_up_to(gate_up + F + i, n), d = load_up_to(dact + i, n);
    V s = gate_sigmoid<kind>(gate), value = mul(gate, s);
    store_up_to(dgate_up + i, mul(mul(d, up), gate_slope<kind>(gate, s)), n);
    store_up_to(dgate_up + F + i, mul(d, value), n);
    if (act) store_up_to(act + i, mul(value, up), n);
  }
}
