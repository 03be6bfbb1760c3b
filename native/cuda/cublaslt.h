// cuBLASLt, found on the host at run time: its headers are not needed to build and its library not to run. The handful of
// prototypes and constants below are those of its documentation; they have not changed from version 12 to 13, and other
// major versions are refused.
#pragma once
#include <dlfcn.h>
#include <glob.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace pr1::cuda {

class CublasLt {
 public:
  /// Null with the reason where none is found or its version is not known. PR1_CUBLASLT names a file, or `off`.
  static std::unique_ptr<CublasLt> open(std::string& why) {
    const char* named = std::getenv("PR1_CUBLASLT");
    if (named && std::strcmp(named, "off") == 0) {
      why = "cuBLASLt is switched off by PR1_CUBLASLT";
      return nullptr;
    }
    std::vector<std::string> places;
    if (named && *named) {
      places.push_back(named);
    } else {
      places = {"libcublasLt.so.13", "libcublasLt.so.12", "/usr/local/cuda/lib64/libcublasLt.so.13",
                "/usr/local/cuda/lib64/libcublasLt.so.12"};
      for (const char* pattern :
           {"/usr/lib/python3*/site-packages/nvidia/*/lib/libcublasLt.so.1[23]",
            "/usr/local/lib/python3*/site-packages/nvidia/*/lib/libcublasLt.so.1[23]",
            "/usr/local/lib/python3*/dist-packages/nvidia/*/lib/libcublasLt.so.1[23]",
            "/opt/*/.venv/lib/python3*/site-packages/nvidia/*/lib/libcublasLt.so.1[23]",
            "/opt/*/lib/python3*/site-packages/nvidia/*/lib/libcublasLt.so.1[23]"}) {
        add_matches(pattern, places);
      }
      for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
        if (const char* root = std::getenv(variable)) {
          add_matches(std::string(root) + "/lib/python3*/site-packages/nvidia/*/lib/libcublasLt.so.1[23]", places);
        }
      }
    }
    for (const std::string& place : places) {
      void* library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (!library) continue;
      auto lt = std::unique_ptr<CublasLt>(new CublasLt(library, place));
      if (lt->start(why)) return lt;
    }
    if (why.empty()) why = named ? std::string("PR1_CUBLASLT: ") + named + " cannot be loaded" : "cuBLASLt was not found";
    return nullptr;
  }

  ~CublasLt() {
    if (refused_) {
      std::fprintf(stderr, "parallel-r1: cuBLASLt refused %llu of %llu products; own kernels computed them\n",
                   static_cast<unsigned long long>(refused_), static_cast<unsigned long long>(refused_ + computed_));
    }
    for (auto& [shape, plan] : plans_) destroy(plan);
    if (operation_) destroy_operation_(operation_);
    if (preference_) destroy_preference_(preference_);
    if (handle_) destroy_(handle_);
    dlclose(library_);
  }
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;

  size_t version() const { return version_; }
  const std::string& place() const { return place_; }
  static constexpr size_t kWorkspace = size_t{32} << 20;

  /// Plans that are kept: 15 a number of tokens.
  static constexpr size_t kMostPlans = 512;

  uint64_t computed() const { return computed_; }
  uint64_t refused() const { return refused_; }
  /// The shape that was refused last, and what the library said; "" where none was.
  const std::string& last_refusal() const { return last_refusal_; }

  /// c (N, M) = b (N, K) a (M, K)^T + beta * from (N, M); a and b bfloat16, c and from float32, sums float32. `from` may be c.
  /// False where the library has no way to do it; that is counted, and said on stderr for the first one.
  bool product(void* c, const void* a, const void* b, const void* from, float beta, int64_t M, int64_t N, int64_t K,
               int64_t lda, int64_t ldb, int64_t ldc, void* workspace, void* stream) {
    const Shape shape{M, N, K, lda, ldb, ldc, aligned(a), aligned(b), aligned(from), aligned(c)};
    Plan& plan = plan_of(shape);
    if (plan.refusal.empty()) {
      const float alpha = 1.0f;
      const int status = matmul_(handle_, operation_, &alpha, a, plan.a, b, plan.b, &beta, from, plan.c, c, plan.c,
                                 plan.algorithm, workspace, kWorkspace, stream);
      if (status == 0) {
        computed_++;
        return true;
      }
      plan.refusal = "cublasLtMatmul " + status_text(status);
    }
    refused_++;
    last_refusal_ = std::to_string(M) + " x " + std::to_string(N) + " x " + std::to_string(K) + ": " + plan.refusal;
    if (refused_ == 1) {
      std::fprintf(stderr, "parallel-r1: cuBLASLt refused a product, %s; own kernels compute it. More of them are counted and not told\n",
                   last_refusal_.c_str());
    }
    return false;
  }

 private:
  // cublasLt.h. Matrices are column-major there: row-major (N, M) is column-major M x N.
  enum { kComputeF32 = 68, kRealF32 = 0, kRealBf16 = 14, kTransposeA = 3, kTransposeB = 4, kTransposed = 1, kNot = 0 };
  enum Preference { kMaxWorkspace = 1, kAlignmentA = 5, kAlignmentB = 6, kAlignmentC = 7, kAlignmentD = 8 };
  struct Heuristic {
    uint64_t algorithm[8];
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
  };
  /// M, N, K, three strides, then what the addresses of a, b, from and c are multiples of: algorithms differ by it.
  using Shape = std::array<int64_t, 10>;
  struct Plan {
    void *a = nullptr, *b = nullptr, *c = nullptr;
    uint64_t algorithm[8] = {};
    std::string refusal;  // "": it can be computed
    uint64_t used = 0;    // when, to drop the one that was not used for the longest
  };

  static int64_t aligned(const void* p) {
    const uintptr_t address = reinterpret_cast<uintptr_t>(p) | 256;
    return static_cast<int64_t>(address & (~address + 1));
  }

  static std::string status_text(int status) {
    static const std::map<int, const char*> names{{1, "NOT_INITIALIZED"}, {3, "ALLOC_FAILED"},      {7, "INVALID_VALUE"},
                                                  {8, "ARCH_MISMATCH"},   {11, "MAPPING_ERROR"},    {13, "EXECUTION_FAILED"},
                                                  {14, "INTERNAL_ERROR"}, {15, "NOT_SUPPORTED"}, {16, "LICENSE_ERROR"}};
    const auto it = names.find(status);
    return "gave status " + std::to_string(status) + (it == names.end() ? "" : std::string(", CUBLAS_STATUS_") + it->second);
  }

  CublasLt(void* library, std::string place) : library_(library), place_(std::move(place)) {}

  static void add_matches(const std::string& pattern, std::vector<std::string>& places) {
    glob_t found;
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      for (size_t i = found.gl_pathc; i-- > 0;) places.push_back(found.gl_pathv[i]);
    }
    globfree(&found);
  }

  template <class F>
  bool resolve(F& to, const char* name) {
    to = reinterpret_cast<F>(dlsym(library_, name));
    return to != nullptr;
  }

  bool start(std::string& why) {
    const bool whole = resolve(get_version_, "cublasLtGetVersion") && resolve(create_, "cublasLtCreate") &&
                       resolve(destroy_, "cublasLtDestroy") && resolve(matmul_, "cublasLtMatmul") &&
                       resolve(create_operation_, "cublasLtMatmulDescCreate") &&
                       resolve(destroy_operation_, "cublasLtMatmulDescDestroy") &&
                       resolve(set_operation_, "cublasLtMatmulDescSetAttribute") &&
                       resolve(create_layout_, "cublasLtMatrixLayoutCreate") &&
                       resolve(destroy_layout_, "cublasLtMatrixLayoutDestroy") &&
                       resolve(create_preference_, "cublasLtMatmulPreferenceCreate") &&
                       resolve(destroy_preference_, "cublasLtMatmulPreferenceDestroy") &&
                       resolve(set_preference_, "cublasLtMatmulPreferenceSetAttribute") &&
                       resolve(heuristic_, "cublasLtMatmulAlgoGetHeuristic");
    if (!whole) {
      why = place_ + " is not cuBLASLt: it lacks a function";
      return false;
    }
    version_ = get_version_();  // major * 10000 + minor * 100 + patch
    if (version_ / 10000 != 12 && version_ / 10000 != 13) {
      why = place_ + " is version " + std::to_string(version_) + "; 12 and 13 are known";
      return false;
    }
    const int transposed = kTransposed, plain = kNot;
    const uint64_t most = kWorkspace;
    int status = create_(&handle_);
    if (status == 0) status = create_operation_(&operation_, kComputeF32, kRealF32);
    if (status == 0) status = set_operation_(operation_, kTransposeA, &transposed, sizeof transposed);
    if (status == 0) status = set_operation_(operation_, kTransposeB, &plain, sizeof plain);
    if (status == 0) status = create_preference_(&preference_);
    if (status == 0) status = set_preference_(preference_, kMaxWorkspace, &most, sizeof most);
    if (status != 0) {
      why = place_ + " could not be initialised: it " + status_text(status);
      return false;
    }
    return true;
  }

  Plan& plan_of(const Shape& shape) {
    auto it = plans_.find(shape);
    if (it == plans_.end()) {
      if (plans_.size() >= kMostPlans) {
        const auto oldest = std::min_element(plans_.begin(), plans_.end(), [](auto& a, auto& b) { return a.second.used < b.second.used; });
        destroy(oldest->second);
        plans_.erase(oldest);
      }
      it = plans_.emplace(shape, Plan()).first;
      make(it->second, shape);
    }
    it->second.used = ++clock_;
    return it->second;
  }

  void make(Plan& plan, const Shape& shape) {
    const auto [M, N, K, lda, ldb, ldc, align_a, align_b, align_from, align_c] = shape;
    int status = create_layout_(&plan.a, kRealBf16, static_cast<uint64_t>(K), static_cast<uint64_t>(M), lda);
    if (status == 0) status = create_layout_(&plan.b, kRealBf16, static_cast<uint64_t>(K), static_cast<uint64_t>(N), ldb);
    if (status == 0) status = create_layout_(&plan.c, kRealF32, static_cast<uint64_t>(M), static_cast<uint64_t>(N), ldc);
    if (status != 0) {
      plan.refusal = "cublasLtMatrixLayoutCreate " + status_text(status);
      return;
    }
    // Without these the library takes all addresses to be multiples of 256, and gradients are multiples of 64.
    const std::pair<int, int64_t> alignments[] = {
        {kAlignmentA, align_a}, {kAlignmentB, align_b}, {kAlignmentC, align_from}, {kAlignmentD, align_c}};
    for (const auto& [which, bytes] : alignments) {
      const uint32_t value = static_cast<uint32_t>(bytes);
      if (status == 0) status = set_preference_(preference_, which, &value, sizeof value);
    }
    if (status != 0) {
      plan.refusal = "cublasLtMatmulPreferenceSetAttribute " + status_text(status);
      return;
    }
    Heuristic result{};
    int found = 0;
    status = heuristic_(handle_, operation_, plan.a, plan.b, plan.c, plan.c, preference_, 1, &result, &found);
    if (status == 0 && found >= 1) status = result.status;
    if (status != 0) {
      plan.refusal = "cublasLtMatmulAlgoGetHeuristic " + status_text(status);
    } else if (found < 1) {
      plan.refusal = "cublasLtMatmulAlgoGetHeuristic found no algorithm";
    }
    std::memcpy(plan.algorithm, result.algorithm, sizeof plan.algorithm);
  }

  void destroy(const Plan& plan) {
    for (void* layout : {plan.a, plan.b, plan.c}) {
      if (layout) destroy_layout_(layout);
    }
  }

  void* library_;
  std::string place_;
  size_t version_ = 0;
  void *handle_ = nullptr, *operation_ = nullptr, *preference_ = nullptr;
  std::map<Shape, Plan> plans_;
  uint64_t clock_ = 0, computed_ = 0, refused_ = 0;
  std::string last_refusal_;

  size_t (*get_version_)() = nullptr;
  int (*create_)(void**) = nullptr;
  int (*destroy_)(void*) = nullptr;
  int (*create_operation_)(void**, int, int) = nullptr;
  int (*destroy_operation_)(void*) = nullptr;
  int (*set_operation_)(void*, int, const void*, size_t) = nullptr;
  int (*create_layout_)(void**, int, uint64_t, uint64_t, int64_t) = nullptr;
  int (*destroy_layout_)(void*) = nullptr;
  int (*create_preference_)(void**) = nullptr;
  int (*destroy_preference_)(void*) = nullptr;
  int (*set_preference_)(void*, int, const void*, size_t) = nullptr;
  int (*heuristic_)(void*, void*, void*, void*, void*, void*, void*, int, void*, int*) = nullptr;
  int (*matmul_)(void*, void*, const void*, const void*, void*, const void*, void*, const void*, const void*, void*, void*,
                 void*, const void*, void*, size_t, void*) = nullptr;
};

}  // namespace pr1::cuda
