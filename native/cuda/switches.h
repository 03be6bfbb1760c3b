// What the environment switches off or on. Plain host code.
#pragma once
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace pr1::cuda {

/// A variable that says on or off; `otherwise` where it is not set.
inline bool read_switch(const char* name, bool otherwise) {
  const char* text = std::getenv(name);
  const std::string value = text ? text : "";
  if (value.empty()) return otherwise;
  if (value == "on" || value == "off") return value == "on";
  throw std::runtime_error(std::string(name) + " must be on or off. Got " + value + ". Unset it for " + (otherwise ? "on" : "off"));
}

}  // namespace pr1::cuda
