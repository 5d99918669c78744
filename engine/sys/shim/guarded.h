// No C++ exception may cross into Rust: its text does, and the caller frees it.
#pragma once
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>
#include <exception>

namespace {

inline char* text(const char* message) { return strdup(message && *message ? message : "unknown C++ exception"); }

template <class F>
char* guarded(F&& body) {
  try {
    body();
    return nullptr;
  } catch (const c10::Error& e) {
    return text(e.what_without_backtrace());
  } catch (const std::exception& e) {
    return text(e.what());
  } catch (...) {
    return text("");
  }
}

}  // namespace
