// cuBLASLt, found on the host at run time: its headers are not needed to build and its library not to run. The handful of
// prototypes and constants below are those of its documentation; they have not changed from version 12 to 13, and other
// major versions are refused.
#pragma once
#include <dlfcn.h>
#include <glob.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <tuple>
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
    for (auto& [shape, plan] : plans_) {
      destroy_layout_(plan.a), destroy_layout_(plan.b), destroy_layout_(plan.c);
    }
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

  /// c (N, M) = b (N, K) a (M, K)^T + beta * from (N, M); a and b bfloat16, c and from float32, sums float32. `from` may be c.
  /// False where the library has no way to do it.
  bool product(void* c, const void* a, const void* b, const void* from, float beta, int64_t M, int64_t N, int64_t K,
               int64_t lda, int64_t ldb, int64_t ldc, void* workspace, void* stream) {
    Plan* plan = plan_of(M, N, K, lda, ldb, ldc);
    if (!plan) return false;
    const float alpha = 1.0f;
    return matmul_(handle_, operation_, &alpha, a, plan->a, b, plan->b, &beta, from, plan->c, c, plan->c, plan->algorithm,
                   workspace, kWorkspace, stream) == 0;
  }

 private:
  // cublasLt.h. Matrices are column-major there: row-major (N, M) is column-major M x N.
  enum { kComputeF32 = 68, kRealF32 = 0, kRealBf16 = 14, kTransposeA = 3, kTransposeB = 4, kTransposed = 1, kNot = 0, kMaxWorkspace = 1 };
  struct Heuristic {
    uint64_t algorithm[8];
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
  };
  struct Plan {
    void *a, *b, *c;
    uint64_t algorithm[8];
  };

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
    if (create_(&handle_) != 0 || create_operation_(&operation_, kComputeF32, kRealF32) != 0 ||
        set_operation_(operation_, kTransposeA, &transposed, sizeof transposed) != 0 ||
        set_operation_(operation_, kTransposeB, &plain, sizeof plain) != 0 || create_preference_(&preference_) != 0 ||
        set_preference_(preference_, kMaxWorkspace, &most, sizeof most) != 0) {
      why = place_ + " could not be initialised";
      return false;
    }
    return true;
  }

  Plan* plan_of(int64_t M, int64_t N, int64_t K, int64_t lda, int64_t ldb, int64_t ldc) {
    const auto shape = std::make_tuple(M, N, K, lda, ldb, ldc);
    auto it = plans_.find(shape);
    if (it != plans_.end()) return &it->second;
    Plan plan{};
    if (create_layout_(&plan.a, kRealBf16, static_cast<uint64_t>(K), static_cast<uint64_t>(M), lda) != 0 ||
        create_layout_(&plan.b, kRealBf16, static_cast<uint64_t>(K), static_cast<uint64_t>(N), ldb) != 0 ||
        create_layout_(&plan.c, kRealF32, static_cast<uint64_t>(M), static_cast<uint64_t>(N), ldc) != 0) {
      return nullptr;
    }
    Heuristic result{};
    int found = 0;
    if (heuristic_(handle_, operation_, plan.a, plan.b, plan.c, plan.c, preference_, 1, &result, &found) != 0 || found < 1) {
      return nullptr;
    }
    std::memcpy(plan.algorithm, result.algorithm, sizeof plan.algorithm);
    return &plans_.emplace(shape, plan).first->second;
  }

  void* library_;
  std::string place_;
  size_t version_ = 0;
  void *handle_ = nullptr, *operation_ = nullptr, *preference_ = nullptr;
  std::map<std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t>, Plan> plans_;

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
