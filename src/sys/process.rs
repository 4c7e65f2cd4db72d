//! Processes: making them, running binaries, what they are allowed.

/// Keeps glibc from loading name service modules: a static binary that dlopens those of a newer
/// glibc crashes (rust-lang/rust#100711; getaddrinfo and getpwnam on Debian 13). "files" and "dns"
/// are built in since glibc 2.34. Called first in main, before there is a second thread.
pub fn configure_name_services() {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    {
        use std::ffi::{CStr, c_char, c_int};
        unsafe extern "C" {
            fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
        }
        const TABLE: [(&CStr, &CStr); 4] = [
            (c"passwd", c"files"),
            (c"group", c"files"),
            (c"initgroups", c"files"),
            (c"hosts", c"files dns"),
        ];
        for (database, services) in TABLE {
            // SAFETY: both are constant C strings; glibc copies what it keeps. No other thread exists
            // yet that could be reading the table. A failure leaves the default.
            unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        }
    }
}
