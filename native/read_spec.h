#pragma once
#include <napi.h>

#include "model/spec.h"

namespace pr1 {

/// A ModelSpec of src/engine/spec.ts. Throws a Napi::Error where sizes, shapes or indices do not fit together: products read and
/// write by them.
ModelSpec read_spec(const Napi::Object& spec, const Napi::Value& types);

}  // namespace pr1
