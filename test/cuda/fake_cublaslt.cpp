// cuBLASLt as native/cuda/cublaslt.h uses it, on the host, for tests where no GPU is: it multiplies, keeps to the contract of the
// real one (an algorithm may count on the alignment that was promised when it was asked for) and can be told to fail.
//   PR1_FAKE_CUBLASLT   create: cublasLtCreate fails. heuristic: nothing is found. matmul: refused with status 15. wrong: sums are off
//                       by one part in 1,000. large: products of more than 2^20 numbers are refused
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t stride;
};
struct Preference {
  uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C and D, as the library has them where nobody says otherwise
};
struct Heuristic {
  uint64_t algorithm[8];
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
};
int live = 0, most = 0;

bool told(const char* what) {
  const char* text = std::getenv("PR1_FAKE_CUBLASLT");
  return text && std::strcmp(text, what) == 0;
}
float widen(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

}  // namespace

extern "C" {

// For tests: layouts that were made and not destroyed, now and at most.
int fake_live_layouts() { return live; }
int fake_most_layouts() { return most; }

size_t cublasLtGetVersion() { return 130500; }
int cublasLtCreate(void** handle) {
  *handle = &live;
  return told("create") ? 1 : 0;
}
int cublasLtDestroy(void*) { return 0; }
int cublasLtMatmulDescCreate(void** out, int, int) {
  *out = &most;
  return 0;
}
int cublasLtMatmulDescDestroy(void*) { return 0; }
int cublasLtMatmulDescSetAttribute(void*, int, const void*, size_t) { return 0; }
int cublasLtMatrixLayoutCreate(void** out, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  *out = new Layout{type, rows, columns, stride};
  live++;
  most = live > most ? live : most;
  return 0;
}
int cublasLtMatrixLayoutDestroy(void* layout) {
  delete static_cast<Layout*>(layout);
  live--;
  return 0;
}
int cublasLtMatmulPreferenceCreate(void** out) {
  *out = new Preference;
  return 0;
}
int cublasLtMatmulPreferenceDestroy(void* preference) {
  delete static_cast<Preference*>(preference);
  return 0;
}
int cublasLtMatmulPreferenceSetAttribute(void* preference, int which, const void* value, size_t bytes) {
  if (which < 5 || which > 8) return 0;
  if (bytes != 4) return 7;
  std::memcpy(&static_cast<Preference*>(preference)->alignment[which - 5], value, 4);
  return 0;
}
int cublasLtMatmulAlgoGetHeuristic(void*, void*, void* a, void*, void* c, void*, void* preference, int, void* result, int* found) {
  *found = told("heuristic") || (told("large") && static_cast<Layout*>(c)->rows * static_cast<Layout*>(c)->columns > 1 << 20) ? 0 : 1;
  Heuristic h{};
  std::memcpy(h.algorithm, static_cast<Preference*>(preference)->alignment, sizeof(Preference));
  h.algorithm[7] = static_cast<Layout*>(a)->rows;
  std::memcpy(result, &h, sizeof h);
  return 0;
}
int cublasLtMatmul(void*, void*, const void* alpha, const void* a, void* la, const void* b, void* lb, const void* beta, const void* from, void*, void* c,
                   void* lc, const void* algorithm, void*, size_t, void*) {
  if (told("matmul")) return 15;
  uint32_t promised[4];
  std::memcpy(promised, algorithm, sizeof promised);
  const void* places[4] = {a, b, from, c};
  for (int i = 0; i < 4; i++) {
    if (reinterpret_cast<uintptr_t>(places[i]) % promised[i] != 0) return 7;
  }
  const Layout &A = *static_cast<Layout*>(la), &B = *static_cast<Layout*>(lb), &C = *static_cast<Layout*>(lc);
  const auto* x = static_cast<const uint16_t*>(a);
  const auto* y = static_cast<const uint16_t*>(b);
  const float scale = *static_cast<const float*>(alpha) * (told("wrong") ? 1.001f : 1.0f), add = *static_cast<const float*>(beta);
  for (uint64_t n = 0; n < C.columns; n++) {
    for (uint64_t m = 0; m < C.rows; m++) {
      float sum = 0;
      for (uint64_t k = 0; k < A.rows; k++) sum += widen(x[m * A.stride + k]) * widen(y[n * B.stride + k]);
      float& to = static_cast<float*>(c)[n * C.stride + m];
      to = scale * sum + (add != 0.0f ? add * static_cast<const float*>(from)[n * C.stride + m] : 0.0f);
    }
  }
  return 0;
}
}
