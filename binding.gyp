{
  "targets": [
    {
      "target_name": "parallel_r1",
      "sources": [
        "native/cpu/isa_portable.cpp",
        "native/cpu/isa_avx512_bf16.cpp",
        "native/cpu/isa_avx512.cpp",
        "native/cpu/isa_avx2.cpp",
        "native/cpu/isa_neon.cpp",
        "native/addon.cpp",
        "native/read_spec.cpp",
        "native/model/adapter.cpp",
        "native/model/model.cpp",
        "native/model/head.cpp",
        "native/model/layer.cpp",
        "native/model/attention.cpp",
        "native/model/linear.cpp",
        "native/model/load.cpp",
        "native/model/parameters.cpp",
        "native/model/rope.cpp",
        "native/model/visibility.cpp",
        "native/blocks.cpp",
        "native/crc32.cpp",
        "native/threads.cpp",
        "native/worker.cpp",
        "native/cuda/loader.cpp",
        "native/cpu/amx.cpp",
        "native/cpu/amx_integers.cpp",
        "native/cpu/vnni.cpp",
        "native/cpu/avx2_integers.cpp",
        "native/cpu/avx_vnni_integers.cpp",
        "native/cpu/neon_integers.cpp",
        "native/cpu/integers.cpp",
        "native/cpu/dispatch.cpp"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "PR1_OPS_HASH=<!(node scripts/ops-hash.mjs)"],
      "cflags!": ["-fno-exceptions", "-O3"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++14", "-std=gnu++17"],
      "cflags_cc": ["-std=c++17", "-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-Wall", "-Wextra", "-ffp-contract=off", "-fno-math-errno", "-Wno-cast-function-type"],
      "xcode_settings": {
        "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
        "GCC_ENABLE_CPP_RTTI": "YES",
        "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
        "MACOSX_DEPLOYMENT_TARGET": "11.0",
        "GCC_OPTIMIZATION_LEVEL": "2",
        "OTHER_CPLUSPLUSFLAGS": ["-ffp-contract=off", "-fno-math-errno"]
      }
    }
  ]
}
